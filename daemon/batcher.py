"""Which chunks go through the model together: pure, no clock, no device.

A batch is a list of chunks of one bucket from any recordings. Jobs of the highest priority come first; among
them each job in turn gives one chunk, so that a memo behind a long meeting waits for one round, not for the
meeting. A job gives its oldest chunk of the batch's bucket, past others of its own if need be: a long recording alone,
whose chunks alternate between two lengths, fills batches too.
"""

from collections import deque
from dataclasses import dataclass, field
from itertools import islice

from daemon.chunk import Chunk


@dataclass(slots=True)
class _Queue:
    """The waiting chunks of a job; the one with the smallest turn is served next."""

    priority: int
    turn: int
    chunks: deque[Chunk] = field(default_factory=deque)

    @property
    def rank(self) -> tuple[int, int]:
        return (-self.priority, self.turn)

    def find(self, bucket: tuple[object, ...] | None) -> int | None:
        """Where the oldest chunk of a bucket stands (of any for None)."""
        return next((at for at, chunk in enumerate(self.chunks) if bucket in (None, chunk.bucket)), None)


class Batcher:
    """Holds chunks until a worker is free; every chunk submitted is taken exactly once, or dropped with its job."""

    def __init__(self) -> None:
        self._queues: dict[int, _Queue] = {}
        self._turn = 0

    def __len__(self) -> int:
        return sum(len(queue.chunks) for queue in self._queues.values())

    def waiting(self, job_id: int) -> int:
        """How many chunks of this job wait."""
        return len(self._queues[job_id].chunks) if job_id in self._queues else 0

    def submit(self, chunk: Chunk, priority: int = 0, *, first: bool = False) -> None:
        """Put a chunk in its job's queue; `first` puts it before the others, as for a repetition."""
        queue = self._queues.get(chunk.job_id)
        if queue is None:
            queue = self._queues[chunk.job_id] = _Queue(priority, self._next_turn())
        queue.priority = priority
        if first:
            queue.chunks.appendleft(chunk)
        else:
            queue.chunks.append(chunk)

    def take(self, size: int) -> list[Chunk]:
        """Up to `size` chunks of the bucket whose turn it is; empty if nothing waits."""
        batch: list[Chunk] = []
        bucket: tuple[object, ...] | None = None
        while len(batch) < size:
            found = self._next(bucket)
            if found is None:
                break
            queue, at = found
            chunk = queue.chunks[at]
            del queue.chunks[at]
            bucket = chunk.bucket
            batch.append(chunk)
            queue.turn = self._next_turn()
        for job_id in [job_id for job_id, queue in self._queues.items() if not queue.chunks]:
            del self._queues[job_id]
        return batch

    @property
    def next_is_alone(self) -> bool:
        """Whether the next chunk must have its engine for itself."""
        found = self._next(None)
        return found is not None and found[0].chunks[0].alone

    def full(self, size: int) -> bool:
        """Whether `take(size)` would give `size` chunks."""
        found = self._next(None)
        if found is None:
            return False
        bucket = found[0].chunks[0].bucket
        like = (chunk for other in self._queues.values() for chunk in other.chunks if chunk.bucket == bucket)
        return sum(1 for _ in islice(like, size)) == size

    def drop(self, job_id: int) -> float:
        """Forget the waiting chunks of a job; how many seconds of audio they were."""
        queue = self._queues.pop(job_id, None)
        return sum((chunk.duration_s for chunk in queue.chunks), 0.0) if queue else 0.0

    def _next(self, bucket: tuple[object, ...] | None) -> tuple[_Queue, int] | None:
        """The queue whose turn it is, and where its oldest chunk of the bucket stands."""
        found = ((queue, at) for queue in self._queues.values() if (at := queue.find(bucket)) is not None)
        return min(found, key=lambda each: each[0].rank, default=None)

    def _next_turn(self) -> int:
        self._turn += 1
        return self._turn
