"""What engines on a cluster cost: a real daemon and a real cluster on this machine, engines of a set speed."""

import json
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from daemon.bench.cluster import daemon
from daemon.bench.cluster.machines import machines
from daemon.bench.cluster.tree import AGENTS, DAEMON, DECODERS, HEAD, LINK, NODES, RAYLET, Look, Tree
from daemon.bench.load import daemon as with_processes
from daemon.bench.load import engine
from daemon.bench.load.decoder import CHUNK
from daemon.bench.load.engine import PLAN, Plan
from daemon.bench.load.study import FIRST_S, LOOK_S, Feeder, Kind, Stored, environment, stored
from daemon.bench.report import Report
from daemon.bench.served import transcribing, until
from daemon.chunk import BYTES_PER_SECOND
from daemon.errors import Unavailable

CONFIG = """\
[[watch]]
path = "inbox"
language = "en"
formats = ["txt"]
[watching]
settle_seconds = 0
[database]
url = "sqlite:///jobs.db"
[model]
engine = "{engine}"
device = "none"
{cluster}
engines = {{ cpu = {engines} }}
"""
COUNTS = (1, 4, 16, 32)
LENGTHS_S = (30.0, 10.0)
CHUNKS_OF_RECORDING = 120
WORKERS, BATCH_SIZE = 2, 4
IDLE_S, WARM_UP_S = 4.0, 5.0
COLUMNS = (
    "engines", "chunk s", "chunks/s", "of ideal %", "daemon ms", "link ms", "raylet ms", "head ms", "decoders ms",
    "nodes ms", "kB/chunk", "daemon MB", "link MB", "agent MB",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is measured.

    Args:
        engines: How many engines, one after another.
        chunk_ms: How long an engine takes for a chunk.
        lengths_s: How long chunks are.
        seconds: For how long each run is looked at.
        repeats: How often each is run.
        processes: Whether engines are processes of their own, as they are in earnest, and not threads of the agents.
    """

    engines: Sequence[int] = COUNTS
    chunk_ms: float = 100.0
    lengths_s: Sequence[float] = LENGTHS_S
    seconds: float = 15.0
    repeats: int = 1
    processes: bool = False


def scale(folder: Path, wanted: Wanted, tell: Callable[[str], None]) -> Report:
    """Measure chunks a second against what the engines could do, and what each part takes for a chunk.

    Args:
        folder: Where recordings and databases are put.
        wanted: What is measured.
        tell: Called with what is measured next.

    Raises:
        Unavailable: Ray is not installed, a daemon does not come up, or nothing is transcribed.
    """
    report = Report("cluster", engine.__name__, [], list(COLUMNS))
    cases = [(count, length_s) for count in wanted.engines for length_s in wanted.lengths_s]
    for number, (count, length_s) in enumerate(cases * wanted.repeats, 1):
        tell(f"{number} of {len(cases) * wanted.repeats}: engines: {count}, chunks of {length_s:g} s")
        with tempfile.TemporaryDirectory(dir=folder) as name:
            report.runs.append(_run(Path(name), wanted, count, length_s))
    for count, length_s in cases:
        runs = [run for run in report.runs if (run["engines"], run["chunk s"]) == (count, length_s)]
        figures = {name: round(statistics.median(run[name] for run in runs), 2) for name in COLUMNS[2:]}
        report.rows.append({"engines": count, "chunk s": length_s, **figures})
    kind = "processes" if wanted.processes else "threads of their agents"
    report.notes += [
        f"engines that only wait, {wanted.chunk_ms:g} ms a chunk, {kind}; decoders that send noise",
        "ms: of processor time for a chunk; head: Ray there, but for its raylet; nodes: all where the engines are",
        "kB/chunk: what has gone over the loopback, on which nothing else should go on; MB: the most, of the largest",
    ]
    return report


def _run(folder: Path, wanted: Wanted, engines: int, length_s: float) -> dict[str, Any]:
    for name in ("inbox", "made"):
        (folder / name).mkdir()
    plan = Plan(1000 / wanted.chunk_ms, WORKERS, BATCH_SIZE)
    kind = Kind("even", CHUNKS_OF_RECORDING * length_s, ahead=8, ahead_of_engine=1, priority=0)
    program = with_processes if wanted.processes else daemon
    with machines({"node": engines}, {PLAN: json.dumps(asdict(plan))}) as cluster, environment(CHUNK, str(length_s)):
        text = CONFIG.format(engine=engine.__name__, cluster=cluster.table.strip(), engines=engines)
        (folder / "config.toml").write_text(text)
        with transcribing(folder, program.__name__, engines) as pid:
            tree = Tree(pid, cluster)
            began = tree.look()
            time.sleep(IDLE_S)
            idle = tree.look()
            with closing(sqlite3.connect(f"file:{folder / 'jobs.db'}?mode=ro", uri=True)) as db:
                feeder = Feeder(folder, kind, kind.ahead + engines * kind.ahead_of_engine)
                until(lambda: feeder.feed(db) and stored(db).chunks, FIRST_S, "nothing is transcribed")
                _keep_feeding(feeder, db, WARM_UP_S)
                before, first = stored(db), tree.look()
                _keep_feeding(feeder, db, wanted.seconds)
                after, last = stored(db), tree.look()
    idle_percent = {kind: 100 * spent / (idle.at - began.at) for kind, spent in idle.since(began).items()}
    return {
        "engines": engines,
        "chunk s": length_s,
        **figures(before, after, first, last, engines * plan.chunks_per_s),
        "audio kB/chunk": length_s * BYTES_PER_SECOND / 1000,
        "idle %": idle_percent,
    }


def figures(before: Stored, after: Stored, first: Look, last: Look, ideal: float) -> dict[str, Any]:
    """Return what was done between two looks, and what a chunk of it took.

    Args:
        before: What was in the database at the first look.
        after: What was there at the second one.
        first: The first look.
        last: The second one.
        ideal: The chunks a second that the engines could do.

    Raises:
        Unavailable: Nothing was done.
    """
    took_s, chunks = last.at - first.at, after.chunks - before.chunks
    if chunks <= 0:
        raise Unavailable("the daemon has transcribed nothing", "look longer, with --seconds")
    ms = {kind: 1000 * spent / chunks for kind, spent in last.since(first).items()}
    rate = chunks / took_s
    return {
        "chunks/s": rate,
        "of ideal %": 100 * rate / ideal,
        **{f"{kind} ms": ms.get(kind, 0.0) for kind in (DAEMON, LINK, RAYLET, HEAD, DECODERS)},
        "nodes ms": sum(ms.get(kind, 0.0) for kind in NODES),
        "kB/chunk": (last.loopback_bytes - first.loopback_bytes) / chunks / 1000,
        "daemon MB": last.peak_mb[DAEMON],
        "link MB": last.peak_mb.get(LINK, 0.0),
        "agent MB": last.peak_mb.get(AGENTS, 0.0),
        "ms/chunk": ms,
        "peaks MB": last.peak_mb,
    }


def _keep_feeding(feeder: Feeder, db: sqlite3.Connection, seconds: float) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        feeder.feed(db)
        time.sleep(LOOK_S)
