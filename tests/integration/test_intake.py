"""Paths on their way into the queue."""

import sqlite3
from pathlib import Path

import pytest

from daemon.store.store import Store
from tests.builders import seen
from tests.support import queue


@pytest.mark.guarantee(4)
def test_one_row_for_each_version(store: Store, path: Path) -> None:
    for _ in range(3):
        store.settle([seen("a.wav")])
        queue(store, "a.wav")
    store.settle([seen("a.wav", "1:1:2:2:2")])
    connection = sqlite3.connect(path)
    assert connection.execute("SELECT count(*) FROM jobs").fetchone() == (2,)
    connection.close()
