"""How many of the waiting chunks each engine should get, where some are faster than others. Pure.

While there is plenty, every engine takes what it holds. Where there is less, as near the end of a recording, a slow one
that took its full batch would hold up the end: then each gets so many that all are done at about the same time, and an
idle one may get none, because a faster one that is busy would still be done with them first.
"""

from collections.abc import Sequence
from heapq import heapify, heapreplace

from daemon.processes.engine import BATCH_AUDIO_S, Engine

UNEVEN = 1.5
"""Engines whose paces differ by less are as good as equal: what waits is dealt out evenly."""
CHUNK_LEAST_S = 1.0
"""Chunks are taken for so long at least: none costs nothing."""


def by_speed(engines: Sequence[Engine], count: int, chunk_s: float) -> dict[int, int] | None:
    """Return how many of the waiting chunks each engine should get, by its place; None if it does not matter which.

    An engine that passes chunks on to a server takes what its window holds, and so do those beside it.

    Args:
        engines: those of a model.
        count: how many chunks wait.
        chunk_s: how long they are, on average.
    """
    paces = [engine.pace for engine in engines if engine.pace]
    if len(paces) < 2 or max(paces) < UNEVEN * min(paces) or any(engine.is_elsewhere for engine in engines):
        return None
    at_work = {at: engine.pace or min(paces) for at, engine in enumerate(engines) if engine.is_usable}
    busy = [engines[at].free_in_s(pace) + pace * BATCH_AUDIO_S for at, pace in at_work.items()]
    each = [pace * max(CHUNK_LEAST_S, chunk_s) / engines[at].workers for at, pace in at_work.items()]
    return dict(zip(at_work, shares(count, busy, each), strict=True))


def shares(count: int, busy_s: Sequence[float], each_s: Sequence[float]) -> list[int]:
    """Return how many chunks each engine should get so that all are done as early as possible.

    Args:
        count: how many chunks there are; there is an engine for them.
        busy_s: how long each engine is busy with others.
        each_s: how long each takes for one chunk.
    """
    rate, work, level_s = 0.0, float(count), 0.0
    for busy, each in sorted(zip(busy_s, each_s, strict=True)):
        if rate and level_s <= busy:
            break
        # All that begin before this moment are done at it.
        rate, work = rate + 1 / each, work + busy / each
        level_s = work / rate
    given = [max(0, int((level_s - busy) / each)) for busy, each in zip(busy_s, each_s, strict=True)]
    ends = [(busy_s[at] + (given[at] + 1) * each, at) for at, each in enumerate(each_s)]
    heapify(ends)
    for _ in range(count - sum(given)):
        end_s, at = ends[0]
        given[at] += 1
        heapreplace(ends, (end_s + each_s[at], at))
    return given
