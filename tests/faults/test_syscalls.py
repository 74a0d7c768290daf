"""Faults at every system call of one recording's way: SIGKILL, or an error of the disk, injected by strace.

strace counts the calls of each thread by itself and lets go of the children (`-b execve`), so call N is the N-th of
the main thread (claims, checkpoints, publication, `done`) or of the scanner (intake).
"""

import itertools
import re
import shutil
import signal
import subprocess
from collections import defaultdict
from pathlib import Path

import pytest

from tests import preloaded
from tests.support import Daemon, MakeDaemon, reconcile, wait_until, write_wav

CALLS = ["pwrite64", "write", "sendto", "fdatasync", "fsync", "linkat", "unlinkat", "unlink", "ftruncate"]
ERRORS = ["ENOSPC", "EIO", "EDQUOT"]
OPENING_ERRORS = ["EMFILE", "ENOSPC"]

pytestmark = pytest.mark.skipif(
    shutil.which("strace") is None or subprocess.run(["strace", "-qq", "-e", "none", "true"]).returncode != 0,
    reason="strace is not here or may not trace",
)


def traced(daemon: Daemon, *options: str, trace: Path | None = None) -> int:
    """Run the daemon with --once under strace; its exit code, negative for a signal."""
    command = ["strace", "-f", "-b", "execve", "-qq", *options, "-o", str(trace or "/dev/null")]
    with daemon.log.open("ab") as log:
        # Its interpreter and its libraries, 20 000 calls, are not looked at where that can be.
        process = preloaded.start(
            preloaded.DAEMON, ["run", "--once", "--config", str(daemon.config)],
            daemon.environment, daemon.folder, (1, log), stopped=True,
        )  # fmt: skip
        if process is None:
            return subprocess.run(
                [*command, *daemon.command("run", "--once")],
                env=daemon.environment, cwd=daemon.folder, stderr=log, timeout=60,
            ).returncode  # fmt: skip
        try:
            status = Path(f"/proc/{process.pid}/status")
            wait_until(lambda: "State:\tT" in status.read_text(), 20, "its stop")
            strace = subprocess.Popen([*command, "-p", str(process.pid)], stderr=log)
            wait_until(lambda: "TracerPid:\t0\n" not in status.read_text(), 20, "strace")
            process.send_signal(signal.SIGCONT)
            code = process.wait(60)
            assert strace.wait(20) == 0
        finally:
            process.kill()
            process.wait()
    return code


def fresh(daemon: Daemon, template: Path) -> list[Path]:
    """The daemon's folder as after its first start, with one new recording."""
    shutil.rmtree(daemon.inbox)
    shutil.rmtree(daemon.database.parent)
    shutil.copytree(template, daemon.database.parent)
    daemon.inbox.mkdir()
    return [write_wav(daemon.inbox / "a.wav", 0.3, seed=5)]


@pytest.fixture
def once_started(make_daemon: MakeDaemon, tmp_path: Path) -> tuple[Daemon, Path]:
    """A daemon whose database exists, and a copy of that."""
    daemon: Daemon = make_daemon(fake={"workers": 1}, jobs="retry_backoff_seconds = 0.05")
    assert daemon.once() == 0
    template = tmp_path / "template"
    shutil.copytree(daemon.database.parent, template)
    return daemon, template


def no_half_written_file(daemon: Daemon, whole: dict[str, bytes]) -> None:
    for path in daemon.inbox.glob("a.*"):
        if path.suffix != ".wav":
            assert len(path.read_bytes()) == len(whole[path.name]), f"{path.name} is half-written"


def outcome(daemon: Daemon) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in daemon.inbox.glob("a.*") if path.suffix != ".wav"}


KILLS = [
    pytest.param(["linkat"], 2, id="one link in 2"),
    pytest.param(["write"], 3, id="one write in 3"),
    pytest.param(["sendto"], 3, id="one message in 3"),
    pytest.param(CALLS, 1, id="every call", marks=pytest.mark.faults),
]


@pytest.mark.guarantee(7, 8, 9, 10)
@pytest.mark.timeout(2400)
@pytest.mark.parametrize(("calls", "step"), KILLS)
def test_a_kill_at_each_system_call(once_started: tuple[Daemon, Path], calls: list[str], step: int) -> None:
    daemon, template = once_started
    recordings = fresh(daemon, template)
    assert daemon.once() == 0
    whole = outcome(daemon)
    killed = 0
    for call in calls:
        for number in itertools.count(1, step):
            recordings = fresh(daemon, template)
            code = traced(daemon, "-e", f"trace={call}", "-e", f"inject={call}:signal=KILL:when={number}")
            no_half_written_file(daemon, whole)
            if code == 0:
                break
            assert code in (-signal.SIGKILL, 128 + signal.SIGKILL), f"{call} {number}: exit {code}"
            killed += 1
            assert daemon.once() == 0, f"killed at {call} {number}:\n{daemon.log_text()[-2000:]}"
            reconcile(daemon, recordings)
            assert daemon.query("SELECT state, attempts FROM jobs") == [("done", 1)], f"{call} {number}"
    print(f"{killed} kills at {', '.join(calls)}")
    assert killed >= 2


