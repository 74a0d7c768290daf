"""Stages in a real daemon: killed between two steps they go on, and what they find is where users look for it."""

import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.config import Config

from daemon.store import database
from daemon.store.migrate import migrate
from daemon.store.queries import Queries
from tests.support import ROOT, Daemon, MakeDaemon, fake_texts, reconcile, wait_until, write_wav

KEPT = 3
ONE_CHUNK_IN_A_STEP = f"""
import os, time
from dataclasses import replace
import daemon.transcribe.stages as s

(real,) = s.STAGES
noted = open("steps", "a", buffering=1)

def step(state, chunk):
    print(chunk.idx, file=noted)
    while chunk.idx == {KEPT} and not os.path.exists("go on"):
        time.sleep(0.05)
    return real.step(state, chunk)

s.STAGES = (replace(real, step=step),)
s.CHUNKS_PER_STEP = 1
pass"""
"""Every step takes one chunk and notes its number; the step after the third waits until it may go on."""


def languages(recording: Path) -> list[dict[str, Any]]:
    """What the stage must find in a recording that the fake engine has transcribed."""
    texts = fake_texts(recording)
    seconds = (recording.stat().st_size - 44) / 32_000
    return [{"language": "en", "words": sum(len(text.split()) for text in texts), "speaking_s": seconds}]


@pytest.mark.guarantee(7)
def test_stages_go_on_after_a_kill_with_the_step_that_was_not_kept(make_daemon: MakeDaemon) -> None:
    daemon: Daemon = make_daemon(fake={}, patch=ONE_CHUNK_IN_A_STEP)
    daemon.environment["COLUMNS"] = "200"
    recording = write_wav(daemon.inbox / "long.wav", 150.0)
    chunks, steps = len(fake_texts(recording)), daemon.folder / "steps"
    daemon.start().ready()
    wait_until(lambda: steps.exists() and len(steps.read_text().split()) == KEPT + 1, 60, "the step that waits")
    (running,) = json.loads(daemon.run("status", "--json").stdout)["running"]
    assert running["stages"] == [{"name": "languages", "chunks_done": KEPT, "result": None}]
    assert f"{chunks}/{chunks} chunks, 100 %, languages {KEPT}/{chunks}" in daemon.run("status").stdout
    assert f"{KEPT}/{chunks} chunks" in daemon.run("jobs", "show", "1").stdout
    daemon.kill()
    assert daemon.states() == {"long.wav": "running"} and not (daemon.inbox / "long.json").exists()

    (daemon.folder / "go on").touch()
    daemon.start()
    daemon.wait_for({"long.wav": "done"})
    assert steps.read_text().split() == [str(idx) for idx in (*range(KEPT + 1), *range(KEPT, chunks))]
    assert json.loads((daemon.inbox / "long.json").read_text())["languages"] == languages(recording)
    assert daemon.query("SELECT attempts FROM jobs") == [(1,)]
    assert daemon.stop() == 0
    reconcile(daemon, [recording])


def test_what_a_stage_has_found_is_shown_and_can_be_queried(fake_daemon: Daemon) -> None:
    spoken = write_wav(fake_daemon.inbox / "spoken.wav", 50.0)
    assert fake_daemon.once() == 0
    expected = languages(spoken)
    assert json.loads((fake_daemon.inbox / "spoken.json").read_text())["languages"] == expected
    detail = json.loads(fake_daemon.run("jobs", "show", "1", "--json").stdout)
    assert detail["stages"] == [{"name": "languages", "chunks_done": detail["chunks_done"], "result": expected}]
    (line,) = (
        each for each in fake_daemon.run("jobs", "show", "1").stdout.splitlines() if each.startswith("languages")
    )
    assert line.split(maxsplit=1)[1].strip() == f"language en, words {expected[0]['words']}, speaking_s 50.0"
    documented = (ROOT / "docs" / "database.md").read_text("utf-8")
    query = documented.split("-- words and hours spoken in each language\n")[1].split(";")[0]
    assert fake_daemon.query(query) == [("en", expected[0]["words"], round(50 / 3600, 2))]


def test_a_job_from_before_there_were_stages_is_shown_and_gets_them_when_it_is_retried(make_daemon: MakeDaemon) -> None:
    daemon: Daemon = make_daemon(fake={})
    recording = write_wav(daemon.inbox / "old.wav", 20.0)
    assert daemon.once() == 0
    connection = sqlite3.connect(daemon.database)
    with connection:
        connection.execute("DROP TABLE stages")
        connection.execute("DROP TABLE translations")
        connection.execute("DROP TABLE outbox")
        connection.execute("DROP TABLE waveforms")
        connection.execute("DROP TABLE shares")
        connection.execute("DROP TABLE voices")
        connection.execute("DROP TABLE speakers")
        connection.execute("DROP TABLE known_voices")
        connection.execute("DROP INDEX ix_jobs_fingerprint")
        for view in ("speaking", "lines", "segments_parted", "corrected_parted"):
            connection.execute(f"DROP VIEW {view}")
        for added in ("corrected", "versions", "corrected_fts", "segments_fts"):
            connection.execute(f"DROP TABLE {added}")
        for event in ("insert", "delete", "update"):
            connection.execute(f"DROP TRIGGER segments_fts_{event}")
        of_jobs = ("jobs.recorded_at", "jobs.sound", "jobs.warnings", "jobs.retried")
        for column in (
            *of_jobs,
            "segments.channel",
            "segments.parted",
            "segments.beam_size",
            "segments.speaker",
            "chunks.digest",
        ):
            table, _, name = column.partition(".")
            connection.execute(f"ALTER TABLE {table} DROP COLUMN {name}")
        connection.execute("UPDATE alembic_version SET version_num = '0003'")
    connection.close()
    daemon.start().ready()
    detail = json.loads(daemon.run("jobs", "show", "1", "--json").stdout)
    assert (detail["state"], detail["stages"]) == ("done", [])
    assert "\nlanguages" not in daemon.run("jobs", "show", "1").stdout
    assert daemon.run("jobs", "retry", "1").returncode == 0
    wait_until(lambda: daemon.query("SELECT 1 FROM stages WHERE result IS NOT NULL"), 60, "the result")
    daemon.wait_for({"old.wav": "done"})
    assert json.loads((daemon.inbox / "old.json").read_text())["languages"] == languages(recording)


def test_stages_of_a_database_of_the_version_before(tmp_path: Path) -> None:
    path = tmp_path / "jobs.db"
    config = Config()
    config.set_main_option("script_location", str(ROOT / "migrations"))
    engine = database.open_engine(path)
    config.attributes["engine"] = engine
    command.upgrade(config, "0003")
    engine.dispose()
    connection = sqlite3.connect(path)
    with connection:
        connection.execute(
            "INSERT INTO jobs (root, path, path_bytes, size_bytes, fingerprint, state, chunks_total, chunks_done)"
            " VALUES ('/r', 'a.wav', x'612e776176', 1, '1', 'done', 1, 1)"
        )
    connection.close()
    migrate(path)
    with Queries(path) as queries:
        detail = queries.job(1)
    assert detail is not None and (detail["path"], detail["state"], detail["stages"]) == ("a.wav", "done", [])
