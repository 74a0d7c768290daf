"""What a recording consists of, and what of it was listened to."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Track:
    """An audio track of a recording, as its container describes it."""

    number: int
    """From 1."""
    codec: str
    """FFmpeg's name of it; empty if FFmpeg does not know it."""
    channels: int
    sample_rate: int
    language: str
    """As it is tagged, mostly an ISO 639-2 code; empty if it is not."""
    title: str
    is_default: bool
    """Whether a player would take it."""


@dataclass(frozen=True, slots=True)
class RecordedAt:
    """When a recording was made."""

    time: str = ""
    """ISO 8601, as exact as it is known: from a year to a second, with a Z if it is UTC, without a zone if that is not
    known; empty if nothing is known."""
    source: str = ""
    """`container`; `file` if only the date of the file says so, which is that of a copy at times."""


@dataclass(frozen=True, slots=True)
class Sound:
    """What of a recording was listened to, and what is to be said about it."""

    tracks: tuple[Track, ...] = ()
    """All of its audio tracks."""
    taken: tuple[int, ...] = ()
    """The numbers of those that were listened to."""
    channels: tuple[int, ...] = ()
    """The channels that were transcribed on their own, from 1; none if all were mixed."""
    recorded_at: RecordedAt = RecordedAt()
    warnings: tuple[str, ...] = ()
    """What a person should know about the transcript, in full sentences."""


NOTHING_HEARD = Sound()
"""What is known of a recording before it is decoded."""
