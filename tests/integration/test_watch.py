"""Finding recordings: a real daemon with the fake engine, real folders, real ways of copying."""

import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from daemon.config.formats import FORMATS
from daemon.filesystem import fingerprint
from daemon.watch.listing import on_network
from tests.support import Daemon, MakeDaemon, reconcile, wait_until, write_wav

SLOW_RESCAN = "settle_seconds = 0.3\nrescan_seconds = 3600"


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    folder = tmp_path / "outside"
    folder.mkdir()
    return folder


def test_every_way_of_dropping_is_seen_by_its_event(make_daemon: MakeDaemon, outside: Path) -> None:
    daemon: Daemon = make_daemon(fake={}, watching=SLOW_RESCAN)
    write_wav(daemon.inbox / "already.wav", seed=1)
    daemon.start().ready()
    inbox = daemon.inbox
    shutil.copy(write_wav(outside / "copied.wav", seed=2), inbox)
    write_wav(outside / "moved.wav", seed=3).rename(inbox / "moved.wav")
    write_wav(inbox / "firefox.wav.part", seed=4).rename(inbox / "firefox.wav")
    write_wav(inbox / "chrome.wav.crdownload", seed=5).rename(inbox / "chrome.wav")
    write_wav(inbox / ".rsync.wav.Xa81fq", seed=6).rename(inbox / "rsync.wav")
    (outside / "folder" / "deep").mkdir(parents=True)
    write_wav(outside / "folder" / "deep" / "inside.wav", seed=7)
    (outside / "folder").rename(inbox / "folder")
    os.link(write_wav(outside / "linked.wav", seed=8), inbox / "linked.wav")
    (inbox / "new").mkdir()
    write_wav(inbox / "new" / "later.wav", seed=9)
    expected = ["already.wav", "copied.wav", "moved.wav", "firefox.wav", "chrome.wav", "rsync.wav",
                "folder/deep/inside.wav", "linked.wav", "new/later.wav"]  # fmt: skip
    daemon.wait_for(dict.fromkeys(expected, "done"), 30)
    reconcile(daemon, [inbox / path for path in expected])
    assert daemon.stop() == 0


@pytest.mark.guarantee(1)
def test_everything_is_found_without_any_event(make_daemon: MakeDaemon, outside: Path) -> None:
    daemon: Daemon = make_daemon(
        fake={},
        **{"[watch]": 'path = "inbox"\nbackend = "polling"'},
        watching="settle_seconds = 0.2\nrescan_seconds = 0.5",
    )
    daemon.start().ready()
    write_wav(daemon.inbox / "a.wav")
    (daemon.inbox / "sub").mkdir()
    write_wav(outside / "b.wav", seed=2).rename(daemon.inbox / "sub" / "b.wav")
    daemon.wait_for({"a.wav": "done", "sub/b.wav": "done"})


@pytest.mark.guarantee(3)
def test_a_file_that_stays_open_waits_with_a_reason(make_daemon: MakeDaemon) -> None:
    daemon: Daemon = make_daemon(fake={})
    daemon.start().ready()
    path = write_wav(daemon.inbox / "a.wav")
    with path.open("ab"):
        wait_until(lambda: "open for writing" in daemon.reasons().get("a.wav", ""), 15)
        assert daemon.states()["a.wav"] == "settling"
    daemon.wait_for({"a.wav": "done"})


