"""The daemon's side of jobs.db: every change of a job's state is one named method that says from → to."""

from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, case, func, or_, select, union_all, update

from daemon.chunk import Options
from daemon.store.access import moved
from daemon.store.checkpoints import JOB_COLUMNS, STARTED_OVER, Checkpoints, job_from
from daemon.store.intake import Intake
from daemon.store.measurements import Measurements
from daemon.store.moves import Moves
from daemon.store.records import Job, Seen, options_columns, seconds_until, timestamp, timestamp_in, warnings_to_json
from daemon.store.requests import Requests
from daemon.store.schema import (
    CANCELLED,
    DEAD,
    DONE,
    FAILED,
    PAUSABLE,
    PAUSED,
    PENDING,
    QUEUED,
    REJECTED,
    REVIVABLE,
    RUNNING,
    SETTLING,
    VANISHED,
    WAITING,
    jobs,
    outputs,
    requests,
)
from daemon.store.stages import Stages
from daemon.store.transcripts import Transcripts

NOT_EXPORTED = "not exported"
"""How the reason of a finished job begins of which further formats could not be written."""
MODEL = func.json_extract(jobs.c.options, "$.model")
NO_ERROR: dict[str, Any] = {"error_kind": None, "error": None}


class Store(Intake, Moves, Checkpoints, Transcripts, Stages, Measurements, Requests):
    """Jobs from claim to end."""

    def release_orphans(self) -> int:
        """Move running → queued at start: the daemon died while they ran, which is not their fault; return how many."""
        return self._write(
            lambda db: (
                db.execute(
                    moved(RUNNING).values(state=QUEUED, attempts=func.max(jobs.c.attempts - 1, 0), reason="resumed")
                ).rowcount
            )
        )

    def claim(
        self, limit: int, *, above_bytes: int = -1, max_bytes: int | None = None, but_for: Collection[str] = ()
    ) -> list[Job]:
        """Move queued, or failed and due → running; the attempt is counted now, so that a crash counts.

        Args:
            limit: How many jobs at most.
            above_bytes: Only recordings larger than this.
            max_bytes: Only recordings at most this large; None for any.
            but_for: Not what is to be transcribed with one of these models.

        Returns:
            The claimed jobs, in the order in which they are to run.
        """
        due = and_(_due(), jobs.c.size_bytes > above_bytes)
        if but_for:
            due = and_(due, MODEL.not_in(but_for))
        if max_bytes is not None:
            due = and_(due, jobs.c.size_bytes <= max_bytes)
        first = select(jobs.c.id).where(due).order_by(jobs.c.priority.desc(), jobs.c.queued_at, jobs.c.id).limit(limit)
        claim = (
            update(jobs)
            .where(jobs.c.id.in_(first))
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

    def finish(self, job_id: int, warnings: Sequence[str] = ()) -> None:
        """Move running → done: every file of the transcript is on the disk.

        Args:
            job_id: The job.
            warnings: What a person should know about the transcript.
        """
        reason = "; ".join(warnings) or None

        def work(db: Connection) -> None:
            db.execute(update(outputs).where(outputs.c.job_id == job_id).values(published=True))
            db.execute(
                moved(RUNNING, ids=[job_id]).values(
                    state=DONE,
                    reason=func.coalesce(reason, jobs.c.reason),
                    warnings=warnings_to_json(warnings),
                    finished_at=timestamp(),
                    **NO_ERROR,
                )
            )

        self._write(work)

    def finished(self, job_id: int) -> Job | None:
        """Return a job that is done; None if it is not, or no longer there."""
        statement = select(*JOB_COLUMNS).where(jobs.c.id == job_id, jobs.c.state == DONE)
        row = self._read(lambda db: db.execute(statement).first())
        return None if row is None else job_from(row)

    def exported(self, job_id: int, formats: Collection[str], warning: str | None = None) -> None:
        """Keep done → done: its transcript is on the disk in further formats."""

        def work(db: Connection) -> None:
            these = (outputs.c.job_id == job_id, outputs.c.format.in_(formats))
            db.execute(update(outputs).where(*these).values(published=True))
            earlier = case((jobs.c.reason.startswith(NOT_EXPORTED), None), else_=jobs.c.reason)
            db.execute(moved(DONE, ids=[job_id]).values(reason=func.coalesce(warning, earlier)))

        self._write(work)

    def not_exported(self, job_id: int, formats: Collection[str], error: str) -> None:
        """Keep done → done: further formats could not be written, and the reason says why."""
        self._move([job_id], (DONE,), reason=f"{NOT_EXPORTED} as {', '.join(formats)}: {error}")

    def release(self, job_id: int, reason: str) -> None:
        """Move running → queued: it stopped through no fault of its own; the attempt is given back."""
        self.postpone(job_id, 0, reason)

    def postpone(self, job_id: int, delay_s: float, reason: str) -> None:
        """Move running → queued for `delay_s` seconds or more: the environment is at fault; no attempt is charged."""
        self._move(
            [job_id],
            (RUNNING,),
            state=QUEUED,
            reason=reason,
            attempts=func.max(jobs.c.attempts - 1, 0),
            next_attempt_at=timestamp_in(delay_s) if delay_s else None,
        )

    def fail(self, job_id: int, kind: str, error: str, retry_in_s: float | None) -> None:
        """Move running → failed, to be tried again in `retry_in_s` seconds, or → dead if that is None."""
        again = retry_in_s is not None
        self._move(
            [job_id],
            (RUNNING,),
            state=FAILED if again else DEAD,
            reason=error if again else f"gave up after the last attempt: {error}",
            error_kind=kind,
            error=error,
            next_attempt_at=timestamp_in(retry_in_s) if retry_in_s is not None else None,
            finished_at=None if again else timestamp(),
        )

    def reject(self, job_id: int, kind: str, error: str) -> None:
        """Move running → rejected: it can never be transcribed as it is."""
        self._move(
            [job_id], (RUNNING,), state=REJECTED, reason=error, error_kind=kind, error=error,
            finished_at=timestamp(),
        )  # fmt: skip

    def changed(self, job_id: int) -> None:
        """Move running → vanished: the file is another version now, which the scanner queues as a job of its own."""
        self._move(
            [job_id],
            (RUNNING,),
            state=VANISHED,
            reason="replaced by a newer version of the file",
            attempts=func.max(jobs.c.attempts - 1, 0),
            finished_at=timestamp(),
        )

    def cancel(self, job_id: int) -> None:
        """Move settling | queued | paused | failed | running → cancelled."""
        self._move(
            [job_id], (*PENDING, RUNNING), state=CANCELLED, reason="cancelled by request", finished_at=timestamp()
        )

    def pause_job(self, job_id: int) -> None:
        """Move queued | failed | running → paused; its checkpoints are kept, and a started attempt is given back."""
        attempts = case((jobs.c.state == RUNNING, func.max(jobs.c.attempts - 1, 0)), else_=jobs.c.attempts)
        self._move(
            [job_id], PAUSABLE, state=PAUSED, reason="paused by request", attempts=attempts, next_attempt_at=None
        )

    def resume_job(self, job_id: int) -> None:
        """Move paused → queued, to go on where it was."""
        self._move([job_id], (PAUSED,), state=QUEUED, reason="resumed by request")

    def seen(self, job_id: int) -> Seen | None:
        """Return the recording of a job, as it was seen; None if there is no such job."""
        statement = select(jobs.c.root, jobs.c.path_bytes, jobs.c.fingerprint, jobs.c.size_bytes)
        row = self._read(lambda db: db.execute(statement.where(jobs.c.id == job_id)).first())
        return None if row is None else Seen(*row)

    def prioritize(self, job_id: int, priority: int) -> None:
        """Give a job that waits another priority."""
        self._move([job_id], PENDING, priority=priority)

    def retry(self, job_id: int, fresh: tuple[Options, int] | None = None) -> None:
        """Move failed | dead | rejected | cancelled | vanished | done → queued, to start over with all attempts.

        Args:
            job_id: The job.
            fresh: The options and the priority that it gets, also if it is queued; None to keep those that it has.
        """
        changes = {} if fresh is None else {**options_columns(fresh[0]), "priority": fresh[1]}
        self._move(
            [job_id],
            REVIVABLE if fresh is None else (*REVIVABLE, QUEUED, PAUSED),
            state=QUEUED,
            reason="retried by request",
            attempts=0,
            next_attempt_at=None,
            finished_at=None,
            # Nothing that was computed matches it, so `begin` drops it all then, and not before: until its turn comes,
            # what was said is still found.
            content_hash=None,
            queued_at=timestamp(),
            retried=True,
            **{**STARTED_OVER, **NO_ERROR, **changes},
        )

    def nothing_left(self) -> bool:
        """Return whether no job is settling, waiting, running or to be retried, and nobody has asked for anything.

        Jobs that were paused by themselves do not count.
        """
        open_ = select(jobs.c.id).where(jobs.c.state.in_((*WAITING, RUNNING)))
        left = union_all(open_, select(requests.c.id)).limit(1)
        return self._read(lambda db: db.execute(left).first()) is None

    def unsettled(self) -> str | None:
        """Return which recordings have yet to settle, for people, if these are all that is left."""
        rows = self._left()
        if not rows or any(row.state != SETTLING for row in rows):
            return None
        others = f" and {len(rows) - 1} more" if len(rows) > 1 else ""
        return f"{rows[0].path}{others}: {rows[0].reason}"

    def held_up(self) -> str | None:
        """Return why nothing can go on, if the environment holds up everything that is left."""
        rows = self._left()
        now = timestamp()
        held = [row.reason for row in rows if row.state == QUEUED and (row.next_attempt_at or "") > now]
        return str(held[0]) if held and len(held) == len(rows) else None

    def _left(self) -> Sequence[Any]:
        """Return state, path, reason and next attempt of the jobs that have not ended, the oldest first."""
        columns = (jobs.c.state, jobs.c.path, jobs.c.reason, jobs.c.next_attempt_at)
        left = select(*columns).where(jobs.c.state.in_((*WAITING, RUNNING))).order_by(jobs.c.id)
        return self._read(lambda db: db.execute(left).all())


def _due() -> ColumnElement[bool]:
    """Return the condition that a job may run now."""
    now = timestamp()
    # A job that started in the future did so before the clock was set back; it would have to wait all that time.
    over = or_(jobs.c.next_attempt_at <= now, jobs.c.started_at > now)
    queued = and_(jobs.c.state == QUEUED, or_(jobs.c.next_attempt_at.is_(None), over))
    return or_(queued, and_(jobs.c.state == FAILED, over))