FAILURES = [
    pytest.param(["linkat", "fdatasync"], 16, id="one link and sync of the database in 16"),
    pytest.param([*CALLS, "openat"], 1, id="every call", marks=pytest.mark.faults),
]


@pytest.mark.guarantee(9, 19)
@pytest.mark.timeout(2400)
@pytest.mark.parametrize(("calls", "step"), FAILURES)
def test_an_error_of_the_disk_at_each_system_call(
    once_started: tuple[Daemon, Path], calls: list[str], step: int
) -> None:
    daemon, template = once_started
    failed = 0
    for call in calls:
        errors = itertools.cycle(OPENING_ERRORS if call == "openat" else ERRORS)
        # The interpreter opens 1400 files before any of ours: those of the watched folders are looked at.
        where = ["-P", str(daemon.inbox), "-P", str(daemon.inbox / "a.wav")] if call == "openat" else []
        numbers = range(1, 20, step) if call == "openat" else itertools.count(1, step)
        for number, error in zip(numbers, errors, strict=False):
            recordings = fresh(daemon, template)
            trace = daemon.folder / "trace"
            inject = f"inject={call}:error={error}:when={number}"
            code = traced(daemon, *where, "-e", f"trace={call}", "-e", inject, trace=trace)
            if "(INJECTED)" not in trace.read_text("utf-8", "replace"):
                break
            failed += 1
            at = f"{error} at {call} {number}:\n{daemon.log_text()[-2000:]}"
            assert code in (0, 1, 4), at
            if code != 0:  # a start that fails says so and is repeated, by systemd
                wait_until(lambda: daemon.once() == 0, 20, f"the end of its wait after {at}")
            reconcile(daemon, recordings)
            assert daemon.query("SELECT state, max(attempts) FROM jobs") == [("done", 1)], at
    print(f"{failed} errors at {', '.join(calls)}")
    assert failed >= 2


@pytest.mark.guarantee(8)
def test_the_order_of_the_calls(once_started: tuple[Daemon, Path]) -> None:
    """For 20 recordings: each file synced before it is visible, then their folder, then `done`, synced."""
    daemon, template = once_started
    fresh(daemon, template)
    recordings = [write_wav(daemon.inbox / f"{number:02}.wav", 0.3, seed=number) for number in range(20)]
    (daemon.inbox / "a.wav").unlink()
    trace = daemon.folder / "trace"
    assert traced(daemon, "-y", "-e", "trace=write,pwrite64,fsync,fdatasync,linkat,renameat2,rename", trace=trace) == 0
    reconcile(daemon, recordings)
    published = check_order(trace.read_text("utf-8", "replace").splitlines(), daemon)
    assert published == 60


def check_order(lines: list[str], daemon: Daemon) -> int:
    """Go through a trace with `-y`; how many files were made visible."""
    log = str(daemon.database) + "-wal"
    unsynced: dict[str, bool] = defaultdict(bool)
    published = 0
    folder_dirty = False
    thread = next(line.split()[0] for line in lines if "linkat(" in line)
    for line in lines:
        pid, call = line.split(None, 1)
        if pid != thread:
            continue
        target = (match := re.match(r"(\w+)\((?:\d+<([^>]*)>)?", call)) and match.group(2)
        name = match.group(1) if match else ""
        if name == "write" and target and target.startswith(f"{daemon.inbox}/"):
            unsynced[target] = True
        elif name == "fsync" and target == str(daemon.inbox):
            folder_dirty = False
        elif name == "fsync" and target:
            unsynced[target] = False
        elif name == "linkat":
            assert not any(dirty for path, dirty in unsynced.items() if path != log), (
                f"visible before it is synced: {call}"
            )
            published += 1
            folder_dirty = True
        elif name in ("rename", "renameat2") and str(daemon.inbox) in call:
            raise AssertionError(f"an unexpected way of publishing: {call}")
        elif name == "pwrite64" and target == log:
            assert not folder_dirty, "a commit while the folder of the files was not synced"
            unsynced[log] = True
        elif name == "fdatasync" and target == log:
            unsynced[log] = False
        if name == "write" and target == str(daemon.log) and " INFO done job" in call:
            assert not unsynced[log], "said to be done before that was on the disk"
    return published