@pytest.mark.guarantee(4, 5)
def test_replaced_content_runs_again_and_touched_content_does_not(make_daemon: MakeDaemon) -> None:
    daemon: Daemon = make_daemon(fake={})
    path = write_wav(daemon.inbox / "a.wav", seed=1)
    daemon.start().ready()
    daemon.wait_for({"a.wav": "done"})
    first = (daemon.inbox / "a.txt").read_text()
    batches = daemon.query("SELECT count(*) FROM batches")
    row = daemon.query("SELECT id, finished_at FROM jobs")
    touches: list[Callable[[], None]] = [lambda: os.utime(path), lambda: path.chmod(0o600), lambda: restore(path)]
    for touch in touches:
        touch()
        wait_until(lambda: daemon.query("SELECT fingerprint FROM jobs") == [(fingerprint(path.stat()),)], 20)
    assert daemon.query("SELECT id, finished_at FROM jobs") == row
    assert daemon.query("SELECT count(*) FROM batches") == batches
    write_wav(path, seed=2)
    wait_until(lambda: len(daemon.query("SELECT id FROM jobs WHERE state = 'done'")) == 2, 20)
    assert (daemon.inbox / "a.txt").read_text() != first
    reconcile_names = {entry.name for entry in daemon.inbox.iterdir()}
    assert reconcile_names == {"a.wav", "a.txt", "a.srt", "a.json"}


def restore(path: Path) -> None:
    """Put a copy of a file in its place, as a backup program does."""
    copy = path.with_name(".copy")
    shutil.copyfile(path, copy)
    copy.rename(path)


@pytest.mark.guarantee(5, 11)
def test_transcripts_that_were_moved_edited_or_deleted_stay_so_when_their_recordings_are_touched(
    make_daemon: MakeDaemon, outside: Path
) -> None:
    daemon: Daemon = make_daemon(fake={})
    recordings = [write_wav(daemon.inbox / f"{name}.wav", seed=seed) for seed, name in enumerate("abc")]
    daemon.start().ready()
    daemon.wait_for({path.name: "done" for path in recordings})
    (daemon.inbox / "a.txt").write_text("edited")
    (daemon.inbox / "b.txt").rename(outside / "b.txt")
    for path in daemon.inbox.glob("c.[tsj]*"):
        path.unlink()
    before = {path: path.read_bytes() for path in daemon.inbox.iterdir()}
    for path in recordings:
        os.utime(path)
    versions = [(fingerprint(path.stat()),) for path in recordings]
    wait_until(lambda: daemon.query("SELECT fingerprint FROM jobs ORDER BY path") == versions, 20)
    assert {path: path.read_bytes() for path in daemon.inbox.iterdir()} == before
    daemon.run("jobs", "retry", "3")
    wait_until(lambda: (daemon.inbox / "c.json").exists(), 20, "what was asked for again")


def kill_once(daemon: Daemon, moment: str, method: str) -> None:
    """Run until a method of the store is called, and kill the daemon before or after it."""
    kill = "os.kill(os.getpid(), signal.SIGKILL)"
    steps = f"{kill}, method(*each)" if moment == "before" else f"method(*each), {kill}"
    daemon.patch = (
        f"import os, signal; from daemon.store.store import Store; method = Store.{method}; "
        f"Store.{method} = lambda *each: ({steps})"
    )
    assert daemon.once() == -9
    daemon.patch = ""


@pytest.mark.guarantee(5, 7)
@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_kill_while_a_touched_recording_is_recognized(make_daemon: MakeDaemon, moment: str) -> None:
    daemon: Daemon = make_daemon(fake={})
    path = write_wav(daemon.inbox / "a.wav")
    assert daemon.once() == 0
    os.utime(path)
    kill_once(daemon, moment, "merge_touched")
    assert daemon.once() == 0
    assert daemon.query("SELECT state, fingerprint FROM jobs") == [("done", fingerprint(path.stat()))]
    reconcile(daemon, [path])


@pytest.mark.guarantee(5)
def test_a_renamed_recording_is_not_transcribed_again(make_daemon: MakeDaemon) -> None:
    daemon: Daemon = make_daemon(fake={})
    path = write_wav(daemon.inbox / "a.wav", seed=1)
    daemon.start().ready()
    daemon.wait_for({"a.wav": "done"})
    batches = daemon.query("SELECT count(*) FROM batches")
    text = (daemon.inbox / "a.txt").read_text()
    path.rename(daemon.inbox / "b.wav")
    wait_until(lambda: daemon.states() == {"b.wav": "done"}, 20)
    assert daemon.query("SELECT count(*) FROM batches") == batches
    assert (daemon.inbox / "b.txt").read_text() == text and not (daemon.inbox / "a.txt").exists()
    reconcile(daemon, [daemon.inbox / "b.wav"])


