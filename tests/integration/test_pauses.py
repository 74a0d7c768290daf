"""Pauses end to end: a real daemon, a fake GPU that heats up, and people who ask for a pause."""

import os
import signal
import time
from datetime import datetime, timedelta
from datetime import time as time_of_day
from pathlib import Path

import pytest

from daemon.transcribe.pauses import within
from tests.support import Daemon, MakeDaemon, alive, reconcile, wait_until, write_wav

HOT_RULES = "interval_seconds = 0.3\nfor_seconds = 0.5\ngpu_temperature_pause_c = 90"


class FakeGpu:
    """An nvidia-smi whose temperature the test sets."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "programs"
        self.folder.mkdir()
        self.set(60)
        program = self.folder / "nvidia-smi"
        program.write_text(
            "#!/bin/sh\n"
            f'echo "0, GPU-aaaaaaaa-1, 45, 24564, 12000, 12564, 570.1, RTX, [N/A], Disabled, Disabled, $(cat {self.folder}/t)"\n'
        )
        program.chmod(0o755)

    def set(self, temperature: object) -> None:
        (self.folder / "new").write_text(str(temperature))
        (self.folder / "new").rename(self.folder / "t")

    @property
    def path(self) -> str:
        return f"{self.folder}{os.pathsep}{os.environ['PATH']}"


def test_the_gpu_heats_up_the_brake_holds_it_cools_and_nothing_is_lost(make_daemon: MakeDaemon, tmp_path: Path) -> None:
    gpu = FakeGpu(tmp_path)
    daemon: Daemon = make_daemon(fake={"delay_s": 0.15}, monitor=HOT_RULES)
    daemon.start(PATH=gpu.path).ready()
    recordings = [write_wav(daemon.inbox / f"{number}.wav", seconds=2, seed=number) for number in range(40)]
    wait_until(lambda: list(daemon.states().values()).count("done") >= 3, 30, "some being done")
    gpu.set(95)
    wait_until(lambda: daemon.query("SELECT cause FROM pauses") == [("temperature",)], 10, "the pauses")
    wait_until(lambda: daemon.query("SELECT state FROM alerts WHERE rule = 'gpu_temperature'") == [("firing",)], 10)
    time.sleep(1.0)  # batches that ran have ended
    batches = daemon.query("SELECT count(*) FROM batches")
    recordings += [write_wav(daemon.inbox / f"late-{number}.wav", seed=100 + number) for number in range(3)]
    wait_until(lambda: daemon.states().get("late-2.wav") == "queued", 20, "the queue growing")
    shown = daemon.run("status").stdout
    assert "paused: RTX GPU-aaaaaaaa is at 95 °C" in shown and "alert firing: RTX GPU-aaaaaaaa is at 95 °C" in shown
    gpu.set(87)  # below the mark at which it holds, above that at which it lets go
    time.sleep(1.5)
    assert daemon.query("SELECT count(*) FROM batches") == batches
    gpu.set("[N/A]")
    # That the temperature cannot be read is a fault of its own.
    wait_until(lambda: daemon.query("SELECT state FROM alerts WHERE rule = 'probe_failing'") == [("firing",)], 10)
    assert daemon.query("SELECT count(*) FROM batches") == batches
    gpu.set(60)
    daemon.wait_idle(len(recordings))
    assert set(daemon.states().values()) == {"done"}
    assert daemon.query("SELECT max(attempts), count(error) FROM jobs") == [(1, 0)]
    wait_until(lambda: daemon.query("SELECT state FROM alerts WHERE rule = 'gpu_temperature'") == [("resolved",)], 10)
    assert daemon.query("SELECT count(*) FROM pauses") == [(0,)]
    fired = "SELECT rule, count(*) FROM alerts WHERE fired_at IS NOT NULL GROUP BY rule ORDER BY rule"
    assert daemon.query(fired) == [("gpu_temperature", 1), ("probe_failing", 1)]
    assert daemon.stop() == 0
    reconcile(daemon, recordings)


def test_a_pause_by_request_outlives_a_kill_and_ends_by_request(make_daemon: MakeDaemon) -> None:
    daemon: Daemon = make_daemon(fake={})
    daemon.start().ready()
    assert "within a second" in daemon.run("pause").stdout
    wait_until(lambda: daemon.query("SELECT cause FROM pauses") == [("request",)], 10, "the pause")
    daemon.kill()
    daemon.start().ready()
    recording = write_wav(daemon.inbox / "a.wav")
    daemon.wait_for({"a.wav": "queued"})
    time.sleep(1.5)
    assert daemon.states() == {"a.wav": "queued"}
    assert "paused: by request" in daemon.run("status").stdout
    daemon.run("resume")
    daemon.wait_for({"a.wav": "done"})
    assert "paused" not in daemon.run("status").stdout
    assert daemon.stop() == 0
    reconcile(daemon, [recording])


def test_outside_the_hours_recordings_are_queued_only(make_daemon: MakeDaemon) -> None:
    begin, end = datetime.now() + timedelta(hours=2), datetime.now() + timedelta(hours=3)
    hours = f"{begin:%H:%M}-{end:%H:%M}"
    daemon: Daemon = make_daemon(fake={}, jobs=f'hours = "{hours}"')
    daemon.start().ready()
    recording = write_wav(daemon.inbox / "a.wav")
    daemon.wait_for({"a.wav": "queued"})
    time.sleep(1.5)
    assert daemon.states() == {"a.wav": "queued"}
    assert f"paused: outside the hours {hours}" in daemon.run("status").stdout
    assert daemon.stop() == 0
    config = daemon.config.read_text()
    daemon.config.write_text(config.replace(hours, f"{end:%H:%M}-{begin:%H:%M}"))
    daemon.start().ready()
    daemon.wait_for({"a.wav": "done"})
    assert daemon.query("SELECT count(*) FROM pauses") == [(0,)]
    assert daemon.stop() == 0
    reconcile(daemon, [recording])


@pytest.mark.parametrize(
    "program", ["trap '' TERM\nsleep 1000", "yes nvidia | head -c 10000000", "printf '\\377\\376'", "exit 255"]
)
def test_whatever_nvidia_smi_does_recordings_are_transcribed(
    program: str, make_daemon: MakeDaemon, tmp_path: Path
) -> None:
    gpu = FakeGpu(tmp_path)
    (gpu.folder / "nvidia-smi").write_text(f"#!/bin/sh\necho $$ >> {tmp_path}/pids\n{program}\n")
    daemon: Daemon = make_daemon(
        fake={}, monitor="interval_seconds = 0.3\nprobe_timeout_seconds = 20\nfor_seconds = 0.1"
    )
    daemon.start(PATH=gpu.path).ready()
    recordings = [write_wav(daemon.inbox / f"{number}.wav", seed=number) for number in range(10)]
    daemon.wait_idle(10)
    wait_until((tmp_path / "pids").exists, 10, "a probe")
    if "sleep" not in program:
        wait_until(
            lambda: daemon.query("SELECT state, subject FROM alerts WHERE rule = 'probe_failing'")
            == [("firing", "nvidia-smi")], 15, "the alert",
        )  # fmt: skip
    began = time.monotonic()
    assert daemon.stop() == 0
    assert time.monotonic() - began < 10, "a probe that hangs must not hold up the end"
    reconcile(daemon, recordings)
    pids = [int(pid) for pid in (tmp_path / "pids").read_text().split()]
    wait_until(lambda: not any(alive(pid) for pid in pids), 25, "the end of nvidia-smi")


@pytest.mark.parametrize(
    ("now", "inside"),
    [("21:59", False), ("22:00", True), ("23:59", True), ("00:00", True), ("06:59", True), ("07:00", False)],
)
def test_hours_over_midnight(now: str, inside: bool) -> None:
    assert within(time_of_day.fromisoformat(now), time_of_day(22), time_of_day(7)) is inside
    assert within(time_of_day.fromisoformat(now), time_of_day(7), time_of_day(22)) is not inside


def test_a_suspended_daemon_takes_one_sample_and_raises_no_alarm(make_daemon: MakeDaemon) -> None:
    daemon: Daemon = make_daemon(fake={}, monitor="interval_seconds = 0.5\nfor_seconds = 0")
    daemon.start().ready()
    wait_until(lambda: daemon.query("SELECT count(*) >= 3 FROM samples") == [(1,)], 10, "samples")
    assert daemon.process is not None
    os.kill(daemon.process.pid, signal.SIGSTOP)
    time.sleep(4.0)
    ((before,),) = daemon.query("SELECT count(*) FROM samples")
    os.kill(daemon.process.pid, signal.SIGCONT)
    time.sleep(1.2)
    ((after,),) = daemon.query("SELECT count(*) FROM samples")
    assert 1 <= after - before <= 4
    assert daemon.query("SELECT rule FROM alerts WHERE rule = 'no_sample'") == []
    assert daemon.stop() == 0


@pytest.mark.guarantee(25, 27)
def test_a_pause_is_not_a_standstill_for_the_watchdog_or_the_alerts(make_daemon: MakeDaemon, tmp_path: Path) -> None:
    import socket

    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        systemd.settimeout(10)
        daemon: Daemon = make_daemon(
            fake={}, monitor="interval_seconds = 0.2\n[monitor.rules.stalled]\nfire = 0.5\nclear = 0"
        )
        daemon.start(NOTIFY_SOCKET=str(tmp_path / "notify")).ready()
        daemon.run("pause")
        wait_until(lambda: daemon.query("SELECT cause FROM pauses") == [("request",)], 10, "the pause")
        write_wav(daemon.inbox / "a.wav")
        daemon.wait_for({"a.wav": "queued"})
        until, pings = time.monotonic() + 3.0, 0
        while time.monotonic() < until:
            pings += systemd.recv(4096) == b"WATCHDOG=1"
        assert pings >= 2
        assert daemon.query("SELECT count(*) FROM alerts WHERE rule = 'stalled'") == [(0,)]
        assert daemon.stop() == 0


def test_the_gpu_probe_ends_with_a_daemon_that_is_killed(make_daemon: MakeDaemon, tmp_path: Path) -> None:
    programs = tmp_path / "programs"
    programs.mkdir()
    program = programs / "nvidia-smi"
    program.write_text(f"#!/bin/sh\necho $$ $PPID > {tmp_path}/new && mv {tmp_path}/new {tmp_path}/pids\nsleep 1000\n")
    program.chmod(0o755)
    daemon: Daemon = make_daemon(fake={}, monitor="interval_seconds = 30\nprobe_timeout_seconds = 100")
    daemon.start(PATH=f"{programs}{os.pathsep}{os.environ['PATH']}").ready()
    wait_until(lambda: (tmp_path / "pids").exists(), 20, "nvidia-smi being asked")
    pids = [int(pid) for pid in (tmp_path / "pids").read_text().split()]
    assert all(map(alive, pids))
    daemon.kill()
    wait_until(lambda: not any(map(alive, pids)), 5, "the probe and nvidia-smi to be gone")
