"""What the daemon has done since it started, and how fast. Written by the dispatcher's thread, read by others."""

import time
from collections import Counter, deque
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import count

from daemon.store.monitoring import History

WINDOW_S = 3600.0
"""Rates cover the last hour, or the time since the start."""
KEPT = 50_000
"""How many endings and batches are remembered."""


@dataclass(frozen=True, slots=True)
class Ending:
    """The end of a job; `at` is on the monotonic clock, which setting the time cannot shift."""

    at: float
    good: bool
    audio_s: float
    processing_s: float


@dataclass(frozen=True, slots=True)
class Rates:
    """Figures of the last hour."""

    ended: int
    error_rate_percent: float
    real_time_factor_mean: float | None
    real_time_factor_p95: float | None
    files_per_hour: float
    audio_hours_per_hour: float
    batch_fill_percent: float | None


class Counters:
    """Counts since the start, and the endings of the last hour.

    Args:
        earlier: Endings of the last hour before this start, so that a restart does not hide errors.
    """

    def __init__(self, earlier: Iterable[Ending] = ()) -> None:
        self._began = time.monotonic()
        self._outcomes = deque(earlier, maxlen=KEPT)
        self._batches: deque[tuple[float, int, int]] = deque(maxlen=KEPT)
        self._steps = count(1)
        self.jobs: Counter[str] = Counter()
        """Ended jobs by state."""
        self.audio_s = 0.0
        """Audio of the recordings that are done."""
        self.processing_s = 0.0
        self.suspect = 0
        """Those of the jobs that are done whose transcript came with warnings."""
        self.progress = 0
        """Grows with every batch and every ended job."""

    def ended(self, state: str, audio_s: float = 0.0, processing_s: float = 0.0) -> None:
        """Count a job that is done, dead or rejected."""
        good = state == "done"
        self._outcomes.append(Ending(time.monotonic(), good, audio_s, processing_s))
        self.jobs[state] += 1
        if good:
            self.audio_s += audio_s
            self.processing_s += processing_s
        self.progress = next(self._steps)

    def batch(self, size: int, capacity: int) -> None:
        """Count a batch that has run."""
        self._batches.append((time.monotonic(), size, capacity))
        self.progress = next(self._steps)

    def rates(self) -> Rates:
        """Return the figures of the last hour."""
        now = time.monotonic()
        endings = [each for each in list(self._outcomes) if now - each.at < WINDOW_S]
        batches = [each for each in list(self._batches) if now - each[0] < WINDOW_S]
        good = [each for each in endings if each.good]
        factors = sorted(each.processing_s / each.audio_s for each in good if each.audio_s > 0)
        # The time since the start or the first known ending, whichever was earlier.
        began = min([self._began, *(each.at for each in endings)])
        hours = min(WINDOW_S, max(1.0, now - began)) / 3600
        audio_s = sum(each.audio_s for each in good)
        return Rates(
            ended=len(endings),
            error_rate_percent=100 * (len(endings) - len(good)) / len(endings) if endings else 0.0,
            real_time_factor_mean=sum(each.processing_s for each in good) / audio_s if audio_s else None,
            real_time_factor_p95=factors[min(len(factors) - 1, int(0.95 * len(factors)))] if factors else None,
            files_per_hour=len(good) / hours,
            audio_hours_per_hour=audio_s / 3600 / hours,
            batch_fill_percent=100 * sum(size for _, size, _ in batches) / sum(room for *_, room in batches)
            if batches
            else None,
        )


def counters_of(history: History) -> Counters:
    """Return counters that begin with the endings of the last hour, as the database has them."""
    now = time.monotonic()
    return Counters(
        Ending(now - ago, good, audio_s, processing_s)
        for ago, good, audio_s, processing_s in history.ended_since(WINDOW_S)
    )
