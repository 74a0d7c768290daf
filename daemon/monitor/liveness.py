"""Whether the loops of the daemon make progress."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from daemon.config.settings import Monitor

DISPATCHER_SILENT_S, SCANNER_SILENT_S = 30.0, 60.0
"""They beat every second, and every few seconds even within a comparison; silent for this long they hang."""
MONITOR_SILENT_INTERVALS, MONITOR_SLACK_S = 3.0, 30.0


class Loop(Protocol):
    """Something that runs round after round."""

    @property
    def beat(self) -> float:
        """When it last made progress, in seconds on the monotonic clock."""


@dataclass(frozen=True, slots=True)
class Age:
    """How long a loop has been silent, and how long it may be."""

    age_s: float
    limit_s: float

    @property
    def hangs(self) -> bool:
        """Whether it has been silent for longer than it may be."""
        return self.age_s > self.limit_s


class Liveness:
    """The loops, and after how many seconds of silence each is taken for hanging."""

    def __init__(self, loops: Mapping[str, tuple[Loop, float]]) -> None:
        self._loops = dict(loops)

    def ages(self) -> dict[str, Age]:
        """Return the age of every loop, by name."""
        now = time.monotonic()
        return {name: Age(now - loop.beat, limit_s) for name, (loop, limit_s) in self._loops.items()}

    @property
    def hanging(self) -> list[str]:
        """The names of the loops that hang."""
        return [name for name, age in self.ages().items() if age.hangs]


def liveness_of(settings: Monitor, dispatcher: Loop, scanner: Loop, monitor: Loop) -> Liveness:
    """Return how long each loop of the daemon may be silent.

    Args:
        settings: How often the monitor samples.
        dispatcher: A loop, as are the others.
        scanner: Likewise.
        monitor: Likewise.
    """
    silent_s = MONITOR_SILENT_INTERVALS * settings.interval_seconds
    silent_s += settings.probe_timeout_seconds + MONITOR_SLACK_S
    return Liveness(
        {
            "dispatcher": (dispatcher, DISPATCHER_SILENT_S),
            "scanner": (scanner, SCANNER_SILENT_S),
            "monitor": (monitor, silent_s),
        }
    )
