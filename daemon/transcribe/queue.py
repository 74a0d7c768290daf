"""Takes jobs out of the queue when there is a place for them, and has their recordings opened.

Recordings that are still being recorded are not in the queue yet. A few of them are opened all the same.
"""

import logging
import os
import time
from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import replace

from daemon.errors import BadRecording, TranscribedError
from daemon.filesystem import file_of
from daemon.processes.protocol import Open, Ready
from daemon.recording import current_file, growing_file
from daemon.store.records import Job
from daemon.store.store import Store
from daemon.transcribe.abilities import Abilities
from daemon.transcribe.active_job import ActiveJob
from daemon.transcribe.children import Children
from daemon.transcribe.inference import Inference
from daemon.transcribe.outcome import Outcomes
from daemon.transcribe.places import LONG_BYTES, free_places
from daemon.transcribe.policies import POLICIES
from daemon.transcribe.speakers import Speakers

log = logging.getLogger(__name__)

CLAIM_S = 30.0
"""The queue is looked at this often even though nothing says that it has changed."""
FOLLOWED_MAX = 4
"""Recordings that are transcribed while they are recorded; each has a decoder of its own (150 MB). Others wait."""
FOLLOWED_WINDOW_S = 60.0
"""They are decoded in windows of this length, which is what the VAD looks at at once, so that text comes soon."""
FOLLOW_ATTEMPTS = 3
"""How often it is begun to follow the same recording: it may become shorter, or its decoder may die of it."""


