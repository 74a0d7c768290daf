"""What the commands do with jobs.db: they read it, and leave requests for the daemon."""

from collections.abc import Sequence

from sqlalchemy import insert, select

from daemon.store import database
from daemon.store.checkpoints import JOB_COLUMNS, job_from
from daemon.store.export_queries import ExportQueries
from daemon.store.job_queries import JobQueries
from daemon.store.known_voices import Forgotten, Given, KnownVoices, Sample, enroll, forget_name, give_name
from daemon.store.quality_queries import QualityQueries
from daemon.store.reconcile_queries import ReconcileQueries
from daemon.store.records import Job, timestamp
from daemon.store.requests import EMPTY_LOG, export_command
from daemon.store.schema import jobs, requests
from daemon.store.search_queries import SearchQueries
from daemon.store.shares import Shares
from daemon.store.status_queries import StatusQueries
from daemon.store.table_queries import TableQueries
from daemon.store.transcripts import Transcripts
from daemon.store.versions import Line, Version, Versions, save

GROUP = 1000
"""Requests that are left in one transaction."""
LOG_S = 2.0
"""How long those who read may keep the database's log from being emptied."""


class Queries(
    JobQueries,
    StatusQueries,
    ExportQueries,
    ReconcileQueries,
    SearchQueries,
    QualityQueries,
    Shares,
    TableQueries,
    Transcripts,
    Versions,
    KnownVoices,
):
    """Reads jobs.db while a daemon may be running on it, and leaves in it what people ask for and what they correct."""

    def request(self, command: str, job_ids: Sequence[int]) -> list[int]:
        """Ask the daemon to do something with jobs, and return the ids of those that exist."""
        found = self.existing(job_ids)
        self._ask(command, found)
        return found

    def record(self, job_id: int) -> Job | None:
        """Return a job as the daemon has it; None if there is none."""
        rows = self._rows(select(*JOB_COLUMNS).where(jobs.c.id == job_id))
        return job_from(rows[0]) if rows else None

    def asked(self, job_ids: Sequence[int]) -> set[int]:
        """Return those of these jobs of which something is asked that the daemon has yet to do."""
        found = self._rows_of(job_ids, lambda ids: select(requests.c.job_id).where(requests.c.job_id.in_(ids)))
        return {row.job_id for row in found}

    def request_export(self, job_ids: Sequence[int], formats: Sequence[str]) -> None:
        """Ask the daemon to write other formats of finished jobs."""
        self._ask(export_command(formats), job_ids)

    def request_all(self, command: str) -> None:
        """Ask the daemon to do something that is about no job."""
        self._ask(command, [None])

    def save_version(self, job_id: int, based_on: int, author: str, lines: Sequence[Line] | None) -> Version:
        """Store a version of a transcript as the one that counts; the daemon then writes its files again.

        Args:
            job_id: The job.
            based_on: The number of the version that was changed.
            author: Who has changed it.
            lines: Its lines; None to go back to the machine's.

        Raises:
            Superseded: There is a newer version than that.
            ValueError: There is no such version.
            Unavailable: The database cannot be written now.
        """
        return self._write(lambda db: save(db, job_id, based_on, author, lines))

    def name_speaker(self, job_id: int, speaker: str, name: str, *, keep: bool) -> Given | None:
        """Give a speaker of a finished job a name, or take it away with ""; the daemon then writes its files again.

        Args:
            job_id: The job.
            speaker: As its lines have them.
            name: What they are called.
            keep: Whether the voice is to be known by that name in other recordings.

        Returns:
            What came of it; None if no finished job of this number has such a speaker.

        Raises:
            Unavailable: The database cannot be written now.
        """
        return self._write(lambda db: give_name(db, job_id, speaker, name, keep=keep))

    def enroll(self, name: str, model: str, samples: Sequence[Sample]) -> None:
        """Let a voice be known by a name, as a model has heard it in some recordings.

        Raises:
            Unavailable: The database cannot be written now.
        """
        self._write(lambda db: enroll(db, name, model, samples))

    def forget_name(self, name: str) -> tuple[Forgotten, bool]:
        """Drop all that is kept of a voice under its name; the daemon then writes the files again that have the name.

        Returns:
            What there was, and whether nothing of it is left in the database's files now. The log that SQLite writes
            ahead is left to a daemon that runs, and cannot be emptied while others read.

        Raises:
            Unavailable: The database cannot be written now.
        """
        with self._writer() as writer:
            with writer.begin() as db:
                found = forget_name(db, name)
                db.execute(insert(requests).values(command=EMPTY_LOG, requested_at=timestamp()))
            return found, self.pid is None and database.empty_log(writer, LOG_S)

    def _ask(self, command: str, job_ids: Sequence[int | None]) -> None:
        with self._writer() as writer:
            for at in range(0, len(job_ids), GROUP):
                rows = [
                    {"command": command, "job_id": job_id, "requested_at": timestamp()}
                    for job_id in job_ids[at : at + GROUP]
                ]
                # The daemon's commits take their turn in between.
                with writer.begin() as db:
                    db.execute(insert(requests), rows)
