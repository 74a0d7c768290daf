"""How far the stages of a job are, and what they have found."""

import json

from sqlalchemy import select

from daemon.store.read_access import ReadAccess
from daemon.store.rows import StageRow
from daemon.store.schema import stages


class StageQueries(ReadAccess):
    """Reads about stages."""

    def stages(self, job_id: int) -> list[StageRow]:
        """List the stages of a job that have begun; none for a job that was finished before there were stages."""
        rows = self._rows(select(stages).where(stages.c.job_id == job_id).order_by(stages.c.name))
        return [
            {
                "name": row.name,
                "chunks_done": row.chunks_done,
                "result": None if row.result is None else json.loads(row.result),
            }
            for row in rows
        ]
