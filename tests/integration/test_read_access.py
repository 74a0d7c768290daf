"""The database read by commands: what is wrong with it is said in words."""

import sqlite3
from pathlib import Path

import pytest
from sqlalchemy.exc import OperationalError

from daemon.errors import Unavailable
from daemon.store import database
from daemon.store.queries import Queries
from daemon.store.store import Store


def test_before_the_first_start_there_is_none(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="there is no database at"):
        Queries(tmp_path / "jobs.db")
    assert list(tmp_path.iterdir()) == []


def test_a_schema_of_another_version_is_named_as_such(path: Path) -> None:
    with sqlite3.connect(path) as db:
        db.execute("ALTER TABLE pauses RENAME TO other")
    with pytest.raises(Unavailable, match="has another schema"), Queries(path) as queries:
        queries.status()


def test_what_is_no_database_at_all(tmp_path: Path) -> None:
    (tmp_path / "jobs.db").write_text("this is a text" * 1000)
    with pytest.raises(Exception, match="file is not a database"), Queries(tmp_path / "jobs.db") as queries:
        queries.status()


def test_mistakes_of_ours_are_not_put_down_to_the_machine(path: Path) -> None:
    with pytest.raises(OperationalError, match="syntax"), Queries(path) as queries, queries._engine.connect() as db:
        db.exec_driver_sql("SELEC 1")


def test_the_daemon_at_work_is_known_by_its_lock(path: Path, queries: Queries) -> None:
    assert queries.pid is None
    with database.lock(path):
        assert isinstance(queries.pid, int)
    assert queries.pid is None


def test_readers_change_nothing_and_hold_nobody_up(path: Path, store: Store, queries: Queries) -> None:
    with queries._engine.connect() as db:
        db.exec_driver_sql("SELECT count(*) FROM jobs").fetchall()
        store.pause("request", "while somebody reads")
        with pytest.raises(OperationalError, match="readonly"):
            db.exec_driver_sql("DELETE FROM jobs")
    assert path.is_file()
