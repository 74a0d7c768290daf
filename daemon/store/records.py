"""The row of a job as the daemon carries it, and the small values that go into the store."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from datetime import UTC, datetime, timedelta
from typing import Any

from daemon.chunk import BESIDE, Chunk, Options, Segment, Suppressed
from daemon.sound import NOTHING_HEARD, RecordedAt, Sound, Track


@dataclass(frozen=True, slots=True)
class Seen:
    """A path that the scanner has looked at: a version of a recording, or something else."""

    root: str
    path_bytes: bytes
    """The path relative to the root, which identifies the file whatever its encoding."""
    fingerprint: str
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Known:
    """What the store holds about a version of a path."""

    job_id: int
    fingerprint: str
    state: str


@dataclass(frozen=True, slots=True)
class Whereabouts:
    """Where the file of a job was when it was last seen."""

    job_id: int
    root: str
    path_bytes: bytes
    fingerprint: str
    state: str
    output: str = BESIDE
    """Where its transcript goes, as the option of that name."""
    options: str = ""
    """All of its options, as `options_to_json` writes them."""


@dataclass(frozen=True, slots=True)
class Moved:
    """A job whose file has another path or fingerprint now, and what goes with that."""

    job_id: int
    seen: Seen
    options: Options
    """Those that apply where it is now."""
    priority: int
    files: Mapping[str, bytes] = field(default_factory=dict)
    """The absolute paths of the files of its transcript that have another path now, by format."""
    reason: str | None = None
    """What there is to say about it."""


@dataclass(frozen=True, slots=True)
class Job:
    """One version of one recording and its resolved options."""

    id: int
    root: str
    path: str
    path_bytes: bytes
    fingerprint: str
    size_bytes: int
    options: Options
    priority: int
    attempts: int
    content_hash: str | None
    language: str | None
    language_probability: float | None
    model: str | None
    compute_type: str | None
    device: str | None
    duration_s: float | None
    speech_s: float | None
    damaged: int
    processing_s: float
    retried: bool
    """Whether it is to be computed and published again, even if nothing about the recording has changed."""
    sound: Sound = NOTHING_HEARD
    """What of it was listened to, once all of it is decoded; from the columns `sound`, `recorded_at` and `warnings`."""


@dataclass(frozen=True, slots=True)
class MadeWith:
    """What transcribes a job: the model as configured, and where and how it was loaded."""

    model: str
    compute_type: str
    device: str


@dataclass(frozen=True, slots=True)
class Result:
    """A finished chunk and its segments: one checkpoint."""

    job_id: int
    idx: int
    start_s: float
    end_s: float
    attempts: int
    """Decodings until every part was good."""
    guards: int
    """Those repeated at full context because the result of a cut context looked wrong."""
    fallbacks: int
    """Those repeated at a higher temperature."""
    rests: int
    """Those of speech that the part before had left without text."""
    segments: tuple[Segment, ...]
    suppressed: tuple[Suppressed, ...]
    """Text of the model that was left out of the transcript."""
    run_s: float
    """The chunk's share of the time that its batches ran on the device."""
    channel: int = 0
    """The channel that it was cut from, from 1; 0 if the channels were mixed."""
    translation: tuple[Segment, ...] = ()
    """What was said in English, if the job is to have both."""
    digest: str = ""
    """As `Chunk.digest`."""


@dataclass(frozen=True, slots=True)
class ChunkDone:
    """Which chunk has its checkpoint, to be compared with what is cut now."""

    start_s: float
    end_s: float
    digest: str | None = None
    """As `Chunk.digest`; None for chunks of an earlier release."""

    def is_of(self, chunk: Chunk) -> bool:
        """Return whether it is a chunk that has just been cut."""
        return (self.start_s, self.end_s) == (chunk.start_s, chunk.end_s) and self.digest in (None, chunk.digest)


@dataclass(frozen=True, slots=True)
class StoredChunk:
    """A finished chunk as it is read back, for the stages of its job."""

    idx: int
    start_s: float
    end_s: float
    segments: tuple[Segment, ...]
    """In the order of the recording; none if the chunk has no text."""


