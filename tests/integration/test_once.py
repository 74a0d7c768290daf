"""When `run --once` ends although not everything is done."""

from datetime import datetime, timedelta
from pathlib import Path

import pytest

from tests.support import Daemon, MakeDaemon, reconcile, wait_until, write_wav


def hours_ahead() -> str:
    """Working hours that begin in two hours."""
    now = datetime.now()
    return f"{now + timedelta(hours=2):%H:%M}-{now + timedelta(hours=3):%H:%M}"


def ended(daemon: Daemon, *arguments: str) -> int:
    daemon.start("--once", *arguments)
    assert daemon.process is not None
    return daemon.process.wait(60)


def test_outside_the_hours_it_says_so_and_gives_up_and_a_folder_that_is_not_watched_holds_up_nothing(
    make_daemon: MakeDaemon, tmp_path: Path
) -> None:
    daemon: Daemon = make_daemon(fake={}, jobs=f'hours = "{hours_ahead()}"')
    recording = write_wav(daemon.inbox / "a.wav")
    assert ended(daemon, "--wait", "1") == 5
    assert "gave up waiting: work is paused: outside the hours" in daemon.log_text()
    assert daemon.query("SELECT id, state FROM jobs") == [(1, "queued")]

    (tmp_path / "other").mkdir()
    elsewhere: Daemon = make_daemon(fake={}, **{"[watch]": 'path = "other"'})
    assert ended(elsewhere) == 0
    assert elsewhere.query("SELECT state, reason FROM jobs") == [("vanished", "its folder is not watched any more")]
    assert "1 jobs wait in folders that are not watched any more" in elsewhere.log_text()

    again: Daemon = make_daemon(fake={})
    assert ended(again) == 0
    assert again.query("SELECT id, state, attempts FROM jobs") == [(1, "done", 1)]
    reconcile(again, [recording])


def test_a_recording_that_stays_open_ends_the_wait_and_one_that_is_closed_in_time_does_not(
    make_daemon: MakeDaemon,
) -> None:
    daemon: Daemon = make_daemon(fake={})
    recording = write_wav(daemon.inbox / "a.wav")
    write_wav(daemon.inbox / "b.wav", seed=2)
    with recording.open("ab"):
        assert ended(daemon, "--wait", "2") == 5
    assert daemon.states() == {"a.wav": "settling", "b.wav": "done"}
    assert "gave up waiting: a.wav: a program still has it open for writing" in daemon.log_text()
    with recording.open("ab"):
        daemon.start("--once", "--wait", "60")
        wait_until(lambda: "engine ready" in daemon.log_text().rpartition("gave up")[2], 30)
    assert daemon.process is not None and daemon.process.wait(30) == 0
    assert daemon.states() == {"a.wav": "done", "b.wav": "done"}


def test_a_pause_from_before_the_start_is_told(fake_daemon: Daemon) -> None:
    assert fake_daemon.once() == 0
    write_wav(fake_daemon.inbox / "a.wav")
    assert fake_daemon.run("pause").returncode == 0
    assert ended(fake_daemon, "--wait", "1") == 5
    assert ended(fake_daemon, "--wait", "0") == 5
    assert "paused since before this start: by request" in fake_daemon.log_text()
    fake_daemon.run("resume")
    assert fake_daemon.once() == 0 and fake_daemon.states() == {"a.wav": "done"}


@pytest.mark.parametrize("wait", ["-1", "soon"])
def test_a_wait_that_is_none_is_refused(fake_daemon: Daemon, wait: str) -> None:
    refused = fake_daemon.run("run", "--once", "--wait", wait)
    assert refused.returncode == 2 and "--wait" in refused.stderr
