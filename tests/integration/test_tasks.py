"""What is done now and then: old rows, lost temporary files, backups, the verification."""

import os
import sqlite3
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from daemon.config import reader
from daemon.config.formats import FORMATS, LIVE
from daemon.config.settings import Settings
from daemon.maintenance.tasks import Maintenance
from daemon.store import migrate
from daemon.store.monitoring import History
from daemon.store.records import timestamp_in

HEADER = "INSERT INTO jobs (root, path, path_bytes, size_bytes, fingerprint, state, finished_at) VALUES "


@dataclass
class Work:
    idle: bool = True


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    (tmp_path / "inbox").mkdir()
    file = tmp_path / "config.toml"
    file.write_text("[jobs]\nkeep_days = 10\n[database]\nbackups = 2\n")
    settings = reader.load(file)
    migrate.migrate(settings.database_path)
    return settings


def age(path: Path, seconds: float) -> None:
    os.utime(path, (time.time() - seconds,) * 2)


def execute(settings: Settings, *statements: str) -> None:
    with sqlite3.connect(settings.database_path) as db:
        for statement in statements:
            db.execute(statement)


def test_old_rows_go_and_what_is_still_there_keeps_its_row(settings: Settings, history: History) -> None:
    inbox = settings.watch[0].path
    (inbox / "there.wav").write_bytes(b"x")
    from daemon.filesystem import fingerprint

    version = fingerprint(os.lstat(inbox / "there.wav"))
    execute(
        settings,
        f"{HEADER} ('{inbox}', 'there.wav', CAST('there.wav' AS BLOB), 1, '{version}', 'done', '2020-01-01T00:00:00.000Z')",
        f"{HEADER} ('{inbox}', 'there.wav', CAST('there.wav' AS BLOB), 1, 'older', 'done', '2020-01-01T00:00:00.000Z')",
        f"{HEADER} ('{inbox}', 'gone.wav', CAST('gone.wav' AS BLOB), 1, 'f', 'done', '2020-01-01T00:00:00.000Z')",
        f"{HEADER} ('{inbox}', 'new.wav', CAST('new.wav' AS BLOB), 1, 'f', 'dead', '2999-01-01T00:00:00.000Z')",
        f"{HEADER} ('{inbox}', 'open.wav', CAST('open.wav' AS BLOB), 1, 'f', 'queued', NULL)",
        f"{HEADER} ('/unmounted', 'far.wav', CAST('far.wav' AS BLOB), 1, 'f', 'done', '2020-01-01T00:00:00.000Z')",
        "INSERT INTO segments (job_id, chunk, idx, start_s, end_s, text) VALUES (3, 0, 0, 0, 1, 'budget')",
        "INSERT INTO batches (finished_at, device, size, capacity, recordings, audio_s, run_s)"
        " VALUES ('2020-01-01T00:00:00.000Z', 'cpu', 1, 1, 1, 1, 1), ('2999-01-01T00:00:00.000Z', 'cpu', 1, 1, 1, 1, 1)",
        "INSERT INTO shares (token_hash, job_id, created_by, created_at, expires_at, with_recording)"
        " VALUES ('a', 1, '', '', '2020-01-01T00:00:00.000Z', 0), ('b', 1, '', '', '2999-01-01T00:00:00.000Z', 0)",
    )
    Maintenance(settings, None, history, Work()).tidy()
    with sqlite3.connect(settings.database_path) as db:
        paths = db.execute("SELECT path, fingerprint = 'older' FROM jobs ORDER BY id").fetchall()
        assert paths == [("there.wav", 0), ("new.wav", 0), ("open.wav", 0), ("far.wav", 0)]
        assert db.execute("SELECT count(*) FROM batches").fetchone() == (1,)
        assert db.execute("SELECT token_hash FROM shares").fetchall() == [("b",)]
        assert db.execute("SELECT count(*) FROM segments_fts WHERE segments_fts MATCH 'budget'").fetchone() == (0,)


def test_temporary_files_left_behind_go_and_no_others(settings: Settings, history: History) -> None:
    inbox = settings.watch[0].path
    (inbox / "sub").mkdir()
    orphans = [inbox / "sub" / f".transcribed-7-{form}.tmp" for form in (*FORMATS, "en.srt", LIVE)]
    fresh = inbox / ".transcribed-8-json.tmp"
    foreign = [inbox / ".transcribed-notes.tmp", inbox / ".transcribed-7-notes.tmp"]
    for path in (*orphans, fresh, *foreign):
        path.write_text("x")
    outside = settings.database_path.parent / ".transcribed-9-txt.tmp"
    outside.write_text("x")
    (inbox / "link").symlink_to(settings.database_path.parent)
    for path in (*orphans, *foreign, outside):
        age(path, 7200)
    Maintenance(settings, None, history, Work()).tidy()
    assert not any(path.exists() for path in orphans)
    assert all(path.exists() for path in (fresh, *foreign, outside))


