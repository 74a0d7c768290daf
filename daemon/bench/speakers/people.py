"""The people whose clips conversations are built of, and what of their clips is speech."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from daemon.chunk import SAMPLE_RATE
from daemon.clips import voices
from daemon.decode.media import FORMATS, samples
from daemon.decode.vad import VAD_SLICE, Region, Samples, probabilities, stretches
from daemon.errors import BadRecording, Unavailable

Sound = NDArray[np.float32]
"""Samples at 16 kHz between -1 and 1, shape (samples,)."""

LEVEL_DB = -26.0
"""Everybody speaks equally loud, in dB of full scale: what tells them apart is not to be their level."""
BREATH = 3 * SAMPLE_RATE // 10
"""A pause of 0.3 s or more ends a phrase, as in the references of NIST: nobody speaks then."""
SURE = 0.5
LEAST_S = 5.0
"""Somebody of whom there is less speech is left out."""


@dataclass(frozen=True, slots=True)
class Clip:
    """A recording of one person."""

    sound: Sound
    phrases: tuple[Region, ...]
    """Where there is speech, in samples."""


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody, and all that there is of their speech."""

    name: str
    clips: tuple[Clip, ...]

    @property
    def speech_s(self) -> float:
        """Seconds of speech."""
        return sum(end - start for clip in self.clips for start, end in clip.phrases) / SAMPLE_RATE


def of_folder(folder: Path) -> tuple[list[Person], list[str]]:
    """Return the people of a folder, in the order of their names, and those of whom there is too little.

    Files in a sub-folder are of the person whom it is named for; files in the folder itself, of the one before the
    first `-` in their names.

    Raises:
        Unavailable: There is nobody with enough speech.
    """
    files: dict[str, list[Path]] = defaultdict(list)
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        inside = path.relative_to(folder)
        files[inside.parts[0] if len(inside.parts) > 1 else inside.stem.split("-")[0]].append(path)
    everybody = [Person(name, tuple(_clips(paths))) for name, paths in sorted(files.items())]
    people = [person for person in everybody if person.speech_s >= LEAST_S]
    if not people:
        raise Unavailable(
            f"nobody in {folder} speaks for {LEAST_S:g} s",
            f"give it a sub-folder for each person with clips of theirs; known containers: {FORMATS}",
        )
    few = [f"{person.name} ({person.speech_s:.1f} s)" for person in everybody if 0 < person.speech_s < LEAST_S]
    return people, few


def shipped() -> list[Person]:
    """Return the voices of the clips that ship with the project, which are synthetic."""
    files: dict[str, list[Path]] = defaultdict(list)
    for path, voice in voices().items():
        files[voice].append(path)
    return [Person(name, tuple(_clips(paths))) for name, paths in sorted(files.items())]


def phrases_of(sound: Samples) -> tuple[Region, ...]:
    """Return where there is speech in int16 samples, shape (samples,): no padding, and no pause of 0.3 s."""
    looks = [probabilities(sound[at : at + VAD_SLICE]) for at in range(0, len(sound), VAD_SLICE)]
    found = stretches(np.concatenate(looks), SURE, BREATH) if looks else []
    return tuple((start, min(end, len(sound))) for start, end in found)


def _clips(paths: Iterable[Path]) -> Iterator[Clip]:
    """Yield the clips in which somebody speaks; files that are none are passed over."""
    for path in paths:
        try:
            sound = np.frombuffer(samples(path), dtype="<i2")
        except BadRecording:
            continue
        if phrases := phrases_of(sound):
            yield Clip(_levelled(sound.astype(np.float32) / np.float32(32768), phrases), phrases)


def _levelled(sound: Sound, phrases: Iterable[Region]) -> Sound:
    """Return the clip with its speech at the common level, its peaks at full scale at most."""
    power = float(np.mean(np.concatenate([np.square(sound[start:end]) for start, end in phrases])))
    gain = 10 ** (LEVEL_DB / 20) / max(power, 1e-12) ** 0.5
    levelled: Sound = np.clip(sound * np.float32(gain), -1.0, 1.0)
    return levelled