@pytest.mark.guarantee(5)
def test_what_is_renamed_or_moved_while_it_waits_or_runs_keeps_its_job_and_its_chunks(make_daemon: MakeDaemon) -> None:
    daemon: Daemon = make_daemon(
        fake={"delay_s": 0.3, "workers": 1, "batch_size": 1},
        **{"[watch]": 'path = "inbox"\n[[watch]]\npath = "other"'},
        watching=SLOW_RESCAN,
    )
    (daemon.folder / "other").mkdir()
    (daemon.inbox / "series").mkdir()
    write_wav(daemon.inbox / "long.wav", 300.0)
    daemon.start().ready()
    wait_until(lambda: daemon.query("SELECT 1 FROM jobs WHERE state = 'running' AND chunks_done > 1"), 30)
    for number in range(40):
        write_wav(daemon.inbox / "series" / f"{number:02}.wav", 0.2, seed=number)
    # What has not settled yet is no job that could be kept: it settles anew under its new name.
    wait_until(lambda: daemon.query("SELECT count(*) FROM jobs WHERE state != 'settling'") == [(41,)], 30)
    assert daemon.query("SELECT count(*) FROM jobs WHERE state = 'queued'")[0][0] > 10
    (daemon.inbox / "series").rename(daemon.inbox / "renamed")
    (daemon.inbox / "long.wav").rename(daemon.folder / "other" / "moved.wav")
    names = [f"renamed/{number:02}.wav" for number in range(40)]
    daemon.wait_for({"moved.wav": "done", **dict.fromkeys(names, "done")}, 90)
    assert daemon.query("SELECT count(*), sum(attempts > 1) FROM jobs") == [(41, 0)]
    ((chunks, decodings),) = daemon.query("SELECT count(*), sum(attempts) FROM chunks")
    ((batches,),) = daemon.query("SELECT count(*) FROM batches")
    assert batches <= decodings + 5 and chunks > 41, "much was computed twice"
    assert {path.name for path in (daemon.folder / "other").iterdir()} == {
        "moved.wav", "moved.txt", "moved.srt", "moved.json",
    }  # fmt: skip
    assert not (daemon.inbox / "series").exists() and not (daemon.inbox / "long.txt").exists()


@pytest.mark.guarantee(5, 7)
@pytest.mark.parametrize("moment", ["before", pytest.param("after", marks=pytest.mark.faults)])
def test_a_kill_while_a_transcript_is_taken_along(make_daemon: MakeDaemon, moment: str) -> None:
    daemon: Daemon = make_daemon(fake={})
    write_wav(daemon.inbox / "a.wav")
    assert daemon.once() == 0
    (daemon.inbox / "a.wav").rename(daemon.inbox / "b.wav")
    kill_once(daemon, moment, "follow")
    assert daemon.once() == 0
    assert daemon.states() == {"b.wav": "done"}
    reconcile(daemon, [daemon.inbox / "b.wav"])


@pytest.mark.guarantee(3)
def test_a_recording_that_changes_while_it_runs_gives_the_transcript_of_the_new_version(
    make_daemon: MakeDaemon,
) -> None:
    daemon: Daemon = make_daemon(fake={"delay_s": 1.0})
    path = write_wav(daemon.inbox / "a.wav", seed=1)
    daemon.start().ready()
    daemon.wait_for({"a.wav": "running"})
    write_wav(path, seed=2)
    daemon.wait_for({"a.wav": "done"})
    rows = daemon.query("SELECT state, attempts FROM jobs ORDER BY id")
    assert rows == [("vanished", 0), ("done", 1)]
    reconcile(daemon, [path])


def test_vanished_while_queued(make_daemon: MakeDaemon) -> None:
    daemon: Daemon = make_daemon(fake={"delay_s": 1.5, "workers": 1, "batch_size": 1})
    for number in range(30):
        write_wav(daemon.inbox / f"{number:02}.wav", seed=number)
    daemon.start().ready()
    daemon.wait_for({"29.wav": "queued"})
    (daemon.inbox / "29.wav").unlink()
    daemon.wait_for({"29.wav": "vanished"})


