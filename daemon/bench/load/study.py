"""What one daemon carries: engines of a set speed, recordings that cost nothing to decode, and its own share of it."""

import json
import os
import sqlite3
import statistics
import tempfile
import threading
import time
import wave
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

from daemon.bench.load import daemon, engine
from daemon.bench.load.engine import PLAN, Plan
from daemon.bench.load.tree import DAEMON, DECODERS, ENGINES, Look, Tree
from daemon.bench.report import Report
from daemon.bench.served import transcribing, until
from daemon.chunk import SAMPLE_RATE
from daemon.errors import Unavailable

CONFIG = """\
[[watch]]
path = "inbox"
language = "en"
formats = ["txt"]
[[watch]]
path = "urgent"
language = "en"
formats = ["txt"]
priority = {priority}
[watching]
settle_seconds = 0
[database]
url = "sqlite:///jobs.db"
[model]
engine = "{engine}"
device = "cuda:{devices}"
workers = {workers}
cpu_threads = 1
batch_size = {batch_size}
"""
COUNTS = (1, 4, 16, 64)
ENGINE = Plan(chunks_per_s=10.0, workers=2, batch_size=4)
LOOK_S = 1.0
WARM_UP_S = 3.0
FIRST_S = 120.0
"""Within this time something must be transcribed."""
WAIT_S = 60.0
"""A memo that waits longer for its transcript is given up."""
COLUMNS = (
    "recordings", "engines", "chunks/s", "recordings/s", "daemon ms/chunk", "daemon %", "decoders %", "engines %",
    "daemon MB", "all MB", "memo s", "database kB/h",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Kind:
    """A workload: recordings of one length, of which there is always more to do."""

    name: str
    length_s: float
    ahead: int
    """So many have been dropped and are not done yet."""
    ahead_of_engine: int
    """So many more for each engine."""
    priority: int
    """Of the memos that are timed: behind hundreds of others they would wait for these."""


KINDS = {kind.name: kind for kind in (Kind("memos", 8.0, 100, 16, 1), Kind("hours", 3600.0, 8, 1, 0))}


def load(
    folder: Path,
    kinds: Sequence[str],
    engines: Sequence[int],
    seconds: float,
    repeats: int,
    tell: Callable[[str], None],
) -> Report:
    """Measure each workload with each number of engines, by turns.

    Args:
        folder: Where the recordings and the database are put.
        kinds: The workloads.
        engines: How many engines, of ten chunks a second each.
        seconds: For how long each run is looked at.
        repeats: How often each is run.
        tell: Called with what is measured next.

    Raises:
        Unavailable: A daemon does not come up, or transcribes nothing.
    """
    report = Report("daemon", engine.__name__, [], list(COLUMNS))
    cases = [(kind, count) for kind in kinds for count in engines]
    for number, (kind, count) in enumerate(cases * repeats, 1):
        tell(f"{number} of {len(cases) * repeats}: {kind}, engines: {count}")
        with tempfile.TemporaryDirectory(dir=folder) as name:
            report.runs.append(_run(Path(name), KINDS[kind], count, seconds))
    for case in cases:
        runs = [run for run in report.runs if (run["recordings"], run["engines"]) == case]
        figures = {name: _median([run[name] for run in runs]) for name in COLUMNS[2:]}
        report.rows.append(dict(zip(COLUMNS[:2], case, strict=True)) | figures)
    report.notes.append(f"engines that say made-up words, {ENGINE.chunks_per_s:g} chunks a second each")
    report.notes.append("decoders that send noise; %: of one core; MB of all: shared pages count once")
    return report


def _median(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return round(statistics.median(known), 2) if known else None


def _run(folder: Path, kind: Kind, engines: int, seconds: float) -> dict[str, Any]:
    """Run a daemon on a workload, and return what it did in so many seconds, and what that took."""
    for name in ("inbox", "urgent", "made"):
        (folder / name).mkdir()
    config = CONFIG.format(
        priority=kind.priority, engine=engine.__name__, devices=",".join(map(str, range(engines))),
        workers=ENGINE.workers, batch_size=ENGINE.batch_size,
    )  # fmt: skip
    (folder / "config.toml").write_text(config)
    with (
        environment(PLAN, json.dumps(asdict(ENGINE))),
        transcribing(folder, daemon.__name__, engines) as pid,
        closing(sqlite3.connect(f"file:{folder / 'jobs.db'}?mode=ro", uri=True)) as db,
    ):
        feeder = Feeder(folder, kind, kind.ahead + engines * kind.ahead_of_engine)
        tree = Tree(pid)
        until(lambda: feeder.feed(db) and stored(db).chunks, FIRST_S, "nothing is transcribed")
        _keep_feeding(feeder, db, tree, WARM_UP_S)
        before, began = stored(db), tree.look()
        with Memos(folder) as memos:
            tree_mb = _keep_feeding(feeder, db, tree, seconds)
        after, ended = stored(db), tree.look()
    figures = _figures(before, after, began, ended)
    waits = {"memo s": statistics.median(memos.waits_s) if memos.waits_s else None, "memos_s": memos.waits_s}
    return {"recordings": kind.name, "engines": engines, **figures, "all MB": max(tree_mb, ended.tree_mb), **waits}


def _keep_feeding(feeder: "Feeder", db: sqlite3.Connection, tree: Tree, seconds: float) -> float:
    """See to it that there is something to do for so many seconds, and return the most memory of the tree."""
    end, tree_mb = time.monotonic() + seconds, 0.0
    while time.monotonic() < end:
        feeder.feed(db)
        tree_mb = max(tree_mb, tree.look().tree_mb)
        time.sleep(LOOK_S)
    return tree_mb


@dataclass(frozen=True, slots=True)
class Stored:
    """What is in the database by now."""

    chunks: int
    audio_s: float
    done: int
    bytes: int


def stored(db: sqlite3.Connection) -> Stored:
    """Look into the database."""
    chunks, audio_s = db.execute("SELECT count(*), coalesce(sum(end_s - start_s), 0) FROM chunks").fetchone()
    (done,) = db.execute("SELECT count(*) FROM jobs WHERE state = 'done'").fetchone()
    pages, size = (db.execute(f"PRAGMA {what}").fetchone()[0] for what in ("page_count", "page_size"))
    return Stored(chunks, audio_s, done, pages * size)


def _figures(before: Stored, after: Stored, began: Look, ended: Look) -> dict[str, Any]:
    took_s, chunks = ended.at - began.at, after.chunks - before.chunks
    if not chunks:
        raise Unavailable("the daemon has transcribed nothing", "look longer, with --seconds")
    cpu_s = ended.cpu_s - began.cpu_s
    hours = (after.audio_s - before.audio_s) / 3600
    return {
        "chunks/s": chunks / took_s,
        "recordings/s": (after.done - before.done) / took_s,
        "daemon ms/chunk": 1000 * cpu_s[DAEMON] / chunks,
        "daemon %": 100 * cpu_s[DAEMON] / took_s,
        "decoders %": 100 * cpu_s[DECODERS] / took_s,
        "engines %": 100 * cpu_s[ENGINES] / took_s,
        "daemon MB": ended.peak_mb,
        "database kB/h": (after.bytes - before.bytes) / 1000 / hours,
    }


class Feeder:
    """Drops recordings so that there are always some to do.

    Args:
        folder: Has the watched `inbox`, and `made`, where they are made: they appear all at once.
        kind: What they are.
        ahead: So many have been dropped and are not done yet.
    """

    def __init__(self, folder: Path, kind: Kind, ahead: int) -> None:
        self._folder = folder
        self._kind = kind
        self._ahead = ahead
        self._dropped = 0

    def feed(self, db: sqlite3.Connection) -> bool:
        """Drop as many as were done meanwhile."""
        for number in range(self._dropped, stored(db).done + self._ahead):
            drop(self._folder, f"inbox/{number:06d}.wav", self._kind.length_s)
            self._dropped += 1
        return True


def drop(folder: Path, name: str, length_s: float) -> None:
    """Make a recording without sound, of which only the header takes space on the disk, and move it to its place."""
    made = folder / "made" / Path(name).name
    frames = round(length_s * SAMPLE_RATE)
    with made.open("wb") as raw:
        with wave.open(raw, "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(SAMPLE_RATE)
            file.setnframes(frames)
            file.writeframesraw(b"")
        raw.truncate(raw.tell() + 2 * frames)
    made.rename(folder / name)


class Memos:
    """Memos that are dropped one after another, each once the last one has its transcript, and how long they waited."""

    def __init__(self, folder: Path) -> None:
        self.waits_s: list[float] = []
        self._folder = folder
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._drop, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _drop(self) -> None:
        while not self._ended.is_set():
            name = f"urgent/memo-{len(self.waits_s):04d}.wav"
            began = time.monotonic()
            drop(self._folder, name, KINDS["memos"].length_s)
            transcript = (self._folder / name).with_suffix(".txt")
            while not transcript.exists():
                if time.monotonic() - began > WAIT_S:
                    return
                time.sleep(0.01)
            self.waits_s.append(time.monotonic() - began)
            self._ended.wait(1.0)


@contextmanager
def environment(name: str, value: str) -> Iterator[None]:
    """Have a variable for the programs that are started meanwhile."""
    os.environ[name] = value
    try:
        yield
    finally:
        del os.environ[name]
