"""Queries about finished jobs and their files, for `transcribed export`."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import func, select

from daemon.store.job_queries import CURRENT, JobFilter, conditions, current
from daemon.store.read_access import ReadAccess
from daemon.store.schema import DONE, jobs, outputs


@dataclass(frozen=True, slots=True)
class Finished:
    """The newest finished job of a recording, and the formats that its transcript has."""

    job_id: int
    root: str
    path: bytes
    """Below the root."""
    formats: frozenset[str]


class ExportQueries(ReadAccess):
    """Reads about what can be exported."""

    def finished_ids(self, job_ids: Sequence[int]) -> list[int]:
        """Return those of these jobs that are done, in the order of their ids."""
        return [each.job_id for each in self._finished(job_ids)]

    def finished(self, wanted: JobFilter | None = None) -> list[Finished]:
        """Return the current finished job of each recording that a filter matches, in the order of their ids."""
        done = select(*CURRENT).where(jobs.c.state == DONE, *conditions(wanted or JobFilter()))
        return self._finished(current(self._rows(done)))

    def newest_finished(self, wanted: JobFilter) -> list[int]:
        """Return the ids of the same."""
        return [each.job_id for each in self.finished(wanted)]

    def _finished(self, job_ids: Sequence[int]) -> list[Finished]:
        formats = func.group_concat(outputs.c.format).label("formats")
        statement = (
            select(jobs.c.id, jobs.c.root, jobs.c.path_bytes, formats)
            .outerjoin(outputs, outputs.c.job_id == jobs.c.id)
            .where(jobs.c.state == DONE)
            .group_by(jobs.c.id)
            .order_by(jobs.c.id)
        )
        return [
            Finished(row.id, row.root, row.path_bytes, frozenset((row.formats or "").split(",")) - {""})
            for row in self._rows_of(sorted(job_ids), lambda ids: statement.where(jobs.c.id.in_(ids)))
        ]
