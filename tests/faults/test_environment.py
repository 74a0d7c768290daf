"""Full, read-only and forbidden folders: the work waits, says why, loses nothing, burns no attempt, goes on by itself."""

import time
from collections.abc import Callable

import pytest

from tests.faults.namespace import Namespace
from tests.support import Daemon, MakeDaemon, reconcile, wait_until, write_wav

MONITOR = "interval_seconds = 0.5\nfor_seconds = 0\ndisk_free_mb = 0.2"
PAUSES = [0, pytest.param(30, marks=pytest.mark.faults)]
"""Seconds for which a disk stays full."""


@pytest.mark.guarantee(9, 19)
@pytest.mark.parametrize("full_s", PAUSES)
def test_a_full_drop_folder(make_daemon: MakeDaemon, make_namespace: Callable[..., Namespace], full_s: int) -> None:
    daemon: Daemon = make_daemon(fake={}, jobs="retry_backoff_seconds = 0.2", monitor=MONITOR)
    inside = make_namespace(daemon, f"mount -t tmpfs -o size=1m tmpfs {daemon.inbox}")
    recording = write_wav(daemon.folder / "a.wav", 2.0)
    inside.say(f"cp {recording} inbox/ && head -c 2000000 /dev/zero > inbox/.filler 2>/dev/null")
    inside.start_daemon()
    wait_until(lambda: "cannot be written" in daemon.reasons().get("a.wav", ""), 30, "the full disk being noticed")
    assert daemon.query("SELECT attempts FROM jobs WHERE path = 'a.wav'") in ([(0,)], [(1,)])
    assert sorted(inside.say("ls -A inbox").split()) == [".filler", "a.wav"], "something half-written is visible"
    alerts = "SELECT count(*) FROM alerts WHERE rule = 'disk_free' AND state = ?"
    wait_until(lambda: daemon.query(alerts, "firing") == [(1,)], 20, "the alert")
    time.sleep(full_s)
    inside.say("rm inbox/.filler")
    daemon.wait_for({"a.wav": "done"}, 30)
    assert sorted(inside.say("ls -A inbox").split()) == ["a.json", "a.srt", "a.txt", "a.wav"]
    assert daemon.query("SELECT attempts FROM jobs WHERE path = 'a.wav'") == [(1,)]
    wait_until(lambda: daemon.query(alerts, "resolved") == [(1,)], 20, "the end of the alert")
    assert daemon.query("SELECT count(*) FROM alerts WHERE rule = 'disk_free'") == [(1,)]


SMALL_STATES = [
    pytest.param("12m", "var/.filler", 100, 0, id="12 MB, 100 recordings"),
    pytest.param("1m", "var/.filler", 100, 30, id="1 MB, 100 recordings, full for 30 s", marks=pytest.mark.faults),
]


@pytest.mark.guarantee(19)
@pytest.mark.timeout(180)
@pytest.mark.parametrize(("size", "filler", "files", "full_s"), SMALL_STATES)
def test_a_full_disk_under_the_database(
    make_daemon: MakeDaemon, make_namespace: Callable[..., Namespace], size: str, filler: str, files: int, full_s: int
) -> None:
    daemon: Daemon = make_daemon(fake={}, jobs="retry_backoff_seconds = 0.2")
    daemon.database.parent.mkdir()
    inside = make_namespace(daemon, f"mount -t tmpfs -o size={size} tmpfs {daemon.database.parent}")
    inside.start_daemon()
    wait_until(lambda: "ready: drop" in daemon.log_text(), 30)
    inside.say(f"head -c 20000000 /dev/zero > {filler} 2>/dev/null")
    recordings = [write_wav(daemon.inbox / f"{number:03}.wav", 0.2, seed=number) for number in range(files)]
    wait_until(lambda: "everything waits" in daemon.log_text(), 30, "the full disk being noticed")
    time.sleep(full_s)
    inside.say(f"rm {filler}; mount -o remount,size=20m {daemon.database.parent}")
    wait_until(lambda: len(list(daemon.inbox.glob("*.json"))) == files, 60, "all files done")
    inside.stop_daemon()
    inside.fetch_database()
    reconcile(daemon, recordings)
    assert daemon.query("SELECT DISTINCT attempts, state FROM jobs") == [(1, "done")]


@pytest.mark.guarantee(19)
@pytest.mark.timeout(180)
@pytest.mark.parametrize("full_s", [pytest.param(30, marks=pytest.mark.faults), 1])
def test_one_small_disk_for_all(make_daemon: MakeDaemon, make_namespace: Callable[..., Namespace], full_s: int) -> None:
    """The drop folder and the database share 1 MB."""
    daemon: Daemon = make_daemon(fake={}, jobs="retry_backoff_seconds = 0.2")
    (daemon.folder / "disk").mkdir()
    daemon.inbox.rmdir()
    first = (
        "mount -t tmpfs -o size=1m tmpfs disk && mkdir disk/inbox disk/var && ln -s disk/inbox . && ln -s disk/var ."
    )
    inside = make_namespace(daemon, first)
    inside.start_daemon()
    wait_until(lambda: "ready: drop" in daemon.log_text(), 30)
    for number in range(10):
        write_wav(daemon.folder / f"{number}.wav", 0.2, seed=number)
    inside.say("cp ?.wav inbox/; head -c 2000000 /dev/zero > disk/.filler 2>/dev/null")
    time.sleep(2 + full_s)
    assert inside.say("cat inbox/*.txt 2>/dev/null | grep -vc samples") in ("0", ""), (
        "something half-written is visible"
    )
    inside.say("rm disk/.filler; mount -o remount,size=20m disk")
    wait_until(lambda: len(inside.say("ls inbox/*.json 2>/dev/null").split()) == 10, 60, "all files done")
    wait_until(lambda: ["done", "10"] in inside.query("SELECT state, count(*) FROM jobs GROUP BY 1"), 20, "all done")
    assert inside.query("SELECT DISTINCT attempts, state FROM jobs") == [["1", "done"]]
    assert inside.query("PRAGMA integrity_check") == [["ok"]]
    assert len(inside.say("ls -A inbox").split()) == 40, "something was left behind"


@pytest.mark.guarantee(19)
def test_a_folder_that_becomes_read_only(make_daemon: MakeDaemon, make_namespace: Callable[..., Namespace]) -> None:
    daemon: Daemon = make_daemon(fake={}, jobs="retry_backoff_seconds = 0.2")
    inside = make_namespace(daemon, f"mount -t tmpfs tmpfs {daemon.inbox}")
    recording = write_wav(daemon.folder / "a.wav")
    inside.say(f"cp {recording} inbox/ && mount -o remount,ro {daemon.inbox}")
    inside.start_daemon()
    wait_until(lambda: "read-only" in daemon.reasons().get("a.wav", ""), 30, "the read-only folder being noticed")
    inside.say(f"mount -o remount,rw {daemon.inbox}")
    daemon.wait_for({"a.wav": "done"}, 30)
    assert daemon.query("SELECT attempts FROM jobs") == [(1,)]
    assert sorted(inside.say("ls -A inbox").split()) == ["a.json", "a.srt", "a.txt", "a.wav"]
