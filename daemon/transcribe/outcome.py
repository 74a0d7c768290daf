"""The end of a job: its transcript published, or the error that becomes its state."""

import logging
import random
import time
from collections.abc import Sequence
from dataclasses import replace

from daemon.config.formats import LIVE, files_of
from daemon.config.settings import SHOWN
from daemon.errors import BadRecording, RecordingChanged, RecordingGone, TranscribedError, Unavailable
from daemon.hooks.orders import FAILURE, SUCCESS, orders_for
from daemon.monitor.counters import Counters
from daemon.publish.publisher import export_job, publish_job, publish_so_far, withdraw_so_far
from daemon.store.outbox import Order
from daemon.store.records import Job, StageProgress
from daemon.store.schema import DEAD, DONE, REJECTED
from daemon.store.store import Store
from daemon.store.versions import GROUP, MACHINE
from daemon.watch.resolver import Resolver

log = logging.getLogger(__name__)

UNHEARD_SHARE, UNHEARD_MIN_S = 0.1, 2.0
"""Speech without text is worth a warning from this share of all speech on, unless it is a single sound."""
CORRECTED_AGAIN_S, CORRECTED_AGAIN_MAX_S = 5.0, 3600.0
"""What people have corrected is written after this time if its folder cannot be written, then after twice as long."""
POSTPONE_MIN_S = 3.0
"""A job that the environment holds up is tried again no sooner, however short the configured wait: `run --once`, which
looks once in a round of the dispatcher, must find it waiting."""


