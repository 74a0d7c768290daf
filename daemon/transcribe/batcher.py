"""Which chunks go through the model together: pure, no clock, no device.

A batch is a list of chunks of one bucket from any recordings. Jobs of the highest priority come first; among
them each job in turn gives one chunk, so that a memo behind a long meeting waits for one round, not for the
meeting; one that is new goes before those that have just had a turn. A job gives its oldest chunk of the batch's
bucket, past others of its own if need be: a long recording alone, whose chunks alternate between two lengths, fills
batches too. Its odd ones, as repetitions are, wait for more of their kind while others of the same recording fill
batches.
"""

from collections import Counter, deque
from dataclasses import dataclass, field

from daemon.chunk import Bucket, Chunk

PASSES_MAX = 16
"""So many times the oldest chunk of a job may see others of it go first."""
HEAD_START = 32
"""A new job is served as if it had come so many turns earlier, as many as eight batches of four take: a memo then waits
for the first worker that is free, and not for one more batch of a meeting. So few that a stream of memos does not stop
the meeting."""
NEW_CHUNKS = 4
"""A job is new for its first two minutes of speech, and where these are transcribed again: what is begun of a memo is
not held up by those that come after it."""


@dataclass(slots=True)
class _Queue:
    """The waiting chunks of a job; the one with the smallest turn is served next."""

    priority: int
    turn: int
    chunks: deque[Chunk] = field(default_factory=deque)
    passes: int = 0
    """How often its oldest chunk has been passed over."""
    at_once: int = 0
    """How many of its first chunks have had their turn, and were lost."""

    @property
    def rank(self) -> tuple[int, int]:
        return (-self.priority, 0 if self.at_once else self.turn)

    def find(self, bucket: Bucket | None, *, only_new: bool) -> int | None:
        """Return where the oldest chunk of a bucket stands (of any for None)."""
        return next(
            (
                at
                for at, chunk in enumerate(self.chunks)
                if bucket in (None, chunk.bucket) and (_is_new(chunk) or not only_new)
            ),
            None,
        )


class Batcher:
    """Holds chunks until a worker is free; every chunk submitted is taken exactly once, or dropped with its job."""

    def __init__(self) -> None:
        self._queues: dict[int, _Queue] = {}
        self._waiting = Counter[Bucket]()
        self._turn = HEAD_START

    def __len__(self) -> int:
        return self._waiting.total()

    def submit(self, chunk: Chunk, priority: int = 0, *, first: bool = False, at_once: bool = False) -> None:
        """Put a chunk in its job's queue.

        Args:
            chunk: A chunk of the job.
            priority: Of the job.
            first: Whether it goes before the others of its job, as for a repetition.
            at_once: Whether it goes before all of its priority: it had its turn, and what was made of it was lost.
        """
        queue = self._queues.get(chunk.job_id)
        if queue is None:
            queue = self._queues[chunk.job_id] = _Queue(priority, self._turn_of(chunk))
        queue.priority = priority
        queue.at_once += at_once
        self._waiting[chunk.bucket] += 1
        if first or at_once:
            queue.chunks.appendleft(chunk)
        else:
            queue.chunks.append(chunk)

    def take(self, size: int, *, new_apart: bool = False) -> list[Chunk]:
        """Take up to `size` chunks of one bucket, of the job whose turn it is first; none if nothing waits.

        Args:
            size: How many at most.
            new_apart: Whether what a new job has is not filled up with chunks of others that are not new: where a batch
                takes longer the more it holds, a memo would wait for a meeting's share of it.
        """
        chosen = self._choose(size)
        only_new = new_apart and chosen is not None and _is_new(chosen)
        batch: list[Chunk] = []
        while chosen is not None and len(batch) < size:
            found = self._next(chosen.bucket, only_new=only_new)
            if found is None:
                break
            queue, at = found
            if not batch:
                queue.passes = queue.passes + 1 if at else 0
            batch.append(queue.chunks[at])
            del queue.chunks[at]
            queue.at_once -= at < queue.at_once
            queue.turn = self._turn_of(queue.chunks[0] if queue.chunks else batch[-1])
            self._waiting[chosen.bucket] -= 1
        self._queues = {job_id: queue for job_id, queue in self._queues.items() if queue.chunks}
        self._waiting = +self._waiting
        return batch

    def next_is_alone(self, size: int) -> bool:
        """Tell whether `take(size)` would give a chunk that must have its engine for itself."""
        chosen = self._choose(size)
        return chosen is not None and chosen.alone

    def full(self, size: int, *, new_apart: bool = False) -> bool:
        """Tell whether `take` would give `size` chunks."""
        chosen = self._choose(size)
        if chosen is None or self._waiting[chosen.bucket] < size:
            return False
        if not (new_apart and _is_new(chosen)):
            return True
        waiting = (chunk for queue in self._queues.values() for chunk in queue.chunks)
        return sum(_is_new(chunk) and chunk.bucket == chosen.bucket for chunk in waiting) >= size

    def _choose(self, size: int) -> Chunk | None:
        """Return a chunk of the bucket to take.

        It is the oldest one of the job whose turn it is, unless its bucket would not fill the batch, another one would,
        and it has not been passed over too often.
        """
        found = self._next(None)
        if found is None:
            return None
        queue, _ = found
        oldest = queue.chunks[0]
        fills_none = all(waiting < size for waiting in self._waiting.values())
        if oldest.alone or queue.at_once or queue.passes >= PASSES_MAX or fills_none:
            return oldest
        return next((chunk for chunk in queue.chunks if self._waiting[chunk.bucket] >= size), oldest)

    def drop(self, job_id: int) -> list[Chunk]:
        """Forget the waiting chunks of a job, and return them, the oldest first."""
        queue = self._queues.pop(job_id, None)
        if queue is None:
            return []
        self._waiting.subtract(chunk.bucket for chunk in queue.chunks)
        return list(queue.chunks)

    def _next(self, bucket: Bucket | None, *, only_new: bool = False) -> tuple[_Queue, int] | None:
        """Return the queue whose turn it is, and where its oldest chunk of the bucket stands."""
        found = (
            (queue, at) for queue in self._queues.values() if (at := queue.find(bucket, only_new=only_new)) is not None
        )
        return min(found, key=lambda each: each[0].rank, default=None)

    def _turn_of(self, chunk: Chunk) -> int:
        """Return the next turn, for a job whose next chunk this is."""
        self._turn += 1
        return self._turn - (HEAD_START if _is_new(chunk) else 0)


def _is_new(chunk: Chunk) -> bool:
    return chunk.idx < NEW_CHUNKS
