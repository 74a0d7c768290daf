"""What is deleted after a time, and how the database is kept fast."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from sqlalchemy import Connection, Select, Table, and_, delete, select

from daemon.store import database
from daemon.store.access import Access
from daemon.store.records import timestamp, timestamp_in
from daemon.store.schema import (
    CANCELLED,
    DEAD,
    DONE,
    IGNORED,
    REJECTED,
    VANISHED,
    alerts,
    batches,
    jobs,
    outbox,
    samples,
    shares,
)

DAY_S = 86_400
LOG_S = 1.0
"""How long others may keep the log from being emptied; then it is tomorrow's turn."""
GROUP = 500
"""Rows deleted in one transaction, few enough that others wait for only a moment."""
ENDED = (DONE, DEAD, REJECTED, IGNORED, CANCELLED, VANISHED)


class Retention(Access):
    """Deletes old rows in small transactions."""

    def forget_samples(self, days: float) -> int:
        """Delete samples, batches, resolved alerts and deliveries older than `days`, and return how many rows."""
        before = timestamp_in(-days * DAY_S)
        return (
            self._forget(samples, samples.c.sampled_at < before)
            + self._forget(batches, batches.c.finished_at < before)
            + self._forget(alerts, alerts.c.resolved_at < before)
            + self._forget(outbox, outbox.c.ended_at < before)
        )

    def forget_jobs(self, days: float, gone: Callable[[str, bytes, str], bool]) -> int:
        """Delete ended jobs whose recording is gone, and return how many.

        A recording that still exists keeps its row: without it, it would be transcribed again.

        Args:
            days: How long ago a job must have ended.
            gone: Tells whether a version (root, path, fingerprint) no longer exists.
        """
        before = timestamp_in(-days * DAY_S)
        columns = (jobs.c.id, jobs.c.root, jobs.c.path_bytes, jobs.c.fingerprint)
        old = and_(jobs.c.state.in_(ENDED), jobs.c.finished_at < before)
        last, forgotten = 0, 0
        while True:
            statement = select(*columns).where(old, jobs.c.id > last).order_by(jobs.c.id).limit(GROUP)
            rows = self._read(partial(_rows, statement=statement))
            if not rows:
                return forgotten
            last = rows[-1].id
            ids = [row.id for row in rows if gone(row.root, row.path_bytes, row.fingerprint)]
            forgotten += self._forget(jobs, and_(old, jobs.c.id.in_(ids)))

    def forget_shares(self) -> int:
        """Delete links that have expired, and return how many."""
        return self._forget(shares, shares.c.expires_at <= timestamp())

    def optimise(self) -> None:
        """Let SQLite update its statistics, and leave nothing in the write-ahead log."""
        with self._engine.connect() as db:
            driver = db.connection.driver_connection
            assert driver is not None
            driver.execute("PRAGMA optimize")
        database.empty_log(self._engine, LOG_S)

    def _forget(self, table: Table, old: Any) -> int:
        ids = select(table.c.id).where(old).limit(GROUP)
        total = 0
        while count := self._write(lambda db: db.execute(delete(table).where(table.c.id.in_(ids))).rowcount):
            total += count
        return total


def _rows(db: Connection, statement: Select[Any]) -> Sequence[Any]:
    return db.execute(statement).all()