@pytest.mark.guarantee(12, 17)
def test_what_is_no_recording_is_accounted_for(make_daemon: MakeDaemon) -> None:
    daemon: Daemon = make_daemon(fake={})
    inbox = daemon.inbox
    (inbox / "notes.txt").write_text("mine")
    (inbox / "slides.pdf").write_text("x")
    (inbox / "half.wav.part").write_text("x")
    (inbox / "x.wav").mkdir()
    (inbox / "x.wav" / "scan.pdf").write_text("x")
    os.mkfifo(inbox / "pipe.wav")
    os.symlink("/etc/passwd", inbox / "link.wav")
    assert daemon.once() == 1
    states, reasons = daemon.states(), daemon.reasons()
    assert states == {
        "slides.pdf": "ignored", "half.wav.part": "ignored", "x.wav/scan.pdf": "ignored",
        "pipe.wav": "rejected", "link.wav": "rejected",
    }  # fmt: skip
    assert "pipe" in reasons["pipe.wav"] and "symbolic link" in reasons["link.wav"]
    for name in ("half.wav.part", "pipe.wav"):
        (inbox / name).unlink()
    daemon.once()
    assert set(daemon.states()) == {"slides.pdf", "x.wav/scan.pdf", "link.wav"}


def test_extensions_that_come_and_go_in_the_configuration(make_daemon: MakeDaemon) -> None:
    daemon: Daemon = make_daemon(fake={})
    write_wav(daemon.inbox / "a.xyz", seed=1)
    write_wav(daemon.inbox / "REC0001", seed=2)
    assert daemon.once() == 0
    assert daemon.states() == {"a.xyz": "ignored", "REC0001": "ignored"}
    default = daemon.config.read_text()
    daemon.config.write_text(default.replace("[watching]", '[watching]\nextensions = [".xyz"]\nsniff = true'))
    assert daemon.once() == 0
    assert daemon.states() == {"a.xyz": "done", "REC0001": "done"}
    jobs = daemon.query("SELECT id, state FROM jobs ORDER BY id")
    assert [state for _, state in jobs] == ["done", "done"], "they are ignored no longer"
    daemon.config.write_text(default)
    assert daemon.once() == 0
    assert daemon.query("SELECT id, state FROM jobs ORDER BY id") == jobs


def test_what_was_ignored_before_its_format_was_known_is_no_longer_listed(make_daemon: MakeDaemon) -> None:
    daemon: Daemon = make_daemon(fake={})
    for name in ("notes.md", ".hidden.md", "slides.pdf"):
        (daemon.inbox / name).write_text("mine")
    daemon.patch = "from daemon.watch import names; names.EXTENSIONS = names.EXTENSIONS - {'.md'}"
    assert daemon.once() == 0
    assert daemon.states() == dict.fromkeys((".hidden.md", "notes.md", "slides.pdf"), "ignored")
    daemon.patch = ""
    before = daemon.query("SELECT id FROM jobs WHERE path != 'notes.md' ORDER BY id")
    assert daemon.once() == 0
    assert daemon.states() == dict.fromkeys((".hidden.md", "slides.pdf"), "ignored")
    assert daemon.query("SELECT id FROM jobs ORDER BY id") == before
    assert (daemon.inbox / "notes.md").read_text() == "mine"


