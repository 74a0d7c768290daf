"""The stages of a job: what is computed for the whole recording once all its chunks are finished."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import reduce
from typing import Any, Generic, TypeVar

from daemon.store.records import StageProgress, StoredChunk
from daemon.store.store import Store
from daemon.transcribe import languages

S = TypeVar("S")

CHUNKS_PER_STEP = 50
"""A step over this many chunks, a quarter of an hour of speech, takes some milliseconds of the dispatcher's thread."""


@dataclass(frozen=True, slots=True)
class Stage(Generic[S]):
    """A pure fold over the finished chunks of a recording, in their order.

    Its state is kept between steps and its result for good, both as JSON. Both must come back from JSON as they were,
    and should stay small however long the recording is.
    """

    name: str
    """In the database, and the key of the result in the JSON transcript."""
    begin: Callable[[], S]
    step: Callable[[S, StoredChunk], S]
    result: Callable[[S], Any]
    """Anything but None, which in the database means that there is no result yet."""


STAGES: tuple[Stage[Any], ...] = (Stage("languages", languages.begin, languages.step, languages.result),)


class StageRunner:
    """Takes jobs through their stages, step by step, so that the thread that it runs on is never held up."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._unfinished: dict[int, None] = {}

    @property
    def unfinished(self) -> tuple[int, ...]:
        """Jobs whose stages have begun and need more steps."""
        return tuple(self._unfinished)

    def advance(self, job_id: int) -> list[StageProgress] | None:
        """Take the next step of each stage of a job whose chunks are all finished.

        Returns:
            The finished stages once all of them are, to be kept with what is published; None if steps are left.
        """
        kept = self._store.stages(job_id)
        before = [kept.get(stage.name) or StageProgress(stage.name, 0, stage.begin()) for stage in STAGES]
        after = [self._step(job_id, stage, progress) for stage, progress in zip(STAGES, before, strict=True)]
        if all(progress.result is not None for progress in after):
            self.drop(job_id)
            return after
        self._store.keep_stages(job_id, after)
        self._unfinished[job_id] = None
        return None

    def drop(self, job_id: int) -> None:
        """Forget a job; what is kept of its stages stays."""
        self._unfinished.pop(job_id, None)

    def _step(self, job_id: int, stage: Stage[Any], progress: StageProgress) -> StageProgress:
        # One more than the step takes tells whether it is the last one.
        chunks = self._store.stored_chunks(job_id, progress.chunks_done, CHUNKS_PER_STEP + 1)
        if not chunks and progress.result is not None:
            return progress
        state = reduce(stage.step, chunks[:CHUNKS_PER_STEP], progress.state)
        done = progress.chunks_done + len(chunks[:CHUNKS_PER_STEP])
        is_last = len(chunks) <= CHUNKS_PER_STEP
        return replace(progress, chunks_done=done, state=state, result=stage.result(state) if is_last else None)
