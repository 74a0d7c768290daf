"""The end of a job: its transcript published, or the error that becomes its state."""

import errno
import logging
import os
import random

from daemon.config.settings import Jobs
from daemon.errors import (
    BadRecording,
    FailedRecording,
    RecordingChanged,
    RecordingGone,
    TranscribedError,
    Unavailable,
)
from daemon.monitor.counters import Tally
from daemon.publish.files import Owner, Planned, plan, publish
from daemon.publish.formats import render
from daemon.store.records import Job, Output
from daemon.store.schema import DEAD, DONE, REJECTED
from daemon.store.store import Store
from daemon.watch.listing import away, fingerprint, open_beneath, open_folder

log = logging.getLogger(__name__)

POSTPONE_MIN_S = 1.0
"""A job that the environment holds up is tried again no sooner, however short the configured wait."""
RACES_MAX = 5
"""Names that others take between plan and publication before we wait instead."""


class Endings:
    """Where a job's work becomes its state."""

    def __init__(self, store: Store, jobs: Jobs, tally: Tally) -> None:
        self._store = store
        self._tally = tally
        self._jobs = jobs

    def publish(self, job_id: int) -> None:
        """Publish what the store holds of a job whose chunks are all done, then record that."""
        job = self._store.job(job_id)
        try:
            warning = publish_job(self._store, job)
        except TranscribedError as error:
            self.end(job, error)
            return
        if warning:
            log.warning("job %d %s: %s", job_id, job.path, warning)
        self._store.finish(job_id, warning)
        self._tally.ended(DONE, job.duration_s or 0.0, job.processing_s)
        log.info("done job %d %s (%.1f s of audio)", job_id, job.path, job.duration_s or 0.0)

    def end(self, job: Job, error: TranscribedError) -> None:
        """The one place where an error becomes a state."""
        log.warning("job %d %s: %s", job.id, job.path, error)
        match error:
            case Unavailable():
                self._store.postpone(job.id, max(POSTPONE_MIN_S, self._jobs.retry_backoff_seconds), str(error))
            case RecordingChanged():
                self._store.changed(job.id)
            case RecordingGone():
                self._store.vanish([job.id], str(error))
            case BadRecording():
                self._store.reject(job.id, type(error).__name__, str(error))
                self._tally.ended(REJECTED)
            case _:
                left = job.attempts < self._jobs.attempts
                retry_in_s = backoff_s(job.attempts, self._jobs.retry_backoff_seconds) if left else None
                self._store.fail(job.id, type(error).__name__, str(error), retry_in_s)
                if retry_in_s is None:
                    self._tally.ended(DEAD)


def backoff_s(attempts: int, first_s: float) -> float:
    """Seconds until the next attempt: doubling, with up to a quarter more at random so that jobs spread out."""
    return first_s * 2.0 ** (attempts - 1) * random.uniform(1.0, 1.25)


def current_file(job: Job) -> int:
    """A descriptor of the recording, which is still the version that was queued.

    Raises:
        RecordingGone, RecordingChanged: it is not.
        Unavailable: its folder or file system is gone, not the file alone.
        FailedRecording: it cannot be read.
    """
    try:
        fd = open_beneath(job.root, job.path_bytes)
    except OSError as error:
        raise _unreadable(job, error) from error
    if fingerprint(os.fstat(fd)) != job.fingerprint:
        os.close(fd)
        raise RecordingChanged("the file has changed since it was queued")
    return fd


def publish_job(store: Store, job: Job) -> str | None:
    """Write the transcript of a job whose segments are all stored; a warning if its usual name was taken.

    Raises:
        RecordingGone, RecordingChanged: the recording is not the version that was transcribed.
        Unavailable: the folder cannot be written now.
    """
    os.close(current_file(job))
    files = render(job, store.transcript(job.id), store.suppressed(job.id))
    full = os.path.join(os.fsencode(job.root), job.path_bytes)
    where, recording = os.path.split(full)
    try:
        folder = open_folder(job.root, job.path_bytes)
    except OSError as error:
        raise _unreadable(job, error) from error
    try:
        for _ in range(RACES_MAX):
            planned, warning = plan(folder, recording, files, job.options.naming, _owner(store, job, where))
            store.plan_outputs(job.id, [_output(where, file) for file in planned])
            try:
                publish(folder, planned, f"transcribed-{job.id}")
            except FileExistsError:
                continue
            return warning
    finally:
        os.close(folder)
    raise Unavailable("other programs keep taking the names of its transcript", "see what writes into this folder")


def _owner(store: Store, job: Job, where: bytes) -> Owner:
    def owner(name: bytes) -> tuple[bool, str] | None:
        written = store.owner(os.path.join(where, name))
        if written is None:
            return None
        sha256, root, path = written
        return (root, path) == (job.root, job.path_bytes), sha256

    return owner


def _output(where: bytes, file: Planned) -> Output:
    return Output(file.format, os.path.join(where, file.name), file.sha256, len(file.content))


def _unreadable(job: Job, error: OSError) -> TranscribedError:
    if error.errno in (errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.EINVAL, errno.ENXIO):
        if not os.path.isdir(job.root):
            return Unavailable(f"the watched folder {job.root} is missing", "mount it or make it again")
        if away(job.root, job.path_bytes, job.fingerprint):
            return Unavailable("its file system is not there", "mount the drive again")
        return RecordingGone("the file is gone, or something else has taken its name")
    if error.errno in (errno.EACCES, errno.EPERM):
        return FailedRecording("the file may not be read", "give the user of the daemon read permission")
    return Unavailable(f"the file cannot be opened: {error.strerror}", "check the disk or the network drive")