class Outcomes:
    """Where a job's work becomes its state.

    Args:
        resolver: Tells what is to be done once a job has ended.
    """

    def __init__(self, store: Store, resolver: Resolver, counters: Counters) -> None:
        self._store = store
        self._counters = counters
        self._resolver = resolver
        self._jobs = resolver.settings.jobs
        self._shown = store.with_live_file()
        self._held_up: dict[int, tuple[float, float]] = {}
        """Of corrected transcripts that could not be written: when they are tried again, and the wait after that."""
        self._corrected_until = 0
        """The last job whose corrections had their turn; 0 to begin with the first one."""

    def publish(self, job_id: int, stages: Sequence[StageProgress] = (), voices: str = "") -> None:
        """Publish what the store holds of a job whose chunks and stages are all done, then record that.

        Args:
            job_id: The job.
            stages: What its stages have found.
            voices: Why it is not known who speaks, if that was asked.
        """
        job = self._store.job(job_id)
        warnings = warnings_of(job, *self._store.unheard(job_id))
        if voices:
            warnings = (*warnings, f"who speaks is not known: {voices}")
        job = replace(job, sound=replace(job.sound, warnings=warnings))
        try:
            renamed = publish_job(self._store, job, stages)
        except TranscribedError as error:
            self.fail(job, error)
            return
        warnings = (*warnings, renamed) if renamed else warnings
        for warning in warnings:
            log.warning("job %d %s: %s", job_id, job.path, warning)
        self._store.finish(job_id, warnings, self._orders(job, SUCCESS))
        self._counters.suspect += bool(warnings)
        self._counters.ended(DONE, job.duration_s or 0.0, job.processing_s)
        log.info("done job %d %s (%.1f s of audio)", job_id, job.path, job.duration_s or 0.0)

    def show_so_far(self, job_id: int) -> None:
        """Write down what has been said so far in a recording that goes on, where that is asked for."""
        # It may have another name by now.
        job = self._store.job(job_id)
        if self._resolver.growing(job.root, job.path_bytes) != SHOWN:
            return
        self._shown.add(job_id)
        try:
            publish_so_far(self._store, job)
        except TranscribedError as error:
            log.warning("job %d %s: the text so far cannot be shown: %s", job.id, job.path, error)

    def withdraw_so_far(self) -> None:
        """Remove the text so far of recordings that were cancelled, left alone or are gone.

        What has failed keeps it: there is no other text of it.
        """
        for job_id in self._store.ended(self._shown, but_for=(DEAD, REJECTED)):
            if withdraw_so_far(self._store, job_id):
                self._shown.discard(job_id)

    def publish_corrections(self) -> None:
        """Write the files again of transcripts that people have corrected, or in which they have changed names.

        What cannot be written now is tried again later.
        """
        # Never waits for who moves files: the next round comes soon.
        if not self._store.files_turn.acquire(blocking=False):
            return
        try:
            self._publish_late()
        finally:
            self._store.files_turn.release()

    def _publish_late(self) -> None:
        now = time.monotonic()
        late = self._store.unpublished(self._corrected_until)
        # All have their turn, however many cannot be written.
        self._corrected_until = late[-1] if len(late) == GROUP else 0
        for job_id in late:
            again, wait_s = self._held_up.get(job_id, (now, CORRECTED_AGAIN_S))
            if now < again:
                continue
            if self._publish_corrected(self._store.job(job_id)):
                self._held_up.pop(job_id, None)
            else:
                self._held_up[job_id] = (now + wait_s, min(2 * wait_s, CORRECTED_AGAIN_MAX_S))

    def _publish_corrected(self, job: Job) -> bool:
        newest = next(iter(self._store.saved_versions(job.id)), None)
        renamed_at = self._store.renamed(job.id)
        formats = set(self._store.output_formats(job.id)) - {LIVE} or job.options.formats
        if (newest is None or newest.as_machine) and self._store.finished(job.id) is None:
            return False  # The machine is at work on it, and its text is published once it is whole.
        try:
            warning = export_job(self._store, job, formats)
        except TranscribedError as error:
            log.warning("job %d %s: its corrections are in the database only: %s", job.id, job.path, error)
            self._store.not_exported(job.id, formats, str(error))
            return False
        self._store.exported(job.id, files_of(job.options.task, formats), warning)
        if newest is not None:
            self._store.version_published(job.id, newest.number)
        if renamed_at is not None:
            self._store.names_written(job.id, renamed_at)
        log.info("wrote job %d %s again, version %d", job.id, job.path, newest.number if newest else MACHINE)
        return True

    def export(self, job_id: int, formats: Sequence[str]) -> None:
        """Publish a finished job in further formats; whatever comes of it, the job stays done."""
        job = self._store.finished(job_id)
        if job is None:
            log.warning("job %d cannot be exported: it is not done", job_id)
            return
        try:
            warning = export_job(self._store, job, formats)
        except TranscribedError as error:
            log.warning("job %d %s cannot be exported: %s", job_id, job.path, error)
            self._store.not_exported(job_id, formats, str(error))
            return
        self._store.exported(job_id, files_of(job.options.task, formats), warning)
        log.info("exported job %d %s as %s", job_id, job.path, ", ".join(formats))

    def fail(self, job: Job, error: TranscribedError) -> None:
        """Turn an error into the job's state; this is the one place that does."""
        log.warning("job %d %s: %s", job.id, job.path, error)
        match error:
            case Unavailable():
                self._store.postpone(job.id, max(POSTPONE_MIN_S, self._jobs.retry_backoff_seconds), str(error))
            case RecordingChanged():
                self._store.changed(job.id)
            case RecordingGone():
                self._store.vanish([job.id], str(error))
            case BadRecording():
                self._store.reject(job.id, type(error).__name__, str(error), self._orders(job, FAILURE))
                self._counters.ended(REJECTED)
            case _:
                left = job.attempts < self._jobs.attempts
                retry_in_s = backoff_s(job.attempts, self._jobs.retry_backoff_seconds) if left else None
                orders = () if left else self._orders(job, FAILURE)
                self._store.fail(job.id, type(error).__name__, str(error), retry_in_s, orders)
                if retry_in_s is None:
                    self._counters.ended(DEAD)

    def _orders(self, job: Job, event: str) -> Sequence[Order]:
        """Return what is to be done now that a job ends."""
        afterwards = self._resolver.afterwards(job.root, job.path_bytes)
        return orders_for(event, afterwards, self._resolver.settings.hooks)


def warnings_of(job: Job, left_out_s: float, mute_s: float) -> tuple[str, ...]:
    """Return what a person should know about a transcript.

    Args:
        job: All of it decoded and transcribed.
        left_out_s: Seconds of text that was left out of the transcript.
        mute_s: Seconds of speech for which the model gave no text.
    """
    speech_s = job.speech_s or 0.0
    found = list(job.sound.warnings)
    for seconds, what in ((left_out_s, "of text was left out"), (mute_s, "of speech has no text")):
        if seconds >= UNHEARD_MIN_S and seconds > UNHEARD_SHARE * speech_s:
            found.append(f"{seconds:.0f} of {speech_s:.0f} s {what}")
    return tuple(dict.fromkeys(found))


def backoff_s(attempts: int, first_s: float) -> float:
    """Return the seconds until the next attempt: doubling, with up to a quarter more so that jobs spread out."""
    return first_s * 2.0 ** (attempts - 1) * random.uniform(1.0, 1.25)