@dataclass(frozen=True, slots=True)
class StageProgress:
    """How far a stage of a job is; all values are such as JSON gives back unchanged."""

    name: str
    chunks_done: int
    state: Any
    """What the stage goes on from with the next chunk."""
    result: Any = None
    """What it has found; None until it has seen the last chunk."""


@dataclass(frozen=True, slots=True)
class Batch:
    """One batch as it ran; `size` of `capacity` chunks from `recordings` recordings."""

    device: str
    size: int
    capacity: int
    recordings: int
    audio_s: float
    run_s: float


@dataclass(frozen=True, slots=True)
class Output:
    """A file of a transcript, beside the recording."""

    format: str
    path_bytes: bytes
    """Absolute."""
    sha256: str
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Written:
    """What the daemon last wrote at a path, and for which recording."""

    sha256: str
    root: str
    path_bytes: bytes
    job_id: int
    is_corrected: bool
    """Whether people have corrected what it says."""


def readable(path: bytes) -> str:
    """Return a path for people: what is not UTF-8 or not printable is escaped, so that it stays on one line."""
    text = path.decode("utf-8", "backslashreplace")
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)


def timestamp(at: datetime | None = None) -> str:
    """Return a time, by default now, in UTC as ISO 8601 to the millisecond; such times sort as text."""
    return (at or datetime.now(UTC)).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"


def timestamp_in(seconds: float) -> str:
    """Return the time in so many seconds, as `timestamp` writes it."""
    return timestamp(datetime.now(UTC) + timedelta(seconds=seconds))


def seconds_until(text: str) -> float:
    """Return the seconds until a time that `timestamp` wrote; negative if it is past."""
    return (datetime.fromisoformat(text) - datetime.now(UTC)).total_seconds()


def sound_to_json(sound: Sound) -> dict[str, str | None]:
    """Write what was listened to as the columns of `jobs` that hold it."""
    parts = {
        "tracks": [asdict(track) for track in sound.tracks],
        "taken": sound.taken,
        "channels": sound.channels,
        "recorded_at_source": sound.recorded_at.source,
    }
    return {
        "recorded_at": sound.recorded_at.time or None,
        "sound": json.dumps(parts, ensure_ascii=False),
        "warnings": warnings_to_json(sound.warnings),
    }


def warnings_to_json(warnings: Sequence[str]) -> str | None:
    """Write warnings as a JSON list; None if there are none, so that they are easy to query."""
    return json.dumps(warnings, ensure_ascii=False) if warnings else None


def sound_from_json(sound: str | None, recorded_at: str | None, warnings: str | None) -> Sound:
    """Read what `sound_to_json` wrote."""
    parts = json.loads(sound or "{}")
    return Sound(
        tracks=tuple(Track(**track) for track in parts.get("tracks", ())),
        taken=tuple(parts.get("taken", ())),
        channels=tuple(parts.get("channels", ())),
        recorded_at=RecordedAt(recorded_at or "", parts.get("recorded_at_source", "")),
        warnings=tuple(json.loads(warnings or "[]")),
    )


def options_to_json(options: Options) -> str:
    """Write options as JSON; the same options give the same text."""
    return json.dumps(asdict(options), sort_keys=True)


def seen_columns(seen: Seen) -> dict[str, Any]:
    """Return the columns of `jobs` that tell one version of one recording from all others."""
    return {
        "root": seen.root,
        "path": readable(seen.path_bytes),
        "path_bytes": seen.path_bytes,
        "fingerprint": seen.fingerprint,
        "size_bytes": seen.size_bytes,
    }


def options_columns(options: Options) -> dict[str, Any]:
    """Return the columns of `jobs` that hold options."""
    return {
        "options": options_to_json(options),
        "task": options.task,
        "model": options.model,
        "language": None if options.language == "auto" else options.language,
    }


def options_from_json(text: str) -> Options:
    """Read options as they were queued; keys added since then get their defaults, and dropped keys are left out."""
    known = {field.name for field in fields(Options)}
    return Options(**{key: value for key, value in json.loads(text, object_hook=_frozen).items() if key in known})


def _frozen(values: dict[str, Any]) -> dict[str, Any]:
    return {key: tuple(value) if isinstance(value, list) else value for key, value in values.items()}
