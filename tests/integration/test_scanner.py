"""The scanner in this process, on a real folder and a real database."""

import os
import select
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from daemon.config import reader
from daemon.signals import Wakeup
from daemon.store.queries import Queries
from daemon.store.store import Store
from daemon.watch import scanner as room
from daemon.watch.listing import Found, walk
from daemon.watch.resolver import Resolver
from daemon.watch.scanner import GROUP, Scanner
from tests.support import new_database, wait_until


def fill(folder: Path, count: int) -> None:
    folder.mkdir()
    for number in range(count):
        (folder / f"{number:03}.wav").write_bytes(b"RIFF")


def test_of_many_recordings_the_first_are_queued_while_the_last_are_still_to_be_seen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(tmp_path / "inbox", 2 * GROUP + 1)
    fill(tmp_path / "moved", GROUP + 1)
    (tmp_path / "config.toml").write_text("[watching]\nsettle_seconds = 0\nrescan_seconds = 3600\n")
    settings = reader.load(tmp_path / "config.toml")
    new_database(settings.database_path)

    def queued() -> int:
        with Queries(settings.database_path) as queries:
            return sum(row["state"] == "queued" for row in queries.jobs(limit=1000))

    seen_and_queued: list[tuple[int, int]] = []

    def slow_walk(*arguments: object, **options: object) -> Iterator[Found]:
        for number, item in enumerate(walk(*arguments, **options)):  # type: ignore[arg-type]
            if number and number % GROUP == 0:
                seen_and_queued.append((number, queued()))
            yield item

    monkeypatch.setattr(room, "walk", slow_walk)
    store, wakeup = Store(settings.database_path), Wakeup()
    scanner = Scanner(Resolver(settings), store, wakeup, lambda _job, _seen: ({}, None))
    scanner.start()
    try:
        wait_until(lambda: scanner.compared, 30, "the first comparison")
        assert seen_and_queued == [(GROUP, GROUP), (2 * GROUP, 2 * GROUP)]
        assert queued() == 2 * GROUP + 1 and select.select([wakeup], [], [], 0)[0]
        seen_and_queued.clear()
        target = tmp_path / "inbox" / "moved"
        shutil.move(tmp_path / "moved", target)
        scanner.hint(os.fsencode(target))
        wait_until(lambda: queued() == 3 * GROUP + 2, 30, "the folder that was moved in")
        assert seen_and_queued[0] == (GROUP, 3 * GROUP + 1)
    finally:
        scanner.stop()
        scanner.join(10)
        store.close()
    assert scanner.failure is None
