"""What a benchmark transcribes: recordings made from the shipped clips, or the user's own, with what is said."""

import hashlib
import random
import shutil
import wave
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from daemon.chunk import BYTES_PER_SECOND, SAMPLE_RATE
from daemon.clips import references
from daemon.config.formats import EXTENSIONS
from daemon.decode.media import FORMATS, samples
from daemon.errors import BadRecording, Unavailable

PAUSE_S = 0.6
"""The pause between two clips of a recording made from clips."""
NOISE_PEAK = 20
"""The peak of the noise in the pauses, in steps of a 16-bit sample: real recordings are never digitally silent."""
SEED = 7
MEMOS, MEETING_S, MIXED_MEMOS, MIXED_MEETINGS, MIXED_MEETING_S = 60, 900.0, 30, 2, 360.0
"""The sizes of the workloads in the tables of docs/performance.md."""


@dataclass(frozen=True, slots=True)
class Item:
    """A recording and what is said in it, if that is known."""

    path: Path
    text: str | None
    duration_s: float


@dataclass(frozen=True, slots=True)
class Workload:
    """Recordings that are transcribed together. `sha256` tells workloads apart."""

    name: str
    items: tuple[Item, ...]
    sha256: str

    @property
    def audio_s(self) -> float:
        """The length of all recordings together, in seconds."""
        return sum(item.duration_s for item in self.items)

    @property
    def has_references(self) -> bool:
        """Whether it is known what is said in every recording."""
        return all(item.text is not None for item in self.items)


def memos(folder: Path, count: int = MEMOS) -> Workload:
    """Make `count` short recordings by repeating the shipped clips (2 to 14 s)."""
    clips = list(references().items())
    items: list[Item] = []
    for number in range(count):
        clip, text = clips[number % len(clips)]
        path = Path(shutil.copy(clip, folder / f"memo-{number:04d}{clip.suffix}"))
        items.append(Item(path, text, _length_s(clip)))
    return _workload(f"{count} memos", items)


def meeting(folder: Path, length_s: float = MEETING_S, name: str = "meeting") -> Workload:
    """Make one long recording from the clips in random order, so that speakers alternate."""
    return _workload(f"one recording of {length_s / 60:g} min", [_long(folder / f"{name}.wav", length_s, SEED)])


def mixed(folder: Path) -> Workload:
    """Make memos and long recordings."""
    items = list(memos(folder, MIXED_MEMOS).items)
    items += [_long(folder / f"meeting-{n}.wav", MIXED_MEETING_S, SEED + n) for n in range(MIXED_MEETINGS)]
    return _workload(f"{MIXED_MEMOS} memos and {MIXED_MEETINGS} x {MIXED_MEETING_S / 60:g} min", items)


def of_user(source: Path, folder: Path) -> Workload:
    """Copy the recordings below a user's folder, so that nothing is written there.

    What is said in `talk.mp3` is read from `talk.ref.txt` beside it, if that exists.

    Raises:
        Unavailable: There is no recording.
    """
    items: list[Item] = []
    for path in sorted(path for path in source.rglob("*") if path.is_file()):
        if path.suffix.lower() in EXTENSIONS:
            continue
        try:
            length_s = _length_s(path)
        except BadRecording:
            continue
        copy = Path(shutil.copy(path, folder / f"{len(items):04d}-{path.name}"))
        reference = path.with_suffix(".ref.txt")
        items.append(Item(copy, reference.read_text("utf-8") if reference.is_file() else None, length_s))
    if not items:
        raise Unavailable(f"there is no recording below {source}", f"known containers: {FORMATS}")
    return _workload(f"{source.name}: {len(items)} recordings", items)


BUILDERS: dict[str, Callable[[Path], Workload]] = {"memos": memos, "meeting": meeting, "mixed": mixed}


def _long(path: Path, length_s: float, seed: int) -> Item:
    rng = random.Random(seed)
    clips = [(samples(clip), text) for clip, text in references().items()]
    said: list[str] = []
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(SAMPLE_RATE)
        while file.tell() < length_s * SAMPLE_RATE:
            audio, text = rng.choice(clips)
            file.writeframes(audio + _noise(rng, PAUSE_S))
            said.append(text)
        frames = file.tell()
    return Item(path, " ".join(said), frames / SAMPLE_RATE)


def _noise(rng: random.Random, length_s: float) -> bytes:
    values = (rng.randint(-NOISE_PEAK, NOISE_PEAK) for _ in range(round(length_s * SAMPLE_RATE)))
    return b"".join(value.to_bytes(2, "little", signed=True) for value in values)


@cache
def _length_s(path: Path) -> float:
    return len(samples(path)) / BYTES_PER_SECOND


def _workload(name: str, items: list[Item]) -> Workload:
    digest = hashlib.sha256()
    for item in items:
        digest.update(item.path.read_bytes())
    return Workload(name, tuple(items), digest.hexdigest())
