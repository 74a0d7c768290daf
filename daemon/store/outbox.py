"""The outbox: what is to be done now that a job has ended, kept until it has been done.

The rows are written in the transaction that ends the job, so neither of the two is ever there without the other.
"""

import json
import uuid
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, exists, func, insert, or_, select, update

from daemon.store.access import Access
from daemon.store.records import seconds_until, timestamp, timestamp_in
from daemon.store.schema import jobs, outbox, outputs

COMMAND, WEBHOOK, NOTIFY, RECORDING = "command", "webhook", "notify", "recording"
"""Kinds: run a program, tell an address, tell people, move or delete the recording."""
WAITING, SENT, UNSENT, DROPPED = "waiting", "done", "failed", "dropped"
"""States of a row; `dropped` is what is no longer wanted."""


@dataclass(frozen=True, slots=True)
class Lane:
    """What is delivered one after another: a kind and, where there are several, an address."""

    kind: str
    address: str = ""


@dataclass(frozen=True, slots=True)
class Order:
    """Something to be done when a job ends."""

    lane: Lane
    event: str
    """`done` or `failed`; what becomes of the recording: `move` or `delete`."""
    command: tuple[str, ...] = ()
    delay_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Letter:
    """A row of the outbox that is due."""

    id: int
    job_id: int
    delivery: str
    """An id that stays the same however often it is sent."""
    event: str
    payload: dict[str, Any]
    """What there is to say about the job: as it ended, and where its files are now."""
    command: tuple[str, ...]
    moved_to: bytes | None
    """The path below the root that a recording is about to get, or has got."""
    attempts: int
    wanted_at: str


class Outbox(Access):
    """Reads and changes the rows of the outbox."""

    _listeners: tuple[Callable[[], object], ...] = ()

    def listen(self, listener: Callable[[], object]) -> None:
        """Have a function called, on whatever thread, whenever something was put into the outbox."""
        self._listeners = (*self._listeners, listener)

    def _tell(self, orders: Sequence[Order]) -> None:
        for listener in self._listeners if orders else ():
            listener()

    def due(self, lane: Lane, limit: int) -> list[Letter]:
        """Return what a lane has to deliver now, the oldest first; nothing before what has to come before it."""
        now = timestamp()
        statement = (
            select(outbox)
            .where(*_of(lane), outbox.c.due_at <= now, ~_comes_after_another(now))
            .order_by(outbox.c.id)
            .limit(limit)
        )
        return self._read(lambda db: [_letter(db, row) for row in db.execute(statement).all()])

    def next_due_delivery_s(self, lane: Lane) -> float | None:
        """Return the seconds until a lane has something to deliver; None if nothing waits there."""
        statement = select(func.min(outbox.c.due_at)).where(*_of(lane))
        due = self._read(lambda db: db.execute(statement).scalar())
        return None if due is None else max(0.0, seconds_until(due))

    def begin_delivery(self, letter_id: int) -> None:
        """Count an attempt before it is made, so that one that ends the daemon counts."""
        self._change([letter_id], attempts=outbox.c.attempts + 1)

    def give_back_delivery(self, letter_id: int) -> None:
        """Take back an attempt that was broken off by the daemon."""
        self._change([letter_id], attempts=outbox.c.attempts - 1)

    def end_delivery(self, letter_ids: Collection[int], state: str, reason: str | None = None) -> None:
        """Move waiting → done | failed | dropped."""
        self._change(letter_ids, state=state, reason=reason, ended_at=timestamp())

    def put_off_delivery(self, letter_ids: Collection[int], wait_s: float, reason: str) -> None:
        """Keep waiting → waiting: the attempt has failed, and the next one is made after some time."""
        self._change(letter_ids, attempts=outbox.c.attempts + 1, reason=reason, due_at=timestamp_in(wait_s))

    def postpone_delivery(self, letter_ids: Collection[int], wait_s: float, reason: str) -> None:
        """Keep waiting → waiting: it is not due yet after all."""
        self._change(letter_ids, reason=reason, wanted_at=timestamp_in(wait_s), due_at=timestamp_in(wait_s))

    def will_move_to(self, letter_id: int, path: bytes) -> None:
        """Note the path below its root that a recording is about to get."""
        self._change([letter_id], moved_to=path)

    def expire(self, lane: Lane, age_s: float, reason: str, letter_id: int | None = None) -> int:
        """Move waiting → failed: what a lane could not deliver for so long, or one letter of it; return how many."""
        old = update(outbox).where(*_of(lane), outbox.c.wanted_at < timestamp_in(-age_s))
        old = old if letter_id is None else old.where(outbox.c.id == letter_id)
        ended = old.values(state=UNSENT, reason=reason, ended_at=timestamp())
        return self._write(lambda db: db.execute(ended).rowcount)

    def drop_other_lanes(self, lanes: Collection[Lane], reason: str) -> int:
        """Move waiting → dropped: what waits for an address that there is no more; return how many."""
        served = or_(*(and_(outbox.c.kind == lane.kind, outbox.c.address == lane.address) for lane in lanes))
        others = update(outbox).where(outbox.c.state == WAITING, ~served)
        dropped = others.values(state=DROPPED, reason=reason, ended_at=timestamp())
        return self._write(lambda db: db.execute(dropped).rowcount)

    def undelivered(self) -> str | None:
        """Return what is not delivered yet, for people; None if nothing is left but what is to be done much later."""
        soon = or_(outbox.c.kind != RECORDING, outbox.c.due_at <= timestamp())
        statement = select(func.count(), func.max(outbox.c.reason)).where(outbox.c.state == WAITING, soon)
        count, reason = self._read(lambda db: db.execute(statement).one())
        if not count:
            return None
        what = "1 delivery" if count == 1 else f"{count} deliveries"
        return f"{what}: {reason}" if reason else what

    def _change(self, letter_ids: Collection[int], **values: Any) -> None:
        these = update(outbox).where(outbox.c.id.in_(letter_ids), outbox.c.state == WAITING)
        self._write(lambda db: db.execute(these.values(**values)))


