"""What comes of an attempt to deliver something."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Delivered:
    """It is done."""

    note: str | None = None


@dataclass(frozen=True, slots=True)
class Refused:
    """It has failed, and would fail again."""

    reason: str


@dataclass(frozen=True, slots=True)
class Unwanted:
    """It is no longer to be done."""

    reason: str


@dataclass(frozen=True, slots=True)
class Later:
    """It has failed, and may succeed later."""

    reason: str
    wait_s: float | None = None
    """When to try again; None leaves it to the lane."""
    concerns_all: bool = False
    """Whether everything else in the lane would fail as well, so that it waits, too."""


@dataclass(frozen=True, slots=True)
class NotYet:
    """It is not due yet after all."""

    reason: str
    wait_s: float


@dataclass(frozen=True, slots=True)
class BrokenOff:
    """The daemon stops: it is done again at the next start."""


Answer = Delivered | Refused | Unwanted | Later | NotYet | BrokenOff
