"""How people sound, and who speaks when: what travels between the daemon and its children."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Voice:
    """How somebody sounds for a moment; times are seconds in the recording."""

    start_s: float
    end_s: float
    embedding: bytes
    """A direction in the space of the speaker model: float16, little-endian, of length 1; empty where nobody listens,
    because the channel tells who speaks."""


@dataclass(frozen=True, slots=True)
class KnownVoice:
    """A voice that has a name, as it was in one recording."""

    name: str
    embedding: bytes
    """As `Voice.embedding`."""


@dataclass(frozen=True, slots=True)
class Recognized:
    """Whose voice it probably is."""

    name: str
    likeness: float
    """The cosine with the nearest of the voices that are known by this name."""


TURNS = "turns"
"""Under this name it is kept, and stands in the JSON transcript, who speaks when."""


@dataclass(frozen=True, slots=True)
class Turn:
    """A stretch in which one person speaks; times are seconds in the recording."""

    start_s: float
    end_s: float
    speaker: str
    """As `Segment.speaker`."""
