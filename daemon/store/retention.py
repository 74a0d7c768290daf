"""What is forgotten after a time, and the database kept quick."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from sqlalchemy import Connection, Select, Table, and_, delete, select

from daemon.store.access import Access
from daemon.store.records import timestamp_in
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
    samples,
)

DAY_S = 86_400
GROUP = 500
"""Rows of one transaction: others wait for none longer than a moment."""
ENDED = (DONE, DEAD, REJECTED, IGNORED, CANCELLED, VANISHED)


class Retention(Access):
    """Forgets in small transactions."""

    def forget_samples(self, days: float) -> int:
        """Samples, batches and resolved alerts that are older; how many."""
        before = timestamp_in(-days * DAY_S)
        return (
            self._forget(samples, samples.c.sampled_at < before)
            + self._forget(batches, batches.c.finished_at < before)
            + self._forget(alerts, alerts.c.resolved_at < before)
        )

    def forget_jobs(self, days: float, gone: Callable[[str, bytes, str], bool]) -> int:
        """Ended jobs that are older and whose recording is gone; how many.

        A recording that is still there keeps its row: without it, it would be transcribed anew.

        Args:
            gone: whether this version (root, path, fingerprint) no longer exists.
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

    def optimise(self) -> None:
        """Have SQLite look at its statistics, and give a grown write-ahead log back."""

        with self._engine.connect() as db:
            driver = db.connection.driver_connection
            assert driver is not None
            driver.execute("PRAGMA optimize")
            driver.execute("PRAGMA wal_checkpoint(PASSIVE)")

    def _forget(self, table: Table, old: Any) -> int:
        ids = select(table.c.id).where(old).limit(GROUP)
        total = 0
        while count := self._write(lambda db: db.execute(delete(table).where(table.c.id.in_(ids))).rowcount):
            total += count
        return total


def _rows(db: Connection, statement: Select[Any]) -> Sequence[Any]:
    return db.execute(statement).all()