def test_backups_are_made_when_due_and_the_oldest_go(
    settings: Settings, history: History, caplog: pytest.LogCaptureFixture
) -> None:
    care = Maintenance(settings, None, history, Work())
    folder = settings.database_path.parent / "backups"
    care.back_up()
    (first,) = folder.iterdir()
    with sqlite3.connect(first) as copy:
        assert copy.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert copy.execute("SELECT count(*) FROM jobs").fetchone() == (0,)
    care.back_up()
    assert list(folder.iterdir()) == [first]
    for day in (3, 2):
        old = folder / f"jobs-2020010{day}T000000Z.db"
        old.write_bytes(b"")
        age(old, 86_400 * day)
    first = first.rename(folder / "jobs-20200104T000000Z.db")
    age(first, 90_000)
    care.back_up()
    kept = sorted(folder.glob("*.db"))
    assert len(kept) == 2 and first in kept
    # A folder that cannot be made is told of, and stops nothing.
    for path in [*folder.iterdir()]:
        path.unlink()
    folder.rmdir()
    folder.write_text("a file")
    care.back_up()
    assert "no backup of the database" in caplog.text


def ago(days: float) -> str:
    return timestamp_in(-86_400 * days)


def sample(settings: Settings, days: float) -> None:
    """Put a sample of so many days ago into the database."""
    columns = (
        "cpu_percent, memory_percent, swap_percent, load_1m, rss_mb, done, failed, audio_s, error_rate_percent,"
        " success_rate_percent, files_per_hour, audio_hours_per_hour, queue_files, oldest_waiting_s"
    )
    ones = ", ".join("1" for _ in columns.split(","))
    execute(settings, f"INSERT INTO samples (sampled_at, {columns}, detail) VALUES ('{ago(days)}', {ones}, '{{}}')")


def verification(settings: Settings, model: str, days: float) -> None:
    """Put a verification of so many days ago into the database."""
    columns = (
        "verified_at, model, compute_type, device, audio_s, wer, reference_wer, agreement, speed_up, peak_mb,"
        " reference_peak_mb, passed"
    )
    execute(
        settings,
        f"INSERT INTO verifications ({columns}) VALUES ('{ago(days)}', '{model}', 'int8', 'cpu', 1, 4, 4, 99, 2, 1, 1, 1)",
    )


@pytest.mark.parametrize(
    ("verified", "sampled", "keep_days", "due"),
    [
        ([], [], 30, False),
        ([], [6.9], 30, False),
        ([], [6.9, 7.1], 30, True),
        ([], [7.1], 0, True),
        # Samples go before the week is over: it must not begin anew for ever.
        ([], [2.9], 3, False),
        ([], [3.1], 3, True),
        ([("tiny.en", 6.9)], [20], 30, False),
        ([("tiny.en", 6.9)], [3.1], 3, False),
        ([("tiny.en", 7.1)], [0.1], 30, True),
        ([("base", 1)], [7.1], 30, True),
    ],
)
def test_a_verification_is_due_a_week_after_the_last_or_else_after_the_first_sample(
    settings: Settings,
    history: History,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    verified: list[tuple[str, float]],
    sampled: list[float],
    keep_days: int,
    due: bool,
) -> None:
    (tmp_path / "config.toml").write_text(f"[model]\nname = 'tiny.en'\n[monitor]\nkeep_samples_days = {keep_days}\n")
    settings = reader.load(tmp_path / "config.toml")
    program = tmp_path / "python"
    program.write_text(f"#!/bin/sh\ntouch {tmp_path}/ran\n")
    program.chmod(0o755)
    monkeypatch.setattr("daemon.maintenance.tasks.sys.executable", str(program))
    for days in sampled:
        sample(settings, days)
    for model, days in verified:
        verification(settings, model, days)
    Maintenance(settings, tmp_path / "config.toml", history, Work()).verify()
    assert (tmp_path / "ran").exists() is due


def test_verification_is_due_after_its_days_when_nothing_else_runs(
    settings: Settings, history: History, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "python"
    program.write_text(f"#!/bin/sh\necho \"$@\" >> {tmp_path}/ran\necho 'passed: keeps 99 %'\n")
    program.chmod(0o755)
    monkeypatch.setattr("daemon.maintenance.tasks.sys.executable", str(program))
    work = Work()
    care = Maintenance(settings, tmp_path / "config.toml", history, work)
    ran = tmp_path / "ran"
    care.verify()
    assert not ran.exists()  # never sampled: not due
    sample(settings, 8)
    work.idle = False
    care.verify()
    assert not ran.exists()
    work.idle = True
    nothing_here = settings.model_copy(update={"model": settings.model.model_copy(update={"device": "none"})})
    Maintenance(nothing_here, tmp_path / "config.toml", history, work).verify()
    assert not ran.exists()  # there is no engine to verify
    care.verify()
    assert "daemon verify --config" in ran.read_text()
    program.write_text("#!/bin/sh\nexec sleep 60\n")
    work.idle = True
    threading.Timer(0.5, lambda: setattr(work, "idle", False)).start()
    began = time.monotonic()
    care.verify()
    assert time.monotonic() - began < 50  # it gives way long before the minute that it would take
