"""The queue as the dispatcher sees it: what may run now, and what is held up."""

from collections.abc import Collection
from typing import Any

from sqlalchemy import ColumnElement, and_, func, or_, select, update

from daemon.store.access import Access, moved
from daemon.store.checkpoints import JOB_COLUMNS, job_from
from daemon.store.records import Job, seconds_until, timestamp, timestamp_in
from daemon.store.schema import FAILED, QUEUED, RUNNING, jobs

MODEL = func.json_extract(jobs.c.options, "$.model")
NO_ERROR: dict[str, Any] = {"error_kind": None, "error": None}


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
        due = and_(_due(), jobs.c.size_bytes > above_bytes)
        if but_for:
            due = and_(due, MODEL.not_in(but_for))
        if without:
            due = and_(due, jobs.c.id.not_in(without))
        if max_bytes is not None:
            due = and_(due, jobs.c.size_bytes <= max_bytes)
        first = select(jobs.c.id).where(due).order_by(jobs.c.priority.desc(), jobs.c.queued_at, jobs.c.id).limit(limit)
        return self._claimed(jobs.c.id.in_(first))

    def claim_these(self, job_ids: Collection[int]) -> list[Job]:
        """Move queued → running, in the same way, those of some jobs that are queued; return them."""
        return self._claimed(and_(jobs.c.id.in_(job_ids), jobs.c.state == QUEUED)) if job_ids else []

    def _claimed(self, which: ColumnElement[bool]) -> list[Job]:
        claim = (
            update(jobs)
            .where(which)
            .values(
                state=RUNNING,
                reason=None,
                attempts=jobs.c.attempts + 1,
                started_at=timestamp(),
                next_attempt_at=None,
                **NO_ERROR,
            )
            .returning(*JOB_COLUMNS)
        )
        found = self._write(lambda db: [job_from(row) for row in db.execute(claim)])
        return sorted(found, key=lambda job: (-job.priority, job.id))

    def models_due(self, among: Collection[str]) -> set[str]:
        """Return those of these models that a job waits for that may run now."""
        if not among:
            return set()
        statement = select(MODEL).distinct().where(_due(), MODEL.in_(among))
        return set(self._read(lambda db: db.execute(statement).scalars()))

    def hold_up(self, model: str, delay_s: float, reason: str) -> None:
        """Move queued, or failed and due → queued for `delay_s` seconds: what is for a model that cannot be loaded."""
        statement = update(jobs).where(_due(), MODEL.in_((model,)))
        held = {"state": QUEUED, "reason": reason, "next_attempt_at": timestamp_in(delay_s)}
        self._write(lambda db: db.execute(statement.values(held)))

    def try_again(self) -> None:
        """Keep queued → queued, without delay: what held a job up before this start may have been seen to."""
        self._write(lambda db: db.execute(moved(QUEUED).values(next_attempt_at=None)))

    def next_due_s(self) -> float | None:
        """Return the seconds until the next postponed or failed job may run again; None if there is none."""
        waits = select(func.min(jobs.c.next_attempt_at)).where(jobs.c.state.in_((QUEUED, FAILED)))
        due = self._read(lambda db: db.execute(waits).scalar())
        return None if due is None else max(0.0, seconds_until(due))


def _due() -> ColumnElement[bool]:
    """Return the condition that a job may run now."""
    now = timestamp()
    # A job that started in the future did so before the clock was set back; it would have to wait all that time.
    over = or_(jobs.c.next_attempt_at <= now, jobs.c.started_at > now)
    queued = and_(jobs.c.state == QUEUED, or_(jobs.c.next_attempt_at.is_(None), over))
    return or_(queued, and_(jobs.c.state == FAILED, over))
