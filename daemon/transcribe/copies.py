"""Chunks that two engines have, so that a slow one does not hold up the end: which are worth it, which answer counts.

When nothing waits and an engine is idle, it gets what another one would need much longer for; the first answer counts.
A copy is the very same object: a chunk that is decoded again, at another temperature or alone, is another one.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from daemon.chunk import Chunk
from daemon.processes.engine import Engine, takes

LONGER = 2.0
"""A batch is copied if it is due so many times later than the copy: at once where the other engine is much slower, and
from an equal one once it has taken three times as long as it should."""
GAIN_LEAST_S = 0.5
"""What a copy must be expected to save: nobody waits for less, and the engine's work is not free."""


@dataclass(slots=True)
class _Copied:
    """A chunk that was given to two engines."""

    chunk: Chunk
    """Kept, so that no other object gets its identity."""
    out: int = 2
    """Engines that have it still."""
    is_answered: bool = False


class Copies:
    """Which chunks two engines have, or one after the other has answered or lost them."""

    def __init__(self) -> None:
        self._copied: dict[int, _Copied] = {}

    def __len__(self) -> int:
        return len(self._copied)

    def __contains__(self, chunk: Chunk) -> bool:
        return id(chunk) in self._copied

    def made(self, chunks: Sequence[Chunk]) -> None:
        """Note that chunks of a batch were given to another engine as well."""
        self._copied |= {id(chunk): _Copied(chunk) for chunk in chunks}

    def answered(self, chunks: Sequence[Chunk]) -> list[bool]:
        """Take the end of a batch, and tell of each of its chunks whether this answer is the first."""
        return [self._ends(chunk, is_answer=True) for chunk in chunks]

    def lost(self, chunks: Sequence[Chunk], *, blamed: bool) -> list[Chunk]:
        """Take the loss of a batch; return those of its chunks that are not answered and that no other engine has.

        Args:
            chunks: those of the batch.
            blamed: whether they may have been the reason; then those that another engine has are not copied once more.
        """
        return [chunk for chunk in chunks if self._ends(chunk, is_answer=False, again=not blamed)]

    def _ends(self, chunk: Chunk, *, is_answer: bool, again: bool = False) -> bool:
        """Note that an engine is done with a chunk; return whether that counts."""
        copied = self._copied.get(id(chunk))
        if copied is None:
            return True
        copied.out -= 1
        counts = not copied.is_answered and (is_answer or not copied.out)
        copied.is_answered |= is_answer
        if not copied.out or (again and not copied.is_answered):
            del self._copied[id(chunk)]
        return counts

    def is_void(self, batch: Sequence[Chunk]) -> bool:
        """Tell whether nothing of a batch is waited for, because others have answered all of it."""
        return all((copied := self._copied.get(id(chunk))) is not None and copied.is_answered for chunk in batch)


def worth_copying(engines: Sequence[Engine], may: Callable[[Chunk], bool]) -> Iterator[tuple[Engine, list[Chunk]]]:
    """Yield idle engines and what they should do as well, although others have it; each must get it before the next.

    Those that pass chunks on to a server get none: a request may cost money.

    Args:
        engines: those of a model, for which nothing waits.
        may: whether a chunk may be copied.
    """
    idle = [each for each in engines if each.is_usable and each.idle_workers > 0 and not each.is_elsewhere]
    if not idle:
        return
    # One that has done nothing yet is taken for an equal of the other.
    fastest = min((each.pace for each in idle if each.pace), default=0.0)
    late = [
        (due_s, engine, batch_id, pace)
        for engine in engines
        if engine.batches and (pace := engine.pace or fastest)
        for batch_id, due_s in engine.due_s(pace).items()
        if _is_much_later(due_s, takes(fastest, ()))
    ]
    late.sort(key=lambda each: -each[0])
    for copier in sorted(idle, key=lambda each: (not each.pace, each.pace)):
        while late and copier.may_take(alone=False, full=False):
            found = next(_for(copier, late, may), None)
            if found is None:
                break
            yield copier, found


def _for(
    copier: Engine, late: Sequence[tuple[float, Engine, int, float]], may: Callable[[Chunk], bool]
) -> Iterator[list[Chunk]]:
    """Yield the chunks that an idle engine has much sooner than one of another device."""
    for due_s, engine, batch_id, pace in late:
        if engine.device != copier.device:
            chunks = [chunk for chunk in engine.batches[batch_id] if may(chunk)][: copier.batch_size]
            if chunks and _is_much_later(due_s, copier.way_s + takes(copier.pace or pace, chunks)):
                yield chunks


def _is_much_later(due_s: float, copy_s: float) -> bool:
    return due_s > LONGER * copy_s and due_s - copy_s > GAIN_LEAST_S
