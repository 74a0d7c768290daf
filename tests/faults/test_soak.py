"""An hour of work with faults: the daemon's memory and descriptors stay where they are (`make soak`)."""

import os
import random
import signal
import time
from pathlib import Path

import numpy as np
import psutil
import pytest

from daemon.engine.fake import POISON
from tests.support import ENDED, Daemon, MakeDaemon, children_of, reconcile, wait_until, write_wav

SECONDS = int(os.environ.get("SOAK_SECONDS", "3600"))
SEED = int(os.environ.get("FAULT_SEED", "20261124"))
SAMPLE_S = 5.0
KEPT = 200
"""Recordings that stay in the folder; older ones are taken away with their transcripts, as people do."""
RSS_MB_PER_H, DESCRIPTORS_PER_H = 20.0, 2.0
"""Slopes above these are leaks."""


def drop(daemon: Daemon, rng: random.Random, number: int) -> Path:
    """One recording; sometimes one that kills the engine, is rejected, or is written in two parts."""
    path = daemon.inbox / f"{number:06}.wav"
    kind = rng.random()
    if kind < 0.01:
        return write_wav(path, 0.3, seed=number, start=POISON)
    if kind < 0.02:
        path.write_bytes(b"no recording")
        return path
    whole = write_wav(daemon.folder / "whole.wav", rng.choice((0.2, 0.5, 40.0)), seed=number).read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with path.open("ab") as file:
        file.write(whole[len(whole) // 2 :])
    return path


def disturb(daemon: Daemon, rng: random.Random) -> str:
    """One fault."""
    assert daemon.process is not None
    kind = rng.choice(("child", "child", "touch", "stop", "pause", "status"))
    match kind:
        case "child":
            if children := children_of(daemon.process.pid):
                os.kill(rng.choice(children), signal.SIGKILL)
        case "touch":
            for path in rng.sample(sorted(daemon.inbox.glob("*.wav")), 1):
                path.touch()
        case "stop":
            daemon.process.send_signal(signal.SIGSTOP)
            time.sleep(1)
            daemon.process.send_signal(signal.SIGCONT)
        case "pause":
            daemon.run("pause")
            time.sleep(1)
            daemon.run("resume")
        case "status":
            assert daemon.run("status", "--json").returncode == 0
    return kind


@pytest.mark.guarantee(7, 23)
@pytest.mark.timeout(SECONDS + 300)
@pytest.mark.parametrize("seconds", [pytest.param(SECONDS, marks=pytest.mark.soak)])
def test_soak(make_daemon: MakeDaemon, seconds: int) -> None:
    print(f"seed {SEED}")
    rng = random.Random(SEED)
    daemon: Daemon = make_daemon(
        fake={"poison": "abort", "delay_s": 0.02}, monitor="interval_seconds = 5", jobs="retry_backoff_seconds = 0.2"
    )
    daemon.start().ready()
    assert daemon.process is not None
    process = psutil.Process(daemon.process.pid)
    began = time.monotonic()
    samples: list[tuple[float, float, int, int]] = []
    faults: dict[str, int] = {}
    number, sample_at, fault_at = 0, 0.0, 10.0
    while (passed_s := time.monotonic() - began) < seconds:
        drop(daemon, rng, number)
        number += 1
        if passed_s >= sample_at:
            samples.append(
                (passed_s / 3600, process.memory_info().rss / 2**20, process.num_fds(), process.num_threads())
            )
            sample_at += SAMPLE_S
            tidy(daemon)
        if passed_s >= fault_at:
            kind = disturb(daemon, rng)
            faults[kind] = faults.get(kind, 0) + 1
            fault_at = passed_s + rng.uniform(5, 20)
        time.sleep(0.4)
    wait_until(lambda: all(state in ENDED for (state,) in daemon.query("SELECT DISTINCT state FROM jobs")), 120)
    assert daemon.stop() == 0
    states = dict(daemon.query("SELECT state, count(*) FROM jobs GROUP BY 1"))
    reconcile(daemon, sorted(daemon.inbox.glob("*.wav")), gone=True)
    # The first quarter fills caches.
    hours, rss_mb, descriptors, _ = map(np.array, zip(*samples[len(samples) // 4 :], strict=True))
    rss_slope, fd_slope = np.polyfit(hours, rss_mb, 1)[0], np.polyfit(hours, descriptors, 1)[0]
    print(
        f"{number} recordings in {seconds} s, states {states}, faults {faults}; RSS {rss_mb[0]:.0f} to {rss_mb[-1]:.0f} MB"
        f" ({rss_slope:+.1f} MB/h), descriptors {descriptors[0]} to {descriptors[-1]} ({fd_slope:+.2f}/h)"
    )
    assert sum(states.values()) >= number
    assert rss_slope < RSS_MB_PER_H and fd_slope < DESCRIPTORS_PER_H


def tidy(daemon: Daemon) -> None:
    """Take old recordings away, with their transcripts, once they have ended."""
    ended = {path for path, state in daemon.states().items() if state in ENDED}
    for path in sorted(daemon.inbox.glob("*.wav"))[:-KEPT]:
        if path.name in ended:
            for each in daemon.inbox.glob(f"{path.stem}.*"):
                each.unlink()
