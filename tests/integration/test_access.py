"""Transactions are tried again while the machine is at fault, and only as long as somebody wants to wait."""

import sqlite3
import time
from functools import partial
from pathlib import Path

import pytest

from daemon.errors import Unavailable
from daemon.store import database
from daemon.store.access import Access, moved
from daemon.store.store import Store
from tests.support import queue


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "open_engine", partial(database.open_engine, patience_s=0.05))
    monkeypatch.setattr(time, "sleep", lambda _seconds: None)


def test_a_database_that_another_program_holds_is_waited_for(path: Path) -> None:
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    reasons: list[str] = []

    def wait(reason: str) -> bool:
        reasons.append(reason)
        if len(reasons) == 2:
            holder.execute("ROLLBACK")
        return True

    access = Access(path, wait)
    access._write(lambda db: db.exec_driver_sql("INSERT INTO pauses VALUES ('request', 'x', 'y')"))
    access.close()
    assert reasons == ["database is locked"] * 2
    assert holder.execute("SELECT count(*) FROM pauses").fetchone() == (1,)
    holder.close()


def test_who_does_not_want_to_wait_is_told_why(path: Path) -> None:
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    access = Access(path, lambda _reason: False)
    with pytest.raises(Unavailable, match="database is locked"):
        access._write(lambda db: db.exec_driver_sql("DELETE FROM pauses"))
    access.close()
    holder.close()


def test_a_transaction_that_fails_leaves_nothing(store: Store) -> None:
    def half(db: object) -> None:
        store_pause(db)
        raise ValueError("half-way")

    def store_pause(db: object) -> None:
        db.exec_driver_sql("INSERT INTO pauses VALUES ('request', 'x', 'y')")  # type: ignore[attr-defined]

    with pytest.raises(ValueError, match="half-way"):
        store._write(half)
    assert store.pauses() == {}


def test_only_jobs_in_these_states_move(store: Store) -> None:
    queue(store, "a.wav", "b.wav")
    store.claim(1)
    store._write(lambda db: db.execute(moved("queued", ids=[1, 2]).values(state="cancelled")))
    assert (store.job(1).attempts, store.nothing_left()) == (1, False)
    assert store._write(lambda db: db.execute(moved("cancelled").values(reason="x")).rowcount) == 1
