"""Queries about what the database knows of files, for `transcribed reconcile`."""

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import select

from daemon.store.read_access import ReadAccess
from daemon.store.schema import PENDING, RUNNING, jobs, outputs


@dataclass(frozen=True, slots=True)
class Version:
    """A job, as one version of a recording."""

    job_id: int
    fingerprint: str
    state: str


class ReconcileQueries(ReadAccess):
    """Reads about recordings and transcripts that are, or should be, on the disk."""

    def versions(self, root: str, paths: Collection[bytes]) -> dict[bytes, list[Version]]:
        """Return the jobs of at most a few hundred paths below a watched folder, the newest first."""
        statement = (
            select(jobs.c.path_bytes, jobs.c.id, jobs.c.fingerprint, jobs.c.state)
            .where(jobs.c.root == root, jobs.c.path_bytes.in_(paths))
            .order_by(jobs.c.id.desc())
        )
        found: dict[bytes, list[Version]] = {}
        for path, *rest in self._rows(statement):
            found.setdefault(path, []).append(Version(*rest))
        return found

    def open_paths(self, root: str) -> list[bytes]:
        """Return the paths of the jobs of a watched folder that wait or run."""
        statement = select(jobs.c.path_bytes).where(jobs.c.root == root, jobs.c.state.in_((*PENDING, RUNNING)))
        return [row.path_bytes for row in self._rows(statement)]

    def files(self, job_ids: Collection[int]) -> list[tuple[int, str, bytes]]:
        """Return (id of the job, format, path) of the published files of at most a few hundred jobs."""
        columns = (outputs.c.job_id, outputs.c.format, outputs.c.path_bytes)
        statement = select(*columns).where(outputs.c.job_id.in_(job_ids), outputs.c.published.is_(True))
        return [tuple(row) for row in self._rows(statement.order_by(outputs.c.job_id))]
