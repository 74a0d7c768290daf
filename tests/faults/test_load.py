"""Time and load: clocks that jump, a suspended machine, readers and backups meanwhile, very many files at once."""

import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from daemon.engine.fake import POISON
from tests.faults.test_engines import SHORT_DEADLINES
from tests.faults.test_lost_events import drop_many
from tests.support import Daemon, MakeDaemon, children_of, fake_texts, reconcile, wait_until, write_wav

DAY_S = 86_400


def clock_of(folder: Path) -> tuple[Path, dict[str, str]]:
    """A file that sets a process's wall clock (`+3600`), and the environment that makes it heed the file."""
    faketime = pytest.importorskip("libfaketime")
    library = Path(faketime.__file__).parent / "vendor" / "libfaketime" / "src" / "libfaketime.so.1"
    if subprocess.run([sys.executable, "-c", ""], env={"LD_PRELOAD": str(library)}, capture_output=True).stderr:
        pytest.skip("libfaketime cannot be loaded on this machine")
    clock = folder / "clock"
    clock.write_text("+0\n")
    return clock, {
        "LD_PRELOAD": str(library),
        "FAKETIME_TIMESTAMP_FILE": str(clock),
        "FAKETIME_NO_CACHE": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "NO_FAKE_STAT": "1",
    }


@pytest.mark.guarantee(3, 7)
@pytest.mark.parametrize("jump_s", [-DAY_S, pytest.param(DAY_S, marks=pytest.mark.faults)])
def test_the_wall_clock_jumps(make_daemon: MakeDaemon, tmp_path: Path, jump_s: int) -> None:
    """Files settle, failed jobs are tried again and new ones are found as if nothing had happened."""
    clock, environment = clock_of(tmp_path)
    daemon: Daemon = make_daemon(
        fake={"poison": "raise", "delay_s": 0.1},
        watching="settle_seconds = 0.5\nrescan_seconds = 1",
        jobs="attempts = 2\nretry_backoff_seconds = 3",
    )
    recordings = [write_wav(daemon.inbox / f"{number}.wav", seed=number) for number in range(5)]
    recordings.append(write_wav(daemon.inbox / "poison.wav", start=POISON))
    daemon.start(**environment).ready()
    daemon.wait_for({"poison.wav": "failed"})
    clock.write_text(f"{jump_s:+}\n")
    began = time.monotonic()
    recordings.append(write_wav(daemon.inbox / "after.wav", seed=50))
    daemon.wait_for({"poison.wav": "dead", "after.wav": "done"}, 40)
    print(f"clock {jump_s:+} s: retried and found within {time.monotonic() - began:.1f} s")
    logged = daemon.log_text()
    assert len({line[:10] for line in logged.splitlines() if line[:2] == "20"}) > 1, "the clock did not jump"
    clock.write_text("+0\n")
    recordings.append(write_wav(daemon.inbox / "back.wav", seed=51))
    daemon.wait_for({"back.wav": "done"}, 30)
    assert daemon.stop() == 0
    reconcile(daemon, recordings)
    assert daemon.query("SELECT DISTINCT attempts FROM jobs WHERE state = 'done'") == [(1,)]


@pytest.mark.guarantee(7, 22)
def test_a_suspended_machine_goes_on(make_daemon: MakeDaemon) -> None:
    """All processes stop for longer than a batch may take, and go on."""
    daemon: Daemon = make_daemon(fake={"delay_s": 0.5}, patch=SHORT_DEADLINES)
    recordings = [write_wav(daemon.inbox / f"{number}.wav", seed=number) for number in range(12)]
    daemon.start().ready()
    wait_until(lambda: "running" in daemon.states().values(), 20)
    assert daemon.process is not None
    everything = [daemon.process.pid, *children_of(daemon.process.pid)]
    for pid in everything:
        os.kill(pid, signal.SIGSTOP)
    time.sleep(5)
    for pid in reversed(everything):
        os.kill(pid, signal.SIGCONT)
    daemon.wait_idle(12)
    assert daemon.stop() == 0
    reconcile(daemon, recordings)
    assert daemon.query("SELECT DISTINCT state, attempts FROM jobs") == [("done", 1)]


READER = """
import sys, time
from typer.testing import CliRunner
from daemon.cli.app import app
runner, every, *arguments = CliRunner(), *sys.argv[1:]
while True:
    began = time.monotonic()
    result = runner.invoke(app, arguments)
    print(result.exit_code, " ".join(result.output.split())[:300] if result.exit_code else "", flush=True)
    time.sleep(max(0.0, float(every) - (time.monotonic() - began)))
"""


