"""Fixtures: a migrated database where a daemon in `tmp_path` would have it, and what reads and writes it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from daemon.store.migrate import migrate
from daemon.store.monitoring import History
from daemon.store.queries import Queries
from daemon.store.store import Store


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """The database."""
    database = tmp_path / "var" / "jobs.db"
    migrate(database)
    return database


@pytest.fixture
def store(path: Path) -> Iterator[Store]:
    opened = Store(path)
    yield opened
    opened.close()


@pytest.fixture
def queries(path: Path) -> Iterator[Queries]:
    with Queries(path) as opened:
        yield opened


@pytest.fixture
def history(path: Path) -> Iterator[History]:
    made = History(path, lambda _reason: False)
    yield made
    made.close()
