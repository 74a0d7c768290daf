"""The transcript of a job from what the database holds of it: as people have corrected it, or as it was heard."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Protocol

from daemon.chunk import BOTH, Segment, Suppressed
from daemon.publish.formats import transcript_of
from daemon.publish.transcript import Transcript
from daemon.store.records import Job
from daemon.store.versions import Line, Version


class Stored(Protocol):
    """What is read of a job; the daemon's store and what only reads both can."""

    def edition(self, job_id: int) -> Version | None:
        """Return the version of a transcript that counts; None if it is the machine's."""

    def transcript(self, job_id: int) -> list[Line]:
        """Return the lines of a job."""

    def suppressed(self, job_id: int) -> list[Suppressed]:
        """Return the text that was left out."""

    def translation(self, job_id: int) -> list[Segment]:
        """Return the English text of a job that is to have both."""

    def names(self, job_id: int) -> dict[str, str]:
        """Return what people have called those who speak, by their labels."""

    def recognized(self, job_id: int) -> dict[str, float]:
        """Return by which cosine those were recognized whose name nobody has confirmed, by their labels."""


def stored_transcript(store: Stored, job: Job, stages: Mapping[str, Any]) -> Transcript:
    """Return the transcript of a job, whole.

    Args:
        store: Where it is.
        job: The job.
        stages: What its stages have found, by their names.
    """
    translation = store.translation(job.id) if job.options.task == BOTH else ()
    # First the version: if another one is saved in between, the files are written again.
    version, lines = store.edition(job.id), store.transcript(job.id)
    suppressed, names = store.suppressed(job.id), store.names(job.id)
    whole = transcript_of(job, lines, suppressed, stages, translation, version, names)
    return replace(whole, recognized=store.recognized(job.id))
