"""The daemon's side of jobs.db: every change of a job's state is one named method that says from → to."""

from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import Connection, bindparam, case, delete, func, select, union_all, update

from daemon.chunk import Options
from daemon.store.access import OF_JOB, moved
from daemon.store.checkpoints import JOB_COLUMNS, STARTED_OVER, Checkpoints, job_from
from daemon.store.claims import NO_ERROR, Claims
from daemon.store.growing import Growing
from daemon.store.measurements import Measurements
from daemon.store.moves import Moves
from daemon.store.outbox import Order, Outbox, put
from daemon.store.records import Job, Seen, options_columns, timestamp, timestamp_in, warnings_to_json
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
    UNSETTLED,
    VANISHED,
    WAITING,
    jobs,
    outputs,
    requests,
    versions,
)
from daemon.store.speaker_tables import voices
from daemon.store.stages import Stages
from daemon.store.transcripts import Transcripts
from daemon.store.versions import IS_LATE, NOT_EXPORTED, Versions, unpublished
from daemon.store.voices import Voices

PUBLISHED = update(outputs).where(outputs.c.job_id == bindparam("of_job")).values(published=True)
HEARD_OF = delete(voices).where(voices.c.job_id == bindparam("of_job"))
"""Who speaks is known then, and nobody asks again how every moment sounded."""
FINISHED = (
    update(jobs)
    .where(OF_JOB, jobs.c.state == RUNNING)
    .values(
        state=DONE,
        reason=func.coalesce(bindparam("why"), jobs.c.reason),
        warnings=bindparam("told"),
        finished_at=bindparam("now"),
        **NO_ERROR,
    )
)


class Store(Growing, Claims, Moves, Checkpoints, Transcripts, Versions, Stages, Voices, Measurements, Requests, Outbox):
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

    def finish(self, job_id: int, warnings: Sequence[str] = (), orders: Sequence[Order] = ()) -> None:
        """Move running → done: every file of the transcript is on the disk.

        Args:
            job_id: The job.
            warnings: What a person should know about the transcript.
            orders: What is to be done now.
        """
        reason = "; ".join(warnings) or None

        def work(db: Connection) -> None:
            db.execute(PUBLISHED, {"of_job": job_id})
            told = {"why": reason, "told": warnings_to_json(warnings), "now": timestamp()}
            if db.execute(FINISHED, {"of_job": job_id} | told).rowcount:
                db.execute(HEARD_OF, {"of_job": job_id})
                put(db, job_id, orders)

        self._write(work)
        self._tell(orders)

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

    def version_published(self, job_id: int, number: int) -> None:
        """Note that the files of a job say what a version of its transcript says."""
        these = (versions.c.job_id == job_id, versions.c.number <= number, IS_LATE)
        self._write(lambda db: db.execute(update(versions).where(*these).values(published=True)))

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

    def fail(self, job_id: int, kind: str, error: str, retry_in_s: float | None, orders: Sequence[Order] = ()) -> None:
        """Move running → failed, to be tried again in `retry_in_s` seconds; with None → dead, and `orders` are due."""
        what = {"error_kind": kind, "error": error}
        if retry_in_s is not None:
            again = {"state": FAILED, "reason": error, "next_attempt_at": timestamp_in(retry_in_s)}
            self._move([job_id], (RUNNING,), **again, **what)
        else:
            reason = f"gave up after the last attempt: {error}"
            self._end_badly(job_id, orders, state=DEAD, reason=reason, **what)

    def reject(self, job_id: int, kind: str, error: str, orders: Sequence[Order] = ()) -> None:
        """Move running → rejected: it can never be transcribed as it is; `orders` are to be done now."""
        self._end_badly(job_id, orders, state=REJECTED, reason=error, error_kind=kind, error=error)

    def _end_badly(self, job_id: int, orders: Sequence[Order], **values: Any) -> None:
        def work(db: Connection) -> None:
            ended = moved(RUNNING, ids=[job_id]).values(next_attempt_at=None, finished_at=timestamp(), **values)
            if db.execute(ended).rowcount:
                put(db, job_id, orders)

        self._write(work)
        self._tell(orders)

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
        """Move settling | recording | queued | paused | failed | running → cancelled."""
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

        Jobs that were paused by themselves do not count, nor what people have corrected and cannot be written now.
        """
        open_ = select(jobs.c.id).where(jobs.c.state.in_((*WAITING, RUNNING)))
        cannot = func.coalesce(jobs.c.reason, "").startswith(NOT_EXPORTED)
        to_write = unpublished().where(jobs.c.state == DONE, ~cannot)
        left = union_all(open_, select(requests.c.id), to_write).limit(1)
        return self._read(lambda db: db.execute(left).first()) is None

    def unsettled(self) -> str | None:
        """Return which recordings have yet to settle, for people, if these are all that is left."""
        rows = self._left()
        if not rows or any(row.state not in UNSETTLED for row in rows):
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
