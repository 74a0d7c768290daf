"""What is forgotten after a time; tests/integration/test_tasks.py shows it at work on a real folder."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from daemon.store import retention as module
from daemon.store.retention import Retention
from daemon.store.store import Store
from tests.support import queue

LONG_AGO = "2020-01-01T00:00:00.000Z"


@pytest.fixture
def retention(path: Path) -> Iterator[Retention]:
    made = Retention(path)
    yield made
    made.close()


def execute(path: Path, statement: str) -> list[tuple[object, ...]]:
    with sqlite3.connect(path) as db:
        return db.execute(statement).fetchall()


def end_all(path: Path, state: str = "done") -> None:
    execute(path, f"UPDATE jobs SET state = '{state}', finished_at = '{LONG_AGO}'")


def test_jobs_whose_recording_is_gone_go_and_others_stay_group_by_group(
    store: Store, path: Path, retention: Retention, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "GROUP", 3)
    queue(store, *(f"{number}.wav" for number in range(10)))
    end_all(path)
    asked: list[bytes] = []

    def gone(_root: str, name: bytes, _version: str) -> bool:
        asked.append(name)
        return name not in (b"2.wav", b"7.wav")

    assert retention.forget_jobs(30, gone) == 8
    assert execute(path, "SELECT path FROM jobs") == [("2.wav",), ("7.wav",)]
    assert len(asked) == 10, "each is asked about once"


@pytest.mark.parametrize("state", ["settling", "queued", "running", "failed"])
def test_a_job_that_has_not_ended_is_never_forgotten(
    store: Store, path: Path, retention: Retention, state: str
) -> None:
    queue(store, "a.wav")
    end_all(path, state)
    assert retention.forget_jobs(30, lambda *_: True) == 0


def test_one_that_ended_lately_is_not_even_asked_about(store: Store, path: Path, retention: Retention) -> None:
    queue(store, "a.wav")
    end_all(path)
    assert retention.forget_jobs(365 * 100, lambda *_: True) == 0


def test_alerts_that_are_not_over_stay_however_old_they_are(path: Path, retention: Retention) -> None:
    for subject, resolved in (("a", f"'{LONG_AGO}'"), ("b", "NULL")):
        execute(
            path,
            "INSERT INTO alerts (rule, subject, state, since, resolved_at)"
            f" VALUES ('memory', '{subject}', 'firing', '{LONG_AGO}', {resolved})",
        )
    assert retention.forget_samples(30) == 1
    assert execute(path, "SELECT subject FROM alerts") == [("b",)]


def test_deliveries_that_wait_stay_however_old_they_are(store: Store, path: Path, retention: Retention) -> None:
    queue(store, "a.wav")
    for ended in (f"'{LONG_AGO}'", "NULL"):
        execute(
            path,
            "INSERT INTO outbox (job_id, delivery, kind, address, event, payload, state, wanted_at, due_at, ended_at)"
            f" VALUES (1, 'x', 'webhook', '', 'done', '{{}}', 'any', '{LONG_AGO}', '{LONG_AGO}', {ended})",
        )
    assert retention.forget_samples(30) == 1
    assert execute(path, "SELECT ended_at FROM outbox") == [(None,)]


def test_links_that_have_expired_go_and_others_stay(store: Store, path: Path, retention: Retention) -> None:
    queue(store, "a.wav")
    for number, expires_at in enumerate((LONG_AGO, "2999-01-01T00:00:00.000Z")):
        execute(
            path,
            "INSERT INTO shares (token_hash, job_id, created_by, created_at, expires_at, with_recording)"
            f" VALUES ('{number}', 1, 'ada', '{LONG_AGO}', '{expires_at}', 1)",
        )
    assert retention.forget_shares() == 1
    assert execute(path, "SELECT token_hash FROM shares") == [("1",)]


def test_tidying_leaves_a_database_that_is_whole(store: Store, path: Path, retention: Retention) -> None:
    queue(store, "a.wav")
    retention.optimise()
    assert execute(path, "PRAGMA integrity_check") == [("ok",)]
