"""How long a memo waits when it is dropped on an idle daemon, and while a long recording runs."""

import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from daemon.bench import workload as workloads
from daemon.bench.contenders import config_text
from daemon.bench.report import Report
from daemon.clips import references
from daemon.errors import Unavailable

READY_S, DONE_S = 300.0, 120.0
"""A model may be slow to load; a memo is done within seconds, or something is wrong."""
POLL_S = 0.01
SETTLE_S = 2.0
"""The default of watching.settle_seconds, which is part of what a user waits for."""
LONG_S = 900.0
MEMO, BEFORE = "memo-7.opus", "memo-8.opus"
"""Of the shipped clips, 7 s each. The daemon has transcribed the second when the first is dropped: it is in service."""


@dataclass(frozen=True, slots=True)
class Wait:
    """How long one memo waited."""

    wait_s: float
    """The time from its drop to its transcript."""
    engine_s: float
    """Its share, by audio, of the time of the batches that it was in."""


def latency(model: dict[str, Any], folder: Path, repeats: int) -> Report:
    """Measure the seconds from a memo's drop to its transcript, alone and beside a recording of 15 minutes.

    Raises:
        Unavailable: The daemon does not start, or the memo is not transcribed in time.
    """
    (folder / "long").mkdir()
    long = workloads.meeting(folder / "long", LONG_S)
    report = Report("latency", model["name"], [long])
    report.columns = [
        "memo dropped",
        "seconds to its transcript",
        "of it settling",
        "its share of the engine",
        "the rest",
    ]
    alone = [_one(model, None) for _ in range(repeats)]
    beside = [_one(model, long.items[0].path) for _ in range(repeats)]
    for name, waits in (("on an idle daemon", alone), (f"while {LONG_S / 60:g} minutes are transcribed", beside)):
        middle = sorted(waits, key=lambda wait: wait.wait_s)[len(waits) // 2]
        report.rows.append(
            {
                "memo dropped": name,
                "seconds to its transcript": round(middle.wait_s, 2),
                "of it settling": SETTLE_S,
                "its share of the engine": round(middle.engine_s, 2),
                "the rest": round(middle.wait_s - SETTLE_S - middle.engine_s, 2),
            }
        )
        report.runs += [{"contender": name, **asdict(wait)} for wait in waits]
    return report


def _one(model: dict[str, Any], long: Path | None) -> Wait:
    before, clip = (next(path for path in references() if path.name == name) for name in (BEFORE, MEMO))
    with tempfile.TemporaryDirectory(prefix="transcribed-bench-") as name:
        folder = Path(name)
        inbox = folder / "inbox"
        inbox.mkdir()
        (folder / "config.toml").write_text(config_text(folder, model, SETTLE_S))
        log = folder / "log"
        with log.open("wb") as errors:
            daemon = subprocess.Popen(
                [sys.executable, "-m", "daemon", "run", "-c", "config.toml"], cwd=folder, stderr=errors
            )
        try:
            _wait(lambda: "ready: drop" in log.read_text(), READY_S, "the daemon is not ready")
            _drop(before, inbox)
            if long is not None:
                (inbox / long.name).hardlink_to(long)
                _wait(lambda: "started job" in log.read_text(), DONE_S, "the long recording is not begun")
                time.sleep(SETTLE_S)
            wait_s = _drop(clip, inbox)
        finally:
            daemon.terminate()
            daemon.wait()
        with closing(sqlite3.connect(folder / "jobs.db")) as db:
            (engine_s,) = db.execute("SELECT processing_s FROM jobs WHERE path = ?", (clip.name,)).fetchone()
        return Wait(wait_s, engine_s)


def _drop(clip: Path, inbox: Path) -> float:
    """Drop a memo and return how long its transcript takes."""
    (inbox / clip.name).write_bytes(clip.read_bytes())
    dropped = time.monotonic()
    _wait((inbox / f"{clip.name}.txt").exists, DONE_S, "the memo is not transcribed")
    return time.monotonic() - dropped


def _wait(condition: Callable[[], bool], limit_s: float, otherwise: str) -> None:
    until = time.monotonic() + limit_s
    while not condition():
        if time.monotonic() > until:
            raise Unavailable(f"{otherwise} after {limit_s:g} s")
        time.sleep(POLL_S)
