"""Copies of the database: where they go, and that only whole ones are kept."""

import re
import sqlite3
from pathlib import Path

import pytest

from daemon.errors import Unavailable
from daemon.store import database
from daemon.store.backup import backup_path
from daemon.store.store import Store
from tests.support import queue


def test_copies_are_beside_the_database_and_sort_by_their_time(tmp_path: Path) -> None:
    target = backup_path(tmp_path / "my.jobs.db")
    assert target.parent == tmp_path / "backups" and re.fullmatch(r"my\.jobs-\d{8}T\d{6}Z\.db", target.name)


def test_a_copy_is_one_file_with_everything_that_was_committed(store: Store, path: Path, tmp_path: Path) -> None:
    queue(store, "a.wav")
    database.backup(path, tmp_path / "copy.db")
    assert sorted(file.name for file in tmp_path.glob("copy*")) == ["copy.db"]
    with sqlite3.connect(tmp_path / "copy.db") as copy:
        assert copy.execute("SELECT path FROM jobs").fetchall() == [("a.wav",)]
        assert copy.execute("PRAGMA journal_mode").fetchone() == ("delete",)


def test_what_cannot_be_copied_leaves_an_older_copy_as_it_was(tmp_path: Path) -> None:
    (tmp_path / "copy.db").write_text("the older copy")
    (tmp_path / "broken.db").write_bytes(b"no database" * 1000)
    with pytest.raises(Unavailable, match="cannot be copied"):
        database.backup(tmp_path / "broken.db", tmp_path / "copy.db")
    assert (tmp_path / "copy.db").read_text() == "the older copy"
    assert not (tmp_path / "copy.db.partial").exists()
