"""Fixtures: a database where a daemon in `tmp_path` would have it, what reads and writes it, and a monitor on it."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser

from daemon.store.monitoring import History
from daemon.store.queries import Queries
from daemon.store.store import Store
from daemon.web import people
from tests.browser import chromium
from tests.integration.correct_desk import Desk, desk_in
from tests.integration.monitor_house import Bench
from tests.integration.web_house import WebHouse
from tests.support import new_database


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """The database."""
    database = tmp_path / "var" / "jobs.db"
    new_database(database)
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
def web(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[WebHouse]:
    """A page in this process. Passwords are hashed as always, but quickly."""
    monkeypatch.setitem(people.SCRYPT, "n", 16)
    made = WebHouse(tmp_path)
    yield made
    made.close()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as found:
        yield found


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """The page in a browser, for correcting, over a database without a daemon."""
    with desk_in(tmp_path_factory.mktemp("desk")) as made:
        yield made
