"""Whether a database is sound: good ones, damaged ones, ones of other versions, and what their times say."""

import sqlite3
from pathlib import Path

import pytest

from daemon.errors import Unavailable
from daemon.store.migrate import schema_of
from daemon.store.records import timestamp, timestamp_in
from daemon.store.soundness import Times, soundness, times
from daemon.store.store import Store
from tests.support import queue

COLUMNS = (
    "cpu_percent, memory_percent, swap_percent, load_1m, rss_mb, done, failed, audio_s, error_rate_percent,"
    " success_rate_percent, files_per_hour, audio_hours_per_hour, queue_files, oldest_waiting_s, detail"
)


def sampled(path: Path, *moments: str) -> None:
    with sqlite3.connect(path) as db:
        for moment in moments:
            db.execute(f"INSERT INTO samples (sampled_at, {COLUMNS}) VALUES (?{', 0' * 14}, '{{}}')", (moment,))


def test_a_sound_database_and_nothing_is_changed(path: Path) -> None:
    before = path.read_bytes()
    found = soundness(path)
    assert found.damage == () and found.schema.is_known and found.schema.current == found.schema.head
    assert path.read_bytes() == before


def test_one_that_a_daemon_writes_to(path: Path, store: Store) -> None:
    queue(store, "a.wav")
    assert soundness(path).damage == ()


def test_a_damaged_one(path: Path, store: Store) -> None:
    queue(store, *[f"{number}.wav" for number in range(200)])
    store.close()
    with sqlite3.connect(path) as db:
        db.execute("PRAGMA journal_mode=DELETE")
        (page,) = db.execute("SELECT rootpage FROM sqlite_master WHERE name = 'jobs'").fetchone()
        (size,) = db.execute("PRAGMA page_size").fetchone()
    with path.open("r+b") as file:
        file.seek((page - 1) * size)
        file.write(b"\xff" * size)
    try:
        assert soundness(path).damage
    except Unavailable as error:
        assert "damaged" in error.message and "backups/" in error.hint


def test_what_is_no_database(path: Path) -> None:
    path.write_bytes(b"a text, not a database at all" * 100)
    with pytest.raises(Unavailable, match="is damaged or no database: file is not a database"):
        soundness(path)
    with pytest.raises(Unavailable, match="is damaged or no database"):
        times(path, 60.0)


def test_one_of_another_version(path: Path) -> None:
    with sqlite3.connect(path) as db:
        db.execute("UPDATE alembic_version SET version_num = '0001'")
    assert schema_of(path).current == "0001" and schema_of(path).is_known
    with sqlite3.connect(path) as db:
        db.execute("UPDATE alembic_version SET version_num = '9999'")
    assert not schema_of(path).is_known
    with sqlite3.connect(path) as db:
        db.execute("DROP TABLE samples")
    with pytest.raises(Unavailable, match="has another schema"):
        times(path, 60.0)


def test_one_without_tables(tmp_path: Path) -> None:
    empty = tmp_path / "jobs.db"
    sqlite3.connect(empty).close()
    empty.touch()
    assert soundness(empty).schema.current is None


def test_times_of_a_clock_that_goes_right(path: Path, store: Store) -> None:
    assert times(path, 3600.0) == Times(None, None)
    early, late = timestamp_in(-120), timestamp_in(-60)
    sampled(path, early, late)
    assert times(path, 3600.0) == Times(late, None)
    queue(store, "a.wav")
    newest = times(path, 3600.0).newest
    assert newest is not None and late < newest <= timestamp()


def test_a_clock_that_was_set_back(path: Path) -> None:
    back = timestamp_in(-600)
    sampled(path, timestamp_in(-900), timestamp_in(-300), back, timestamp_in(-60))
    assert times(path, 3600.0).set_back == back
    assert times(path, 120.0).set_back is None, "that was long ago"
