"""What the monitor keeps: samples over time, and alerts from pending to resolved."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, delete, func, insert, select, update

from daemon.store.access import Access
from daemon.store.records import timestamp, timestamp_in
from daemon.store.schema import DEAD, DONE, QUEUED, REJECTED, RUNNING, alerts, jobs, samples, verifications

ENDED_STATES = (DONE, DEAD, REJECTED)


@dataclass(frozen=True, slots=True)
class Queue:
    """How many recordings wait and run, and which of those that are due has waited longest."""

    waiting: int
    running: int
    oldest_id: int | None
    oldest_queued_at: str | None

    @property
    def work_waits(self) -> bool:
        """Whether anything could be done now; a recording that is still being written to is not work yet."""
        return self.running > 0 or self.oldest_id is not None


class History(Access):
    """Samples and alerts. It is the monitor's own access: when the database cannot be written it gives up at once."""

    def sample(self, row: dict[str, Any]) -> None:
        """Keep a sample; `detail` becomes JSON."""
        values = {**row, "detail": json.dumps(row["detail"], separators=(",", ":"))}
        self._write(lambda db: db.execute(insert(samples).values(**values)))

    def last_detail(self) -> dict[str, Any]:
        """Return `detail` of the newest sample; empty if there is none."""
        newest = select(samples.c.detail).order_by(samples.c.id.desc()).limit(1)
        text = self._read(lambda db: db.execute(newest).scalar())
        return {} if text is None else dict(json.loads(text))

    def open_alerts(self) -> list[tuple[str, str, bool]]:
        """Return (rule, subject, whether it has fired) of the alerts that were open when the daemon last ended."""
        statement = select(alerts.c.rule, alerts.c.subject, alerts.c.fired_at).where(alerts.c.resolved_at.is_(None))
        return [
            (rule, subject, fired is not None)
            for rule, subject, fired in self._read(lambda db: db.execute(statement).all())
        ]

    def change_alerts(self, changes: Iterable[tuple[str, str, str, float | None, str]]) -> None:
        """Record changes (rule, subject, state, value, text) to pending, firing, unknown, resolved or ok (no row)."""
        changed = list(changes)

        def work(db: Connection) -> None:
            for change in changed:
                _change(db, *change)

        if changed:
            self._write(work)

    def queue(self) -> Queue:
        """Return what waits and what runs."""
        now = timestamp()

        def work(db: Connection) -> Queue:
            by_state = (
                select(jobs.c.state, func.count()).where(jobs.c.state.in_((QUEUED, RUNNING))).group_by(jobs.c.state)
            )
            counts = {row[0]: row[1] for row in db.execute(by_state)}
            due = (jobs.c.next_attempt_at.is_(None)) | (jobs.c.next_attempt_at <= now)
            oldest = select(jobs.c.id, jobs.c.queued_at).where(jobs.c.state == QUEUED, due)
            row = db.execute(oldest.order_by(jobs.c.queued_at, jobs.c.id).limit(1)).first()
            return Queue(counts.get(QUEUED, 0), counts.get(RUNNING, 0), *(row or (None, None)))

        return self._read(work)

    def ended_since(self, seconds: float) -> list[tuple[float, bool, float, float]]:
        """Return (seconds ago, good, seconds of audio, of processing) of the jobs that ended in the last `seconds`."""
        names = (jobs.c.finished_at, jobs.c.state, jobs.c.duration_s, jobs.c.processing_s)
        since = select(*names).where(jobs.c.state.in_(ENDED_STATES), jobs.c.finished_at >= timestamp_in(-seconds))
        now = datetime.now(UTC)
        return [
            (
                max(0.0, (now - datetime.fromisoformat(row.finished_at)).total_seconds()),
                row.state == DONE,
                row.duration_s or 0.0,
                row.processing_s,
            )
            for row in self._read(lambda db: db.execute(since.order_by(jobs.c.finished_at)).all())
        ]

    def accuracy_percent(self, model: str) -> float | None:
        """Return how much of float32's accuracy a model keeps, by its newest verification; None if there is none."""
        newest = select(verifications).where(verifications.c.model == model).order_by(verifications.c.id.desc())
        row = self._read(lambda db: db.execute(newest.limit(1)).first())
        return None if row is None else 100 * (100 - row.wer) / max(1e-9, 100 - row.reference_wer)

    def verified_at(self, model: str) -> str | None:
        """Return when a model was last verified; None if it never was."""
        last = select(func.max(verifications.c.verified_at)).where(verifications.c.model == model)
        return self._read(lambda db: db.execute(last).scalar())

    def first_sampled_at(self) -> str | None:
        """Return when the oldest kept sample was taken; None before the first."""
        first = select(func.min(samples.c.sampled_at))
        return self._read(lambda db: db.execute(first).scalar())


def _change(db: Connection, rule: str, subject: str, state: str, value: float | None, text: str) -> None:
    now = timestamp()
    is_open = (alerts.c.rule == rule) & (alerts.c.subject == subject) & alerts.c.resolved_at.is_(None)
    if state == "ok":
        db.execute(delete(alerts).where(is_open))
        return
    values: dict[str, Any] = {"state": state, "text": text}
    if value is not None:
        values["value"] = f"{value:.6g}"
    if state == "resolved":
        values["resolved_at"] = now
    row = db.execute(select(alerts.c.id, alerts.c.fired_at).where(is_open)).first()
    if state == "firing" and (row is None or row.fired_at is None):
        values["fired_at"] = now
    if row is not None:
        db.execute(update(alerts).where(alerts.c.id == row.id).values(**values))
    elif state != "resolved":
        db.execute(insert(alerts).values(rule=rule, subject=subject, since=now, **values))
