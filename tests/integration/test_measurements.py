"""Layouts and verifications that were measured on this machine."""

import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest

from daemon.config.parallelism import Parallelism, Setup
from daemon.errors import Unavailable
from daemon.store.measurements import known_parallelism, record_verification
from daemon.store.store import Store

SETUP = Setup("this machine", "tiny.en", "cpu", "int8")


def test_a_layout_is_known_for_what_it_was_measured_for_and_nothing_else(store: Store, path: Path) -> None:
    store.keep_parallelism(SETUP, Parallelism(4, 1, 4))
    assert known_parallelism(path, SETUP) == Parallelism(4, 1, 4)
    for field in ("machine", "model", "device", "compute_type"):
        assert known_parallelism(path, replace(SETUP, **{field: "another"})) is None


def test_the_newest_measurement_counts(store: Store, path: Path) -> None:
    store.keep_parallelism(SETUP, Parallelism(4, 1, 4), [{"times_real_time": 9.0}])
    store.keep_parallelism(SETUP, Parallelism(2, 2, 8))
    assert known_parallelism(path, SETUP) == Parallelism(2, 2, 8)
    with sqlite3.connect(path) as db:
        assert db.execute("SELECT workers, trials FROM layouts").fetchall() == [(2, "[]")]


def test_without_a_database_of_this_version_nothing_is_known(tmp_path: Path) -> None:
    assert known_parallelism(tmp_path / "none.db", SETUP) is None
    assert not (tmp_path / "none.db").exists(), "looking makes no database"
    with sqlite3.connect(tmp_path / "other.db") as db:
        db.execute("CREATE TABLE something (id INTEGER)")
    assert known_parallelism(tmp_path / "other.db", SETUP) is None


def test_a_verification_that_cannot_be_kept_says_why(path: Path) -> None:
    values = {
        "model": "tiny.en", "compute_type": "int8", "device": "cpu", "audio_s": 1.0, "wer": 4.0, "reference_wer": 4.0,
        "agreement": 99.0, "speed_up": 2.0, "peak_mb": 1.0, "reference_peak_mb": 1.0, "passed": True,
    }  # fmt: skip
    record_verification(path, **values)
    with sqlite3.connect(path) as db:
        assert db.execute("SELECT model, passed FROM verifications").fetchall() == [("tiny.en", 1)]
    nowhere = path.parent / "file" / "jobs.db"
    nowhere.parent.mkdir()
    nowhere.mkdir()
    with pytest.raises(Unavailable, match="cannot be used"):
        record_verification(nowhere, **values)
