"""Samples → chunks of at most 30 s of speech, cut in pauses, window by window (runs in the decoder child)."""

from collections.abc import Iterator
from itertools import pairwise
from math import ceil

import numpy as np
from faster_whisper.vad import get_vad_model
from numpy.typing import NDArray

from daemon.chunk import CHUNK_MAX_S, SAMPLE_RATE, Options

Samples = NDArray[np.int16]
Probabilities = NDArray[np.float32]
Region = tuple[int, int]
Cut = tuple[tuple[tuple[float, float], ...], bytes]
"""The spans of a chunk in seconds of the recording, and the samples of these spans as bytes."""

CHUNK_MAX = int(CHUNK_MAX_S * SAMPLE_RATE)
PACKED, PAUSELESS = 15 * SAMPLE_RATE, 20 * SAMPLE_RATE
"""Where the encoder's context is cut, stretches of speech are put together up to the first, and speech without a pause
is cut at the second: the encoder needs less for two chunks of 15 s than for one of 30 s, batches are fuller, and the
model loses its way less often, above all with things said twice (docs/performance.md). Where every chunk costs the
full context, chunks are as long as they can be."""
QUIET_SEARCH = 10 * SAMPLE_RATE
"""Speech without a pause is cut at its quietest moment in the last 10 s before a chunk is full."""
QUIET_WINDOW = SAMPLE_RATE // 10
VAD_WINDOW = 512
"""Samples that Silero gives one probability for."""
VAD_SLICE = 1875 * VAD_WINDOW
"""60 s: the VAD model takes 1.5 MB for a second of what it looks at together."""
POSSIBLE = 0.3
"""Of the threshold: what reaches this may be speech. It is, if it is beside what reaches the threshold or goes on for a
second. A voice over a telephone or in noise stays below 0.5 for seconds, silence and music are near 0
(docs/performance.md)."""
LASTING = SAMPLE_RATE
PAD = 400 * SAMPLE_RATE // 1000
"""Samples kept around speech on each side, faster-whisper's default: Silero clips soft onsets."""
DIGITAL_SILENCE = 32
"""A window whose loudest sample is below −60 dBFS holds no speech; the VAD model need not look at it."""
FIRST_WINDOW_S = 60.0
"""The first window is this long and each later one twice the one before, up to the configured length: the engine gets
its first chunks soon, and later little is looked at twice (an unfinished chunk is carried into the next window)."""
ONSET = SAMPLE_RATE
"""Kept of a window without speech: a word may begin at its very end."""


class Chunker:
    """Cuts a stream of samples; holds one window plus at most one unfinished chunk.

    The cuts depend only on the samples and the options, never on timing, so that decoding again after
    a crash gives the same chunks with the same numbers.
    """

    def __init__(self, options: Options) -> None:
        self._options = options
        self._packed, self._pauseless = (CHUNK_MAX, CHUNK_MAX) if options.context == "full" else (PACKED, PAUSELESS)
        self.window_s = min(FIRST_WINDOW_S, options.window_s)
        """Seconds of audio that are looked at next."""
        self._blocks: list[Samples] = []
        self._held = 0
        self._base = 0
        self.speech_s = 0.0

    def feed(self, block: Samples) -> Iterator[Cut]:
        """Take samples; gives chunks each time a window is full."""
        self._blocks.append(block)
        self._held += len(block)
        if self._held >= self.window_s * SAMPLE_RATE:
            yield from self._cut(final=False)
            self.window_s = min(2 * self.window_s, self._options.window_s)

    def finish(self) -> Iterator[Cut]:
        """The chunks of what is left."""
        if self._held:
            yield from self._cut(final=True)

    @property
    def position_s(self) -> float:
        """Seconds of the recording taken so far."""
        return (self._base + self._held) / SAMPLE_RATE

    def _cut(self, *, final: bool) -> Iterator[Cut]:
        buffer = np.concatenate(self._blocks)
        groups = pack(self._pieces(buffer), self._packed)
        if final:
            keep_from = len(buffer)
        elif groups:
            keep_from = groups.pop()[0][0]
        else:
            keep_from = max(0, len(buffer) - ONSET)
        for group in groups:
            spans = tuple(
                ((self._base + start) / SAMPLE_RATE, (self._base + end) / SAMPLE_RATE) for start, end in group
            )
            self.speech_s += sum(end - start for start, end in spans)
            yield spans, b"".join(buffer[start:end].astype("<i2").tobytes() for start, end in group)
        self._base += keep_from
        self._blocks = [buffer[keep_from:].copy()]
        self._held = len(buffer) - keep_from

    def _pieces(self, buffer: Samples) -> list[Region]:
        """Stretches of speech, none longer than a chunk, in samples of the buffer."""
        return [
            piece
            for region in self._speech(buffer)
            for piece in split(buffer, region, self._pauseless)
            if piece[1] > piece[0]
        ]

    def _speech(self, buffer: Samples) -> list[Region]:
        if not self._options.vad:
            return [(0, len(buffer))]
        looks = [_probabilities(buffer[at : at + VAD_SLICE]) for at in range(0, len(buffer), VAD_SLICE)]
        silence = self._options.vad_min_silence_ms * SAMPLE_RATE // 1000
        found = stretches(np.concatenate(looks), self._options.vad_threshold, silence)
        return padded(found, len(buffer))


