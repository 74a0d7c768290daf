"""Whether a database has changed, as a reader sees it."""

from pathlib import Path

import pytest

from daemon.errors import Unavailable
from daemon.store.changes import Changes
from daemon.store.store import Store
from tests.builders import seen


def test_each_commit_of_another_is_a_change_and_a_read_is_none(path: Path, store: Store) -> None:
    store.settle([seen("0.wav", "1:9:9:9:9")])
    changes = Changes(path)
    first = changes.number
    store.recordings()
    assert changes.number == first
    store.settle([seen("a.wav")])
    second = changes.number
    assert second != first
    store.settle([seen("b.wav", "1:3:3:3:3")])
    assert changes.number not in (first, second)
    changes.close()


def test_commits_are_seen_of_a_daemon_that_starts_later_and_after_it_has_ended(path: Path) -> None:
    """Without a daemon there is no log, and the database is read as one that does not change."""
    changes = Changes(path)
    numbers = [changes.number]
    for number in range(3):
        store = Store(path)
        store.settle([seen(f"{number}.wav", f"1:{number}:3:3:3")])
        numbers.append(changes.number)
        store.settle([seen(f"again-{number}.wav", f"1:{number}:4:3:3")])
        numbers.append(changes.number)
        store.close()
    assert len(set(numbers)) == len(numbers) and numbers == sorted(numbers)
    changes.close()


def test_a_database_that_is_damaged_cannot_be_read(path: Path) -> None:
    path.write_bytes(b"no database" * 1000)
    changes = Changes(path)
    with pytest.raises(Unavailable, match="not a database"):
        print(changes.number)
    changes.close()
