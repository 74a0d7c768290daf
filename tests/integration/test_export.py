"""`transcribed export`: other formats from the database, written by the daemon."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from daemon.chunk import Options
from daemon.cli.app import app
from daemon.config.settings import Settings
from daemon.filesystem import fingerprint
from daemon.monitor.counters import Counters
from daemon.publish.publisher import publish_job
from daemon.store.export_queries import Finished
from daemon.store.job_queries import JobFilter
from daemon.store.queries import Queries
from daemon.store.records import Job, MadeWith
from daemon.store.requests import export_command, exported_formats
from daemon.store.store import Store
from daemon.transcribe.outcome import Outcomes
from daemon.watch.resolver import Resolver
from tests.builders import result, seen
from tests.support import Daemon, wait_until, write_wav


@pytest.fixture
def outcomes(store: Store) -> Outcomes:
    return Outcomes(store, Resolver(Settings()), Counters())


@pytest.fixture
def job(store: Store, tmp_path: Path) -> Job:
    return finished(store, tmp_path, "talk.wav")


def finished(store: Store, folder: Path, name: str) -> Job:
    """A job that is done, with its transcript as text beside it."""
    (folder / name).write_bytes(b"samples")
    version = fingerprint((folder / name).stat())
    store.queue([(seen(name, version, root=str(folder)), Options(formats=("txt",)), 0)])
    (made,) = store.claim(1)
    store.save([result(made.id, 0, "hello")])
    publish_job(store, made)
    store.finish(made.id)
    return made


def row(queries: Queries, job_id: int) -> Any:
    return queries.job(job_id)


def test_further_formats_are_written_and_recorded(
    outcomes: Outcomes, job: Job, queries: Queries, tmp_path: Path
) -> None:
    outcomes.export(job.id, ["vtt", "lrc"])
    assert "hello" in (tmp_path / "talk.vtt").read_text() and (tmp_path / "talk.lrc").exists()
    told = row(queries, job.id)
    assert (told["state"], told["reason"]) == ("done", None)
    assert {each["format"]: each["published"] for each in told["outputs"]} == dict.fromkeys(("txt", "vtt", "lrc"), True)


def test_what_is_there_is_left_alone_and_a_file_of_the_users_is_not_touched(
    outcomes: Outcomes, job: Job, tmp_path: Path
) -> None:
    (tmp_path / "talk.txt").write_text("edited")
    (tmp_path / "talk.vtt").write_text("mine")
    outcomes.export(job.id, ["vtt"])
    assert (tmp_path / "talk.txt").read_text() == "edited" and (tmp_path / "talk.vtt").read_text() == "mine"
    assert "hello" in (tmp_path / "talk.wav.vtt").read_text()


def test_a_retry_brings_exported_files_up_to_date(
    outcomes: Outcomes, store: Store, job: Job, queries: Queries, tmp_path: Path
) -> None:
    outcomes.export(job.id, ["vtt"])
    store.retry(job.id)
    store.claim(1)
    store.begin(job.id, content_hash="x", duration_s=10.0, made_with=MadeWith("tiny.en", "int8", "cpu"), language="en")
    store.save([result(job.id, 0, "goodbye")])
    outcomes.publish(job.id)
    assert "goodbye" in (tmp_path / "talk.vtt").read_text()
    assert {each["format"] for each in row(queries, job.id)["outputs"]} == {"txt", "vtt"}


def test_a_recording_that_is_gone_still_has_its_transcript(outcomes: Outcomes, job: Job, tmp_path: Path) -> None:
    (tmp_path / "talk.wav").unlink()
    outcomes.export(job.id, ["vtt"])
    assert (tmp_path / "talk.vtt").exists()


def test_a_job_stays_done_and_says_what_could_not_be_written(
    outcomes: Outcomes, job: Job, queries: Queries, tmp_path: Path
) -> None:
    (tmp_path / "talk.wav").write_bytes(b"other samples")
    outcomes.export(job.id, ["vtt"])
    told = row(queries, job.id)
    assert told["state"] == "done" and told["reason"].startswith("not exported as vtt: ")
    assert not (tmp_path / "talk.vtt").exists()
    (tmp_path / "talk.wav").unlink()
    outcomes.export(job.id, ["vtt"])
    assert row(queries, job.id)["reason"] is None


def test_what_is_not_done_is_not_exported(outcomes: Outcomes, store: Store, job: Job, tmp_path: Path) -> None:
    store.retry(job.id)
    outcomes.export(job.id, ["vtt"])
    outcomes.export(99, ["vtt"])
    assert not (tmp_path / "talk.vtt").exists()


def test_only_the_newest_finished_job_of_a_recording_is_found(store: Store, queries: Queries, tmp_path: Path) -> None:
    first, other = finished(store, tmp_path, "a.wav"), finished(store, tmp_path, "b.wav")
    (tmp_path / "a.wav").unlink()
    newer = finished(store, tmp_path, "a.wav")
    found = queries.finished(JobFilter(path=b"a.wav"))
    assert found == [Finished(newer.id, str(tmp_path), b"a.wav", frozenset({"txt"}))]
    assert [each.job_id for each in queries.finished()] == [other.id, newer.id]
    assert queries.finished_ids([first.id, other.id, 99]) == [first.id, other.id]


@pytest.mark.parametrize(("command", "formats"), [("export:vtt,lrc", ("vtt", "lrc")), ("retry", ()), ("export", ())])
def test_a_request_names_its_formats(command: str, formats: tuple[str, ...]) -> None:
    assert exported_formats(command) == formats
    assert not formats or export_command(formats) == command


def test_the_command_asks_and_the_daemon_writes(fake_daemon: Daemon) -> None:
    recordings = [write_wav(fake_daemon.inbox / name) for name in ("a.wav", "b.wav", "c.wav")]
    assert fake_daemon.once() == 0
    fake_daemon.start().ready()
    done = fake_daemon.run("export", "1", str(recordings[1]), "99", "-f", "vtt", "-f", "lrc", "--json")
    assert done.returncode == 1, done.stderr
    told = json.loads(done.stdout)
    assert told["requested"][0]["formats"] == ["vtt", "lrc"] and len(told["requested"][0]["jobs"]) == 2
    assert (told["not_done"], told["daemon_running"]) == (["99"], True)
    wait_until(lambda: (fake_daemon.inbox / "b.lrc").exists() and (fake_daemon.inbox / "a.lrc").exists(), 20)
    fake_daemon.stop()
    written = fake_daemon.query("SELECT count(*) FROM outputs WHERE published AND format IN ('vtt', 'lrc')")
    assert written == [(4,)]
    assert not (fake_daemon.inbox / "c.vtt").exists()


def test_what_a_folder_asks_for_now_is_written_for_all_that_lack_it(fake_daemon: Daemon) -> None:
    write_wav(fake_daemon.inbox / "a.wav")
    assert fake_daemon.once() == 0
    assert fake_daemon.run("export", "--missing").stdout == "nothing is missing\n"
    text = fake_daemon.config.read_text()
    fake_daemon.config.write_text(re.sub(r"formats = .*", 'formats = ["txt", "vtt"]', text))
    assert "vtt requested for 1; the daemon acts when it next runs" in fake_daemon.run("export", "--missing").stdout
    fake_daemon.start().ready()
    wait_until(lambda: (fake_daemon.inbox / "a.vtt").exists(), 20)


@pytest.mark.parametrize("arguments", [(), ("1",), ("-f", "vtt"), ("1", "--missing"), ("--missing", "-f", "vtt")])
def test_half_an_order_is_bad_usage(arguments: tuple[str, ...]) -> None:
    done = CliRunner().invoke(app, ["export", *arguments])
    assert done.exit_code == 2 and "--missing alone" in done.stderr
