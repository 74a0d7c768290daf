"""One SQLite file: how it is opened, and that one daemon alone has it."""

from pathlib import Path

import pytest

from daemon.errors import AlreadyRunning
from daemon.store import database
from daemon.store.store import Store


@pytest.mark.guarantee(8)
def test_wal_and_full_synchronisation(store: Store) -> None:
    with store._engine.connect() as db:
        assert db.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
        assert db.exec_driver_sql("PRAGMA synchronous").scalar() == 2


@pytest.mark.guarantee(6)
def test_one_daemon_for_a_database(path: Path) -> None:
    assert database.running_pid(path) is None
    with database.lock(path):
        assert database.running_pid(path) is not None
        with pytest.raises(AlreadyRunning, match="another daemon"), database.lock(path):
            pass
    assert database.running_pid(path) is None
