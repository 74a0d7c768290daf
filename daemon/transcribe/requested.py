"""Does what people ask for on the command line."""

import logging

from daemon.store.requests import (
    BY_REQUEST,
    exported_formats,
    new_priority,
    refreshes,
    retranscribe_priority,
)
from daemon.store.store import Store
from daemon.transcribe.outcome import Outcomes
from daemon.transcribe.pauses import REQUESTED, Pauses
from daemon.watch.resolver import Resolver

log = logging.getLogger(__name__)

STOPPING = ("cancel", "pause")
"""Requests that end the run of a job."""


class Requested:
    """Applies requests to jobs that do not run, and to the daemon as a whole.

    Args:
        resolver: Tells the options that a recording would be queued with now.
    """

    def __init__(self, store: Store, pauses: Pauses, outcomes: Outcomes, resolver: Resolver) -> None:
        self._store = store
        self._pauses = pauses
        self._outcomes = outcomes
        self._resolver = resolver

    def apply(self, command: str, job_id: int | None) -> None:
        """Do what one request asks for."""
        log.info("request: %s%s", command, "" if job_id is None else f" job {job_id}")
        match command, job_id:
            case "cancel", int():
                self._store.cancel(job_id)
            case "retry", int():
                self._store.retry(job_id)
            case "pause", int():
                self._store.pause_job(job_id)
            case "resume", int():
                self._store.resume_job(job_id)
            case "pause", None:
                self._pauses.hold(BY_REQUEST, REQUESTED)
            case "resume", None:
                self._pauses.release(BY_REQUEST)
            case "empty-log", None:
                self._empty_log()
            case _, int() if formats := exported_formats(command):
                self._outcomes.export(job_id, formats)
            case _, int() if refreshes(command):
                self._refresh(job_id)
            case _, int() if (priority := new_priority(command)) is not None:
                self._store.prioritize(job_id, priority)
            case _, int() if (priority := retranscribe_priority(command)) is not None:
                self._refresh(job_id, priority)

    def _empty_log(self) -> None:
        if not self._store.empty_log():
            log.warning("others read the database: what was deleted stays in its log until the next maintenance")

    def _refresh(self, job_id: int, given: int | None = None) -> None:
        """Queue a job again with the options that apply to its recording now, and a priority that was given."""
        seen = self._store.seen(job_id)
        if seen is None:
            return
        try:
            _, options, priority = self._resolver.of(seen)
        except LookupError as error:
            log.warning("job %d keeps its options: %s", job_id, error)
            self._store.retry(job_id)
        else:
            self._store.retry(job_id, (options, priority if given is None else given))
