"""What people have corrected is what the files say, whatever happens to daemon and recording."""

import json
import os
import shutil
from dataclasses import replace
from typing import Any

import pytest

from daemon.publish.corrections import Typed, corrected
from daemon.publish.formats import transcript_of
from daemon.store.queries import Queries
from tests.support import Daemon, MakeDaemon, wait_until, write_wav

pytestmark = pytest.mark.guarantee(31)

FORMATS = ("txt", "srt", "json")


@pytest.fixture
def daemon(make_daemon: MakeDaemon) -> Daemon:
    """A daemon that has transcribed talk.wav and has ended since."""
    made: Daemon = make_daemon(fake={})
    write_wav(made.inbox / "talk.wav", 40.0)
    assert made.once() == 0
    return made


def correct(daemon: Daemon, text: str, job_id: int = 1) -> None:
    """Save a version with another text in the first line, as the page does."""
    with Queries(daemon.database) as queries:
        record, version = queries.record(job_id), queries.edition(job_id)
        assert record is not None
        before = transcript_of(record, queries.transcript(job_id), version=version).segments
        typed = [Typed.of(line) for line in before]
        typed[0] = replace(typed[0], text=text)
        newest = next(iter(queries.saved_versions(job_id)), None)
        queries.save_version(job_id, newest.number if newest else 0, "ada", corrected(typed, before, record))


def take_back(daemon: Daemon, based_on: int) -> None:
    with Queries(daemon.database) as queries:
        queries.save_version(1, based_on, "ada", None)


def says(daemon: Daemon, text: str, stem: str = "talk") -> bool:
    """Whether all files of the transcript have this text."""
    files = [daemon.inbox / f"{stem}.{form}" for form in FORMATS]
    return all(text in " ".join(file.read_text().split()) for file in files if file.exists()) and files[0].exists()


def document(daemon: Daemon, stem: str = "talk") -> dict[str, Any]:
    found: dict[str, Any] = json.loads((daemon.inbox / f"{stem}.json").read_text())
    return found


def is_published(daemon: Daemon) -> bool:
    return daemon.query("SELECT count(*) FROM versions WHERE NOT published") == [(0,)]


def test_all_files_are_written_again_and_the_json_says_by_whom(daemon: Daemon) -> None:
    heard = (daemon.inbox / "talk.txt").read_text()
    daemon.start().ready()
    correct(daemon, "right")
    wait_until(lambda: is_published(daemon), 10, "the files being written again")
    assert says(daemon, "right")
    edited = document(daemon)["edited"]
    assert (edited["version"], edited["by"]) == (1, "ada") and document(daemon)["segments"][0]["edited"] is True
    take_back(daemon, 1)
    wait_until(lambda: is_published(daemon), 10, "the machine's text")
    assert (daemon.inbox / "talk.txt").read_text() == heard and "edited" not in document(daemon)
    assert daemon.states() == {"talk.wav": "done"} and len(list(daemon.inbox.iterdir())) == 4


def test_a_correction_that_was_made_while_there_was_no_daemon_is_written_by_the_next_one(daemon: Daemon) -> None:
    correct(daemon, "first")
    correct(daemon, "better")
    assert daemon.once() == 0 and is_published(daemon)
    assert says(daemon, "better") and document(daemon)["edited"]["version"] == 2


def test_it_stays_when_the_recording_is_transcribed_again(daemon: Daemon) -> None:
    correct(daemon, "mine")
    daemon.start().ready()
    daemon.run("jobs", "retry", "1")
    wait_until(lambda: daemon.query("SELECT retried FROM jobs") == [(1,)] or is_published(daemon), 10, "the retry")
    daemon.wait_for({"talk.wav": "done"})
    wait_until(lambda: is_published(daemon), 10, "the files")
    assert says(daemon, "mine")
    assert daemon.query("SELECT count(*) FROM segments WHERE text = 'mine'") == [(0,)]


def test_it_stays_on_the_disk_when_another_recording_takes_the_name(daemon: Daemon) -> None:
    correct(daemon, "mine")
    assert daemon.once() == 0
    write_wav(daemon.inbox / "talk.wav", 25.0, seed=7)
    assert daemon.once() == 0
    assert says(daemon, "mine") and document(daemon)["edited"]["by"] == "ada"
    assert (daemon.inbox / "talk.wav.txt").exists() and "edited" not in document(daemon, "talk.wav")
    assert "taken" in daemon.reasons()["talk.wav"]


def test_it_goes_along_when_the_recording_is_taken_elsewhere(daemon: Daemon) -> None:
    correct(daemon, "mine")
    assert daemon.once() == 0
    (daemon.inbox / "kept").mkdir()
    shutil.copy(daemon.inbox / "talk.wav", daemon.inbox / "kept" / "board.wav")
    for file in daemon.inbox.glob("talk.*"):
        file.unlink()
    assert daemon.once() == 0
    assert says(daemon, "mine", "kept/board") and document(daemon, "kept/board")["edited"]["version"] == 1
    correct(daemon, "ours", 2)
    assert daemon.once() == 0 and says(daemon, "ours", "kept/board")


def test_a_file_that_somebody_has_changed_by_hand_is_left_alone(daemon: Daemon) -> None:
    (daemon.inbox / "talk.txt").write_text("by hand")
    correct(daemon, "mine")
    assert daemon.once() == 0
    assert (daemon.inbox / "talk.txt").read_text() == "by hand" and says(daemon, "mine", "talk.wav")
    assert "taken" in daemon.reasons()["talk.wav"]


def test_a_recording_that_was_deleted_keeps_a_transcript_that_can_be_corrected(daemon: Daemon) -> None:
    (daemon.inbox / "talk.wav").unlink()
    correct(daemon, "mine")
    assert daemon.once() == 0 and says(daemon, "mine")


def test_it_waits_for_a_folder_that_is_away(daemon: Daemon) -> None:
    correct(daemon, "mine")
    away = daemon.inbox.rename(daemon.folder / "away")
    daemon.inbox.write_text("not mounted")
    daemon.start()
    wait_until(lambda: "its corrections are in the database only" in daemon.log_text(), 20, "the first try")
    assert not is_published(daemon)
    daemon.inbox.unlink()
    away.rename(daemon.inbox)
    wait_until(lambda: is_published(daemon), 30, "the next try")
    assert says(daemon, "mine") and daemon.reasons()["talk.wav"] == ""


def test_it_is_written_although_the_recording_was_touched_or_moved_before(daemon: Daemon) -> None:
    correct(daemon, "mine")
    os.utime(daemon.inbox / "talk.wav")
    assert daemon.once() == 0
    assert says(daemon, "mine") and daemon.reasons()["talk.wav"] == ""
    correct(daemon, "ours")
    (daemon.inbox / "kept").mkdir()
    (daemon.inbox / "talk.wav").rename(daemon.inbox / "kept" / "board.wav")
    assert daemon.once() == 0
    assert says(daemon, "ours", "kept/board") and daemon.reasons()["kept/board.wav"] == ""
    assert len(list(daemon.inbox.rglob("*.*"))) == 4