@pytest.mark.guarantee(6, 7)
@pytest.mark.timeout(300)
@pytest.mark.parametrize(("files", "kills"), [(12, 4), pytest.param(300, 40, marks=pytest.mark.faults)])
def test_readers_and_backups_during_kills(make_daemon: MakeDaemon, files: int, kills: int) -> None:
    """`status` 20 times a second and a backup every 2 s: nobody is told of a lock, and nothing is lost."""
    rng = random.Random(5)
    daemon: Daemon = make_daemon(fake={"delay_s": 0.05})
    assert daemon.once() == 0
    outputs = [daemon.folder / "status.out", daemon.folder / "backup.out"]
    asked = [["0.05", "status", "--json"], ["2", "db", "backup", str(daemon.folder / "copy.db")]]
    readers = []
    for arguments, output in zip(asked, outputs, strict=True):
        with output.open("wb") as file:
            command = [sys.executable, "-c", READER, *arguments, "--config", str(daemon.config)]
            readers.append(
                subprocess.Popen(command, stdout=file, stderr=file, env=daemon.environment, cwd=daemon.folder)
            )

    def answers() -> list[str]:
        return [line for output in outputs for line in output.read_text().splitlines()]

    try:
        wait_until(lambda: all(output.stat().st_size for output in outputs), 60, "the first answer of each")
        recordings: list[Path] = []
        for _ in range(kills):
            for _ in range(files // kills):
                recordings.append(write_wav(daemon.inbox / f"{len(recordings):04}.wav", 0.3, seed=len(recordings)))
            daemon.start()
            wait_until(lambda: "running" in daemon.states().values() or daemon.ended, 30)
            time.sleep(rng.uniform(0.0, 0.5))
            daemon.kill()
        daemon.start().ready()
        daemon.wait_idle(len(recordings), 120)
        wait_until(lambda: len(answers()) > 20, 60, "many answers")
    finally:
        for reader in readers:
            reader.kill()
            reader.wait()
    assert daemon.stop() == 0
    reconcile(daemon, recordings)
    told = [line for line in answers() if not line.startswith("0")]
    print(f"{len(answers())} answers during {kills} kills, {len(told)} of them errors")
    assert told == []
    copy = sqlite3.connect(daemon.folder / "copy.db")
    assert copy.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    copy.close()


@pytest.mark.guarantee(1, 17)
@pytest.mark.timeout(400)
@pytest.mark.parametrize("files", [300, pytest.param(10_000, marks=pytest.mark.faults)])
def test_very_many_files_at_once(make_daemon: MakeDaemon, files: int) -> None:
    daemon: Daemon = make_daemon(fake={})
    daemon.start().ready()
    assert daemon.process is not None
    outside = daemon.folder / "outside"
    outside.mkdir()
    drop_many(outside, files)
    began = time.monotonic()
    outside.rename(daemon.inbox / "many")
    process, peak_bytes, first_s, recorded_s = psutil.Process(daemon.process.pid), 0, 0.0, 0.0
    while not (recorded_s and first_s):
        peak_bytes = max(peak_bytes, process.memory_info().rss)
        ((count, done),) = daemon.query("SELECT count(*), coalesce(sum(state = 'done'), 0) FROM jobs")
        passed_s = time.monotonic() - began
        first_s = first_s or (passed_s if done else 0.0)
        recorded_s = recorded_s or (passed_s if count == files else 0.0)
        assert passed_s < 120, f"{count} of {files} recorded, {done} done"
        time.sleep(0.1)
    for _ in range(20):
        peak_bytes = max(peak_bytes, process.memory_info().rss)
        time.sleep(0.1)
    print(
        f"{files} files: recorded in {recorded_s:.1f} s, first transcript after {first_s:.1f} s, {peak_bytes >> 20} MB"
    )
    assert peak_bytes < 400 << 20
    assert daemon.stop() == 0
    states = {state for (state,) in daemon.query("SELECT DISTINCT state FROM jobs")}
    assert states <= {"done", "queued", "settling"}


@pytest.mark.guarantee(4, 5)
@pytest.mark.parametrize("seconds", [2, pytest.param(60, marks=pytest.mark.faults)])
def test_a_storm_of_touches_and_comparisons(make_daemon: MakeDaemon, seconds: int) -> None:
    """Ten files are touched, renamed and replaced all the time, and compared five times a second."""
    rng = random.Random(3)
    daemon: Daemon = make_daemon(fake={}, watching="settle_seconds = 0.05\nrescan_seconds = 0.2")
    recordings = [write_wav(daemon.inbox / f"{number}.wav", seed=number) for number in range(10)]
    daemon.start().ready()
    until, changes = time.monotonic() + seconds, 0
    while time.monotonic() < until:
        path = rng.choice(recordings)
        match rng.choice(("touch", "touch", "rename", "replace")):
            case "touch":
                path.touch()
            case "rename":
                path.rename(path.with_name("away.wav"))
                path.with_name("away.wav").rename(path)
            case "replace":
                write_wav(daemon.folder / "new.wav", 0.5, seed=1000 + changes).replace(path)
        changes += 1
        time.sleep(rng.uniform(0.0, 0.1))
    newest = (
        "SELECT path, state FROM jobs WHERE id IN (SELECT max(id) FROM jobs GROUP BY path_bytes) AND path <> 'away.wav'"
    )
    wait_until(lambda: {state for _, state in daemon.query(newest)} == {"done"}, 30, "all done")
    time.sleep(1)
    assert daemon.stop() == 0
    for path in recordings:
        text = path.with_suffix(".txt").read_text().strip()
        assert text == " ".join(fake_texts(path)), f"{path.name} has the transcript of another version"
    twice = daemon.query("SELECT 1 FROM jobs GROUP BY root, path_bytes, fingerprint HAVING count(*) > 1")
    assert twice == [], "two jobs for one version"
    assert daemon.query("SELECT count(*) FROM jobs WHERE state IN ('dead', 'failed')") == [(0,)]
    ((rows, ran),) = daemon.query("SELECT (SELECT count(*) FROM jobs), (SELECT count(*) FROM batches)")
    print(f"{changes} changes, {rows} versions, {ran} batches")
