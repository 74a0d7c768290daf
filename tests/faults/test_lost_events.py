"""Events that never come: everything is found by comparison, and a drive that is away is not an empty folder."""

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.faults.namespace import Namespace
from tests.support import Daemon, MakeDaemon, reconcile, wait_until, write_wav

RESCAN_S = 2.0


def drop_many(folder: Path, count: int) -> None:
    """Small recordings, each with content of its own."""
    head = write_wav(folder / "template.wav", 0.02, seed=1).read_bytes()
    (folder / "template.wav").unlink()
    for number in range(count):
        (folder / f"{number:05}.wav").write_bytes(head[:-4] + number.to_bytes(4, "little"))


def recorded(daemon: Daemon) -> int:
    return int(daemon.query("SELECT count(*) FROM jobs")[0][0])


@pytest.mark.guarantee(1, 17)
@pytest.mark.timeout(300)
@pytest.mark.parametrize("files", [80, pytest.param(6000, marks=pytest.mark.faults)])
def test_a_stopped_daemon_finds_what_came_meanwhile(make_daemon: MakeDaemon, files: int) -> None:
    daemon: Daemon = make_daemon(fake={}, watching=f"settle_seconds = 0.2\nrescan_seconds = {RESCAN_S}")
    daemon.start().ready()
    assert daemon.process is not None
    os.kill(daemon.process.pid, signal.SIGSTOP)
    drop_many(daemon.inbox, files)
    os.kill(daemon.process.pid, signal.SIGCONT)
    began = time.monotonic()
    wait_until(lambda: recorded(daemon) == files, 120, "all files recorded")
    print(f"{files} files recorded within {time.monotonic() - began:.1f} s")
    if files <= 1000:
        daemon.wait_idle(files, 60)
        reconcile(daemon, sorted(daemon.inbox.glob("*.wav")))
    assert daemon.stop() == 0


@pytest.mark.guarantee(1, 17)
@pytest.mark.timeout(300)
@pytest.mark.parametrize("files", [80, pytest.param(5000, marks=pytest.mark.faults)])
def test_a_folder_that_is_moved_in(make_daemon: MakeDaemon, files: int) -> None:
    daemon: Daemon = make_daemon(fake={}, watching="settle_seconds = 0.2\nrescan_seconds = 3600")
    daemon.start().ready()
    (daemon.folder / "outside").mkdir()
    drop_many(daemon.folder / "outside", files)
    (daemon.folder / "outside").rename(daemon.inbox / "moved")
    wait_until(lambda: recorded(daemon) == files, 120, "all files recorded")
    if files <= 1000:
        daemon.wait_idle(files, 60)
        reconcile(daemon, sorted(daemon.inbox.rglob("*.wav")))
    assert daemon.stop() == 0


@pytest.mark.guarantee(1, 2)
def test_too_few_watches(make_daemon: MakeDaemon, make_namespace: Callable[..., Namespace]) -> None:
    """With three inotify watches most folders send no events, without any error."""
    daemon: Daemon = make_daemon(fake={}, watching=f"settle_seconds = 0.2\nrescan_seconds = {RESCAN_S}")
    folders = [daemon.inbox / f"{number}" for number in range(6)]
    for folder in folders:
        folder.mkdir()
    inside = make_namespace(daemon, "echo 3 > /proc/sys/user/max_inotify_watches")
    inside.start_daemon()
    wait_until(lambda: "ready: drop" in daemon.log_text(), 30)
    recordings = [write_wav(folder / "a.wav", seed=number) for number, folder in enumerate(folders)]
    daemon.wait_idle(6, 30)
    inside.stop_daemon()
    reconcile(daemon, recordings)


@pytest.mark.guarantee(2, 17)
def test_a_drive_that_goes_away_and_comes_back(
    make_daemon: MakeDaemon, make_namespace: Callable[..., Namespace]
) -> None:
    """An unmounted drive leaves an empty folder: an alert, and no job is taken for deleted."""
    daemon: Daemon = make_daemon(
        fake={"delay_s": 1.0, "workers": 1, "batch_size": 1},
        model="workers = 1\ncpu_threads = 1\nbatch_size = 1",
        watching="settle_seconds = 0.2\nrescan_seconds = 0.5",
        monitor="interval_seconds = 0.3",
        jobs="retry_backoff_seconds = 0.2",
    )
    inside = make_namespace(daemon, f"mkdir drive && mount -t tmpfs tmpfs drive && mount --bind drive {daemon.inbox}")
    paths = [write_wav(daemon.folder / f"{number}.wav", seed=number).name for number in range(8)]
    inside.say("cp ?.wav inbox/")
    inside.start_daemon()
    wait_until(lambda: "done" in daemon.states().values() and len(daemon.states()) == 8, 30)
    inside.say(f"umount -l {daemon.inbox}")
    alert = "SELECT state FROM alerts WHERE rule = 'root_missing'"
    wait_until(lambda: daemon.query(alert) == [("firing",)], 15, "the alert")
    time.sleep(3)
    assert "vanished" not in daemon.states().values(), daemon.reasons()
    inside.say(f"mount --bind drive {daemon.inbox}")
    daemon.wait_for(dict.fromkeys(paths, "done"), 40)
    wait_until(lambda: daemon.query(alert) == [("resolved",)], 15, "the end of the alert")
    assert daemon.query("SELECT count(*), max(attempts) FROM jobs") == [(8, 1)]
    assert len(inside.say("ls -A inbox").split()) == 8 * 4
