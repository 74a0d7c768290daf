"""The queue as the dispatcher sees it: what may run now, and what is held up."""

from collections.abc import Collection
from functools import lru_cache
from typing import Any

from sqlalchemy import Executable, Text, and_, bindparam, func, or_, select, update

from daemon.store.access import Access, moved
from daemon.store.checkpoints import JOB_COLUMNS, job_from
from daemon.store.records import Job, seconds_until, timestamp, timestamp_in
from daemon.store.schema import FAILED, QUEUED, RUNNING, jobs

MODEL = func.json_extract(jobs.c.options, "$.model")
NO_ERROR: dict[str, Any] = {"error_kind": None, "error": None}

NOW = bindparam("now", type_=Text)
OVER = or_(jobs.c.next_attempt_at <= NOW, jobs.c.started_at > NOW)
"""Its wait is over; what started in the future did so before the clock was set back, and would wait all that time."""
DUE = or_(and_(jobs.c.state == QUEUED, or_(jobs.c.next_attempt_at.is_(None), OVER)), and_(jobs.c.state == FAILED, OVER))
"""A job may run now."""
CLAIM = (
    update(jobs)
    .values(state=RUNNING, reason=None, attempts=jobs.c.attempts + 1, started_at=NOW, next_attempt_at=None, **NO_ERROR)
    .returning(*JOB_COLUMNS)
)
NEXT_DUE = select(func.min(jobs.c.next_attempt_at)).where(jobs.c.state.in_((QUEUED, FAILED)))
ANY_BYTES = 1 << 62


class Claims(Access):
    """Jobs from the queue into work."""

    def claim(
        self,
        limit: int,
        *,
        above_bytes: int = -1,
        max_bytes: int | None = None,
        but_for: Collection[str] = (),
        without: Collection[int] = (),
    ) -> list[Job]:
        """Move queued, or failed and due → running; the attempt is counted now, so that a crash counts.

        Args:
            limit: How many jobs at most.
            above_bytes: Only recordings larger than this.
            max_bytes: Only recordings at most this large; None for any.
            but_for: Not what is to be transcribed with one of these models.
            without: Not these jobs.

        Returns:
            The claimed jobs, in the order in which they are to run.
        """
        most = ANY_BYTES if max_bytes is None else max_bytes
        of = {"places": limit, "above": above_bytes, "most": most}
        return self._claimed(_claim_next(frozenset(but_for), frozenset(without)), of)

    def claim_these(self, job_ids: Collection[int]) -> list[Job]:
        """Move queued → running, in the same way, those of some jobs that are queued; return them."""
        return self._claimed(CLAIM.where(jobs.c.id.in_(job_ids), jobs.c.state == QUEUED), {}) if job_ids else []

    def _claimed(self, claim: Executable, of: dict[str, int]) -> list[Job]:
        found = self._write(lambda db: [job_from(row) for row in db.execute(claim, of | {"now": timestamp()})])
        return sorted(found, key=lambda job: (-job.priority, job.id))

    def models_due(self, among: Collection[str]) -> set[str]:
        """Return those of these models that a job waits for that may run now."""
        if not among:
            return set()
        statement = select(MODEL).distinct().where(DUE, MODEL.in_(among))
        return set(self._read(lambda db: db.execute(statement, {"now": timestamp()}).scalars()))

    def hold_up(self, model: str, delay_s: float, reason: str) -> None:
        """Move queued, or failed and due → queued for `delay_s` seconds: what is for a model that cannot be loaded."""
        statement = update(jobs).where(DUE, MODEL.in_((model,)))
        held = {"state": QUEUED, "reason": reason, "next_attempt_at": timestamp_in(delay_s)}
        self._write(lambda db: db.execute(statement.values(held), {"now": timestamp()}))

    def try_again(self) -> None:
        """Keep queued → queued, without delay: what held a job up before this start may have been seen to."""
        self._write(lambda db: db.execute(moved(QUEUED).values(next_attempt_at=None)))

    def next_due_s(self) -> float | None:
        """Return the seconds until the next postponed or failed job may run again; None if there is none."""
        due = self._read(lambda db: db.execute(NEXT_DUE).scalar())
        return None if due is None else max(0.0, seconds_until(due))


@lru_cache(maxsize=16)
def _claim_next(but_for: frozenset[str], without: frozenset[int]) -> Executable:
    """Return the claim of those that are next, but for these models and these jobs."""
    size = and_(jobs.c.size_bytes > bindparam("above"), jobs.c.size_bytes <= bindparam("most"))
    first = select(jobs.c.id).where(DUE, size)
    if but_for:
        first = first.where(MODEL.not_in(but_for))
    if without:
        first = first.where(jobs.c.id.not_in(without))
    in_turn = first.order_by(jobs.c.priority.desc(), jobs.c.queued_at, jobs.c.id).limit(bindparam("places"))
    return CLAIM.where(jobs.c.id.in_(in_turn))
