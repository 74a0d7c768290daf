"""Fixtures: a database where a daemon in `tmp_path` would have it, what reads and writes it, and a monitor on it."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from daemon.store.migrate import migrate
from daemon.store.monitoring import History
from daemon.store.queries import Queries
from daemon.store.store import Store
from tests.integration.monitor_house import Bench
from tests.integration.web_house import WebHouse


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


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Bench]]:
    made: list[Bench] = []

    def make(**options: Any) -> Bench:
        made.append(Bench(tmp_path, monkeypatch, **options))
        return made[-1]

    yield make
    for each in made:
        each.end()


@pytest.fixture
def web(tmp_path: Path) -> Iterator[WebHouse]:
    made = WebHouse(tmp_path)
    yield made
    made.close()
