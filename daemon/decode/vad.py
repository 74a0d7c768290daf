"""Where there is speech: Silero's probabilities, and the rule that makes stretches of them (in the decoder child)."""

from contextlib import suppress
from hashlib import blake2b
from itertools import pairwise
from math import ceil

import numpy as np
from faster_whisper.vad import get_vad_model
from numpy.typing import NDArray

from daemon.chunk import SAMPLE_RATE

Samples = NDArray[np.int16]
Probabilities = NDArray[np.float32]
Region = tuple[int, int]

VAD_WINDOW = 512
"""How many samples Silero gives one probability for."""
VAD_SLICE = 1875 * VAD_WINDOW
"""60 s: the VAD model takes 1.5 MB of memory for each second that it is given at once."""
POSSIBLE = 0.3
"""A fraction of the threshold: what reaches it may be speech, and counts as speech if it adjoins what reaches the
threshold or lasts for a second. A voice on a telephone or in noise stays below 0.5 for seconds, while silence and music
are near 0 (docs/design-notes.md)."""
LASTING = SAMPLE_RATE
PAD = 400 * SAMPLE_RATE // 1000
"""Samples kept around speech on each side (faster-whisper's default), because Silero clips soft onsets."""
DIGITAL_SILENCE = 2
"""Samples that are no louder than dither contain no speech, so the VAD model need not look at them."""
FAINT, FAINT_TO = 0.01, 0.1
"""Silero misses speech that peaks below -55 dBFS. A slice that peaks below -40 dBFS is brought to -20: of noise that is
brought higher, some windows would count as speech."""


def warm_up() -> None:
    """Load Silero, so that the first recording need not wait for it (0.07 to 0.2 s)."""
    with suppress(Exception):  # whoever needs it will be told
        probabilities(np.full(VAD_WINDOW, 1 + DIGITAL_SILENCE, np.int16))


def probabilities(part: Samples) -> Probabilities:
    """Return Silero's probability of speech for each window of 512 samples, the last one padded; shape (windows,)."""
    windows = ceil(len(part) / VAD_WINDOW)
    if peak(part) <= DIGITAL_SILENCE:
        return np.zeros(windows, dtype=np.float32)
    gain = np.float32(lift(part, FAINT, FAINT_TO) / 32768.0)
    whole = np.pad(part.astype(np.float32) * gain, (0, windows * VAD_WINDOW - len(part)))
    found: Probabilities = get_vad_model()(whole).reshape(-1)
    return found


def peak(samples: Samples) -> int:
    """Return the largest magnitude of some samples; 0 of none."""
    return max(int(samples.max()), -int(samples.min())) if len(samples) else 0


class Looks:
    """The same, remembered: for a recording that is decoded again once it is complete."""

    def __init__(self) -> None:
        self._known: dict[bytes, Probabilities] = {}

    def __call__(self, part: Samples) -> Probabilities:
        """Return what `probabilities` does; the caller may change it."""
        key = blake2b(part.tobytes(), digest_size=16).digest()
        if key not in self._known:
            self._known[key] = probabilities(part)
        return self._known[key].copy()


def lift(samples: Samples, below: float, to: float) -> float:
    """Return the factor that brings samples that peak below a fraction of full scale to another one; else 1."""
    highest = peak(samples) / 32768.0
    return to / highest if 0 < highest < below else 1.0


def runs(probabilities: Probabilities, threshold: float, silence: int) -> list[NDArray[np.intp]]:
    """Return the numbers of the windows that may be speech, split at pauses of `silence` samples or more."""
    possible = np.flatnonzero(probabilities >= POSSIBLE * threshold)
    found = np.split(possible, np.flatnonzero(np.diff(possible) > max(1, silence // VAD_WINDOW)) + 1)
    return [run for run in found if len(run)]


def stretches(probabilities: Probabilities, threshold: float, silence: int) -> list[Region]:
    """Return where there is speech, in samples.

    Windows that may be speech form one stretch if less than `silence` samples lie between them. It counts if one of
    its windows reaches the threshold, or if it has so many windows that it cannot be mere noise.
    """
    return [
        (int(run[0]) * VAD_WINDOW, int(run[-1] + 1) * VAD_WINDOW)
        for run in runs(probabilities, threshold, silence)
        if len(run) * VAD_WINDOW >= LASTING or probabilities[run].max() >= threshold
    ]


def padded(regions: list[Region], first: int, last: int) -> list[Region]:
    """Widen stretches by PAD samples on each side, as far as their neighbours, `first` and `last` leave room."""
    middles = [first, *((before[1] + after[0]) // 2 for before, after in pairwise(regions)), last]
    return [
        (max(start - PAD, least), min(end + PAD, most))
        for (start, end), (least, most) in zip(regions, pairwise(middles), strict=False)
    ]
