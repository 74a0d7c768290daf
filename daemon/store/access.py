"""Transactions of the daemon on jobs.db."""

from collections.abc import Callable, Sequence
from pathlib import Path
from threading import Lock
from typing import Any

from sqlalchemy import Connection, Update, bindparam, update

from daemon.store import database
from daemon.store.reading import Reading, T
from daemon.store.schema import jobs

OF_JOB = jobs.c.id == bindparam("of_job")
"""The row of a job, in statements that are made once."""


class Access(Reading):
    """Reads and writes jobs.db. A transaction that fails because of the machine, such as a full disk, is tried again.

    Methods may be called from the dispatcher and from the scanner; only the daemon that holds the lock writes.

    Args:
        path: The database file, already migrated.
        keep_waiting: Called with the reason before each new try; False makes the call raise Unavailable.
    """

    def __init__(self, path: Path, keep_waiting: Callable[[str], bool] = lambda _reason: True) -> None:
        self._engine = database.open_engine(path)
        self._turn = Lock()
        """Threads that write take turns: SQLite would let a waiting one sleep while another keeps writing."""
        self._keep_waiting = keep_waiting
        self.files_turn = Lock()
        """Held by who moves the files of jobs that are done, until the database says where they are now, and by who
        writes them again: otherwise what was written there lies where nobody knows of it."""

    def close(self) -> None:
        """Close the connections to the database."""
        self._engine.dispose()

    def _read(self, work: Callable[[Connection], T]) -> T:
        with self._engine.connect().execution_options(read_only=True) as db:
            return work(db)

    def _write(self, work: Callable[[Connection], T]) -> T:
        return database.transact(self._engine, work, self._keep_waiting, self._turn)

    def _move(self, job_ids: Sequence[int], from_states: tuple[str, ...], **values: Any) -> None:
        if job_ids:
            self._write(lambda db: db.execute(moved(*from_states, ids=job_ids).values(**values)))


def moved(*from_states: str, ids: Sequence[int] | None = None) -> Update:
    """Return an update of the jobs that are in one of these states, or of those of them that have these ids."""
    statement = update(jobs).where(jobs.c.state.in_(from_states))
    return statement if ids is None else statement.where(jobs.c.id.in_(ids))