def _probabilities(part: Samples) -> Probabilities:
    """Silero's probability of speech for each window of 512 samples, the last one filled up; shape (windows,)."""
    windows = ceil(len(part) / VAD_WINDOW)
    if int(np.abs(part.astype(np.int32)).max()) < DIGITAL_SILENCE:
        return np.zeros(windows, dtype=np.float32)
    whole = np.pad(part.astype(np.float32) / 32768.0, (0, windows * VAD_WINDOW - len(part)))
    found: Probabilities = get_vad_model()(whole).reshape(-1)
    return found


def stretches(probabilities: Probabilities, threshold: float, silence: int) -> list[Region]:
    """Where there is speech, in samples.

    Windows that may be speech make up one stretch as long as less than `silence` samples lie between them. It
    counts if one of its windows reaches the threshold, or if so many may be speech that it is no mere noise.
    """
    possible = np.flatnonzero(probabilities >= POSSIBLE * threshold)
    runs = np.split(possible, np.flatnonzero(np.diff(possible) > max(1, silence // VAD_WINDOW)) + 1)
    return [
        (int(run[0]) * VAD_WINDOW, int(run[-1] + 1) * VAD_WINDOW)
        for run in runs
        if len(run) and (len(run) * VAD_WINDOW >= LASTING or probabilities[run].max() >= threshold)
    ]


def padded(regions: list[Region], length: int) -> list[Region]:
    """Stretches with PAD samples more on each side, where the neighbours leave room for it."""
    middles = [0, *((before[1] + after[0]) // 2 for before, after in pairwise(regions)), length]
    return [
        (max(start - PAD, least), min(end + PAD, most))
        for (start, end), (least, most) in zip(regions, pairwise(middles), strict=False)
    ]


def split(buffer: Samples, region: Region, longest: int) -> Iterator[Region]:
    """Cut a region that is longer than `longest` samples at its quietest moments."""
    start, end = region
    while end - start > longest:
        latest = start + longest
        earliest = max(start + QUIET_WINDOW, latest - QUIET_SEARCH)
        cut = earliest + quietest(buffer[earliest:latest])
        yield start, cut
        start = cut
    yield start, end


def quietest(samples: Samples) -> int:
    """The middle of the 100 ms with the least energy."""
    energy = np.cumsum(np.square(samples.astype(np.float64)))
    return int(np.argmin(energy[QUIET_WINDOW:] - energy[:-QUIET_WINDOW])) + QUIET_WINDOW // 2


def pack(pieces: list[Region], longest: int) -> list[list[Region]]:
    """Put neighbouring pieces together up to `longest` samples, for context helps the model; a longer one is alone."""
    groups: list[list[Region]] = []
    room = 0
    for start, end in pieces:
        if end - start > room:
            groups.append([])
            room = longest
        groups[-1].append((start, end))
        room -= end - start
    return groups