def put(db: Connection, job_id: int, orders: Sequence[Order]) -> None:
    """Write what is to be done for a job into the outbox, in the transaction that has just ended it."""
    if not orders:
        return
    # What was to become of the recording after an earlier end is decided anew.
    earlier = update(outbox).where(outbox.c.job_id == job_id, outbox.c.kind == RECORDING, outbox.c.state == WAITING)
    db.execute(earlier.values(state=DROPPED, reason="the job has ended again", ended_at=timestamp()))
    payload = json.dumps(_told(db, job_id), ensure_ascii=False)
    for order in orders:
        db.execute(
            insert(outbox).values(
                job_id=job_id,
                delivery=uuid.uuid4().hex,
                kind=order.lane.kind,
                address=order.lane.address,
                event=order.event,
                payload=payload,
                command=json.dumps(order.command, ensure_ascii=False) if order.command else None,
                state=WAITING,
                wanted_at=timestamp_in(order.delay_s),
                due_at=timestamp_in(order.delay_s),
            )
        )


def _of(lane: Lane) -> tuple[ColumnElement[bool], ...]:
    """Return the conditions for what waits in a lane."""
    return outbox.c.state == WAITING, outbox.c.kind == lane.kind, outbox.c.address == lane.address


def _comes_after_another(now: str) -> ColumnElement[bool]:
    """Return the condition that something else is to be done first for the same job.

    In a lane, everything stays in order. Commands go before all else, for they need the recording where it is; then
    what becomes of the recording, so that messages say where it is now. Once that was tried in vain they wait no more.
    """
    first = outbox.alias()
    untried = and_(first.c.kind == RECORDING, first.c.attempts == 0, first.c.due_at <= now)
    same_lane = and_(first.c.kind == outbox.c.kind, first.c.address == outbox.c.address)
    return (
        exists()
        .where(
            first.c.job_id == outbox.c.job_id,
            first.c.id < outbox.c.id,
            first.c.state == WAITING,
            or_(same_lane, first.c.kind == COMMAND, untried),
        )
        .correlate(outbox)
    )


def _letter(db: Connection, row: Any) -> Letter:
    return Letter(
        id=row.id,
        job_id=row.job_id,
        delivery=row.delivery,
        event=row.event,
        payload={"event": row.event, "delivery": row.delivery, **json.loads(row.payload), **_places(db, row.job_id)},
        command=tuple(json.loads(row.command or "[]")),
        moved_to=row.moved_to,
        attempts=row.attempts,
        wanted_at=row.wanted_at,
    )


def _told(db: Connection, job_id: int) -> dict[str, Any]:
    """Return what is told about a job that has just ended, and where its recording is at that time."""
    names = ("root", "path", "state", "reason", "error_kind", "language", "duration_s", "model", "finished_at")
    row = db.execute(select(*(jobs.c[name] for name in names)).where(jobs.c.id == job_id)).one()
    return {"job": job_id, **row._mapping}


def _places(db: Connection, job_id: int) -> dict[str, Any]:
    """Return where the recording and the transcripts of a job are."""
    row = db.execute(select(jobs.c.root, jobs.c.path, jobs.c.path_bytes).where(jobs.c.id == job_id)).one()
    written = select(outputs.c.format, outputs.c.path, outputs.c.path_bytes).where(
        outputs.c.job_id == job_id, outputs.c.published
    )
    files = [{**file._mapping, "path_bytes": file.path_bytes.hex()} for file in db.execute(written)]
    return {
        "root": row.root,
        "path": row.path,
        "path_bytes": row.path_bytes.hex(),
        "transcripts": files,
        "text": next((file["path"] for file in files if file["format"] == "txt"), None),
    }