class Queue:
    """The queue in the database, for the dispatcher's thread.

    Args:
        outcomes: Where jobs end that cannot be begun.
        running: The dispatcher's running jobs, to which those that are begun are added.
        inference: Where the chunks of a recording wait that was followed until now.
        speakers: Tells whether voices are to be told apart.
    """

    def __init__(
        self,
        store: Store,
        children: Children,
        outcomes: Outcomes,
        running: dict[int, ActiveJob],
        inference: Inference,
        speakers: Speakers,
    ) -> None:
        self._store = store
        self._engines, self._decoders = children.engines, children.decoders
        self._outcomes = outcomes
        self._running = running
        self._inference = inference
        self._speakers = speakers
        self._abilities = Abilities()
        self._runs = 0
        self._claim_at = 0.0
        self._followed = Counter[int]()
        """How often each recording has been followed since the start."""

    def look(self) -> None:
        """Have the queue looked at in the next round: something may have changed."""
        self._claim_at = 0.0

    def claim(self) -> list[int]:
        """Claim as many jobs as there are places, when something may have changed or a retry may be due.

        Returns:
            Recordings that were followed and are gone, cancelled, or other files by now, or cannot be opened again.
        """
        if not self._engines.main.is_ready or time.monotonic() < self._claim_at:
            return []
        growing = self._store.recordings()
        due = self._store.models_due(self._engines.others)
        wanted = (self._engines.name_of(job.options.model) for job in growing if self._may_follow(job))
        missing = self._engines.want(due.union(wanted))
        failed = self._claim_complete(missing)
        self._claim_others(missing)
        # Nothing more to claim until somebody wakes us, a job ends, or a retry is due.
        self._claim_at = time.monotonic() + min(self._store.next_due_s() or CLAIM_S, CLAIM_S)
        for job in growing:
            if len(self._followed_now) < FOLLOWED_MAX and self._decoders.may_start and self._may_follow(job):
                self._follow(job)
        self._outcomes.withdraw_so_far()
        return [*failed, *self._store.ended(self._followed_now.keys()), *self._replaced(growing)]

    def _replaced(self, growing: Iterable[Job]) -> list[int]:
        """Return the jobs whose recording is another file now than the one that is followed."""
        followed = self._followed_now
        others = [
            now.id
            for now in growing
            if now.id in followed and file_of(now.fingerprint) != file_of(followed[now.id].job.fingerprint)
        ]
        for job_id in others:
            del self._followed[job_id]
        return others

    @property
    def _followed_now(self) -> dict[int, ActiveJob]:
        return {job_id: each for job_id, each in self._running.items() if each.growing}

    def _claim_complete(self, missing: Collection[str]) -> list[int]:
        """Claim what was followed and is complete, once its chunks are done: it needs no place for what is left.

        Returns:
            Those that cannot be opened now.
        """
        followed = self._followed_now.items()
        ready = [
            job_id
            for job_id, each in followed
            if not each.open_chunks and not each.listening and each.model not in missing
        ]
        return [job.id for job in self._store.claim_these(ready) if not self._open(job)]

    def _claim_others(self, missing: Collection[str]) -> None:
        followed = self._followed_now
        sizes = (each.job.size_bytes for job_id, each in self._running.items() if job_id not in followed)
        long, short = free_places(sizes, self._engines.main.capacity)
        for places, above, most in ((long, LONG_BYTES, None), (short, -1, LONG_BYTES)):
            if places > 0:
                for job in self._store.claim(
                    places, above_bytes=above, max_bytes=most, but_for=missing, without=followed.keys()
                ):
                    self._open(job)

    def _may_follow(self, job: Job) -> bool:
        return job.id not in self._running and self._followed[job.id] < FOLLOW_ATTEMPTS

    def not_followed(self, job: Job, error: TranscribedError | None) -> None:
        """Note that a recording is followed no longer, before it is complete.

        Args:
            job: It.
            error: Why not; None if it is not to blame, and may be followed again.
        """
        if error is None:
            self._followed[job.id] -= 1
        elif isinstance(error, BadRecording) or self._followed[job.id] >= FOLLOW_ATTEMPTS:
            self._followed[job.id] = FOLLOW_ATTEMPTS
            log.info("job %d %s waits until it is complete: %s", job.id, job.path, error)
            self._store.left_growing(job.id, f"transcribed once it is complete: {error}")

    def _open(self, job: Job) -> bool:
        ready = self._engines.ready_of(self._engines.name_of(job.options.model))
        assert ready is not None, "what is claimed has a model that is loaded"
        try:
            fd = current_file(job)
            self._begin(job, ready, fd)
        except TranscribedError as error:
            self._outcomes.fail(job, error)
            return False
        log.info("started job %d %s (attempt %d)", job.id, job.path, job.attempts)
        return True

    def _follow(self, job: Job) -> None:
        """Begin to transcribe a recording that is still being recorded; from what has been done, its text goes on."""
        ready = self._engines.ready_of(self._engines.name_of(job.options.model))
        if ready is None:
            return
        self._followed[job.id] += 1
        try:
            self._begin(job, ready, growing_file(job), growing=True)
        except TranscribedError as error:
            self.not_followed(job, error)
            return
        log.info("following job %d %s while it is recorded", job.id, job.path)

    def _begin(self, job: Job, ready: Ready, fd: int, *, growing: bool = False) -> None:
        """Have a recording opened, by the decoder that has followed it, if one has.

        Raises:
            BadRecording: The engine does not know the language, or cannot do the task.
        """
        try:
            options = self._abilities.fit(job.options, ready)
            if growing:
                options = replace(options, window_s=min(options.window_s, FOLLOWED_WINDOW_S))
            self._runs += 1
            before = self._running.get(job.id)
            given = before.chunks_total if before is not None and not before.open_chunks else 0
            self._inference.drop(job.id)
            model = self._engines.name_of(job.options.model)
            self._running[job.id] = ActiveJob.begun(
                job, options, self._runs, model, POLICIES[ready.policy], growing=growing
            )
            order = Open(
                job.id, self._runs, options, job.size_bytes, options.language, growing, given,
                self._speakers.model_for(job),
            )  # fmt: skip
            self._decoders.open(order, fd)
        finally:
            os.close(fd)