def test_own_transcripts_are_never_ingested_though_folders_overlap(make_daemon: MakeDaemon) -> None:
    daemon: Daemon = make_daemon(
        fake={},
        **{"[watch]": f'path = "inbox"\nformats = {list(FORMATS)}\n[[watch]]\npath = "inbox/sub"\nformats = ["txt"]'},
    )
    (daemon.inbox / "sub").mkdir()
    write_wav(daemon.inbox / "a.wav", seed=1)
    write_wav(daemon.inbox / "sub" / "b.wav", seed=2)
    assert daemon.once() == 0
    assert daemon.once() == 0
    daemon.start().ready()
    write_wav(daemon.inbox / "sub" / "c.wav", seed=3)
    daemon.wait_for({"c.wav": "done"})
    time.sleep(3)  # a comparison, and all events of our own writing
    assert daemon.query("SELECT count(*) FROM jobs") == [(3,)]
    assert {entry.name for entry in (daemon.inbox / "sub").iterdir()} == {"b.wav", "b.txt", "c.wav", "c.txt"}


def test_a_folder_that_is_not_recursive(make_daemon: MakeDaemon) -> None:
    daemon: Daemon = make_daemon(fake={}, **{"[watch]": 'path = "inbox"\nrecursive = false'})
    (daemon.inbox / "sub").mkdir()
    write_wav(daemon.inbox / "sub" / "b.wav")
    daemon.start().ready()
    write_wav(daemon.inbox / "a.wav")
    write_wav(daemon.inbox / "sub" / "c.wav", seed=2)
    daemon.wait_for({"a.wav": "done"})
    time.sleep(1)
    assert daemon.states() == {"a.wav": "done"}


@pytest.mark.guarantee(2)
def test_a_root_that_goes_away_and_comes_back(make_daemon: MakeDaemon) -> None:
    daemon: Daemon = make_daemon(
        fake={}, watching="settle_seconds = 0.2\nrescan_seconds = 0.5", monitor="interval_seconds = 0.3"
    )
    write_wav(daemon.inbox / "a.wav")
    daemon.start().ready()
    daemon.wait_for({"a.wav": "done"})
    shutil.rmtree(daemon.inbox)
    wait_until(lambda: daemon.query("SELECT state FROM alerts WHERE rule = 'root_missing'") == [("firing",)], 15)
    assert daemon.stop() == 0
    daemon.start().ready()
    time.sleep(1)
    assert daemon.query("SELECT state FROM alerts WHERE rule = 'root_missing'") == [("firing",)]
    daemon.inbox.mkdir()
    wait_until(lambda: daemon.query("SELECT state FROM alerts WHERE rule = 'root_missing'") == [("resolved",)], 15)
    write_wav(daemon.inbox / "b.wav", seed=2)
    daemon.wait_for({"b.wav": "done", "a.wav": "done"})


def test_a_root_that_goes_away_while_its_files_settle(make_daemon: MakeDaemon) -> None:
    daemon: Daemon = make_daemon(
        fake={}, watching="settle_seconds = 1.5\nrescan_seconds = 3600", monitor="interval_seconds = 0.3"
    )
    daemon.start().ready()
    write_wav(daemon.inbox / "a.wav")
    daemon.wait_for({"a.wav": "settling"})
    shutil.rmtree(daemon.inbox)
    wait_until(lambda: daemon.query("SELECT state FROM alerts WHERE rule = 'root_missing'") == [("firing",)], 15)
    assert not daemon.ended and daemon.states() == {"a.wav": "settling"}
    assert daemon.stop() == 0


@pytest.mark.guarantee(11, 17)
def test_recordings_that_come_with_a_transcript_are_left_alone_if_that_is_asked_for(make_daemon: MakeDaemon) -> None:
    daemon: Daemon = make_daemon(
        fake={}, **{"[watch]": 'path = "inbox"\nformats = ["txt"]\nwhen_transcript_exists = "skip"'}
    )
    (daemon.inbox / "a.srt").write_text("mine")
    write_wav(daemon.inbox / "a.wav", seed=1)
    write_wav(daemon.inbox / "b.wav", seed=2)
    assert daemon.once() == 0
    assert daemon.states() == {"a.wav": "done", "b.wav": "done"}
    assert daemon.reasons()["a.wav"] == "has a transcript already"
    assert {path.name for path in daemon.inbox.iterdir()} == {"a.wav", "a.srt", "b.wav", "b.txt"}
    write_wav(daemon.inbox / "b.wav", seed=3)
    text = (daemon.inbox / "b.txt").read_text()
    daemon.run("jobs", "retry", "1")
    assert daemon.once() == 0
    assert (daemon.inbox / "b.txt").read_text() != text, "the daemon's own transcript holds nothing up"
    assert (daemon.inbox / "a.txt").exists() and (daemon.inbox / "a.srt").read_text() == "mine"


