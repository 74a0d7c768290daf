"""How far the stages of a job are, and what they have found."""

import json
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, bindparam, select
from sqlalchemy.dialects.sqlite import insert as upsert

from daemon.store.access import Access
from daemon.store.records import StageProgress
from daemon.store.schema import stages

STAGES_OF = select(stages).where(stages.c.job_id == bindparam("job"))


class Stages(Access):
    """The rows of `stages`; `forget` drops them together with the chunks that they were computed from."""

    def stages(self, job_id: int) -> dict[str, StageProgress]:
        """Return what is kept of each stage of a job, by its name."""
        rows = self._read(lambda db: db.execute(STAGES_OF, {"job": job_id}).all())
        return {row.name: _progress(row) for row in rows}

    def keep_stages(self, job_id: int, progress: Sequence[StageProgress]) -> None:
        """Keep how far stages of a running job are: a crash repeats only the steps that come after it."""
        self._write(lambda db: keep_stages(db, job_id, progress))


def keep_stages(db: Connection, job_id: int, progress: Sequence[StageProgress]) -> None:
    """Keep how far stages of a job are, as part of a transaction."""
    for stage in progress:
        values = {
            "chunks_done": stage.chunks_done,
            "state": _to_json(stage.state),
            "result": None if stage.result is None else _to_json(stage.result),
        }
        db.execute(
            upsert(stages)
            .values(job_id=job_id, name=stage.name, **values)
            .on_conflict_do_update(index_elements=["job_id", "name"], set_=values)
        )


def _progress(row: Any) -> StageProgress:
    result = None if row.result is None else json.loads(row.result)
    return StageProgress(row.name, row.chunks_done, json.loads(row.state), result)


def _to_json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