@pytest.mark.guarantee(17)
def test_a_folder_that_may_not_be_listed_is_said(make_daemon: MakeDaemon) -> None:
    daemon: Daemon = make_daemon(
        fake={"delay_s": 5.0},
        watching="settle_seconds = 0.2\nrescan_seconds = 0.5",
        monitor="interval_seconds = 0.3",
        patch=(
            "import os; scandir = os.scandir\n"
            "def refusing(path):\n"
            "    if os.path.basename(path) == b'closed' and os.path.exists(os.path.dirname(path) + b'/../refuse'):\n"
            "        raise PermissionError(13, 'Permission denied')\n"
            "    return scandir(path)\n"
            "os.scandir = refusing\n"
        ),
    )
    refuse, folder = daemon.folder / "refuse", daemon.inbox / "closed"
    folder.mkdir()
    refuse.touch()
    write_wav(folder / "a.wav")
    write_wav(daemon.inbox / "b.wav", seed=2)
    daemon.start().ready()
    alert = "SELECT state, text FROM alerts WHERE rule = 'folder_unlistable'"
    wait_until(lambda: [state for state, _ in daemon.query(alert)] == ["firing"], 15)
    assert "1 of the folders below" in daemon.query(alert)[0][1] and str(daemon.inbox) in daemon.run("status").stdout
    assert "closed/a.wav" not in daemon.states()
    time.sleep(2)
    assert daemon.log_text().count("cannot list closed in") == 1
    refuse.unlink()
    wait_until(lambda: [state for state, _ in daemon.query(alert)] == ["resolved"], 15)
    wait_until(lambda: "closed/a.wav" in daemon.states(), 15, "what is in it")
    assert "closed in" in daemon.log_text() and "can be listed again" in daemon.log_text()


def test_local_folders_are_not_taken_for_network_folders(tmp_path: Path) -> None:
    assert not on_network(tmp_path)


def test_settings_in_the_folders_count_at_once_and_are_no_recordings(fake_daemon: Daemon) -> None:
    calls = fake_daemon.inbox / "calls"
    calls.mkdir()
    fake_daemon.start().ready()
    (calls / ".transcribed.toml").write_text('formats = ["md"]\nlanguage = "en"')
    write_wav(calls / "a.wav")
    fake_daemon.wait_for({"calls/a.wav": "done"})
    (calls / ".transcribed.toml").write_text('formats = ["doc"]')
    (calls / "b.wav.toml").write_text("priority = 7")
    write_wav(calls / "b.wav", seed=2)
    write_wav(fake_daemon.inbox / "c.wav", seed=3)
    fake_daemon.wait_for({"calls/b.wav": "done", "c.wav": "done"})
    assert sorted(path.name for path in calls.glob("?.*")) == ["a.md", "a.wav", "b.md", "b.wav", "b.wav.toml"]
    assert (fake_daemon.inbox / "c.srt").exists()
    said = fake_daemon.log_text()
    assert said.count("calls/.transcribed.toml: formats[0]: must be one of") == 1 and "it counts as before" in said
    queued = "SELECT path, language, priority FROM jobs ORDER BY path"
    assert fake_daemon.query(queued) == [("c.wav", "en", 0), ("calls/a.wav", "en", 0), ("calls/b.wav", "en", 7)]
    shown = fake_daemon.run("explain", str(calls / "b.wav"))
    assert "calls/.transcribed.toml: formats[0]" in shown.stderr and "b.wav.toml: priority" in shown.stdout
    refused = fake_daemon.run("explain", str(calls / "b.wav.toml"))
    assert refused.returncode == 1 and "holds options of a folder or of a recording" in refused.stdout
    assert fake_daemon.stop() == 0
