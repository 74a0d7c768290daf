"""The same engine as a child of the daemon and through Ray, by turns: what the way through Ray costs."""

import hashlib
import os
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from daemon.bench import workload as workloads
from daemon.bench.cluster.machines import Machines, machines
from daemon.bench.cluster.tree import ENGINES, Tree
from daemon.bench.contenders import config_text
from daemon.bench.report import Report, median, score
from daemon.bench.served import transcribing, until
from daemon.bench.workload import Workload
from daemon.errors import Unavailable

CHILD, THROUGH_RAY = "a child", "through Ray"
DONE_S = 1800.0
BATCH_SIZE = 4
LOOK_S = 0.1
"""Between two looks whether all is done."""
COLUMNS = ("workload", "engine", "wall s", "CPU s", "of it the engine's", "WER %", "wall ratio", "CPU ratio")


def overhead(
    model: dict[str, Any], folder: Path, names: Sequence[str], repeats: int, tell: Callable[[str], None]
) -> Report:
    """Transcribe with a daemon in service, whose engine has its model loaded, once without and once with a cluster.

    Args:
        model: Keys of [model].
        folder: Where the recordings are put.
        names: Which workloads.
        repeats: How many turns each has.
        tell: Called with what is measured next.

    Raises:
        Unavailable: Ray is not installed, a daemon does not get ready, or a recording is not transcribed.
    """
    # Nothing is to be found out meanwhile: a daemon that is idle would calibrate its engine.
    fixed = {"workers": len(os.sched_getaffinity(0)), "cpu_threads": 1, "batch_size": BATCH_SIZE, **model}
    made = [_made(name, folder) for name in names]
    report = Report("cluster overhead", model["name"], made, list(COLUMNS))
    turns = [(load, contender) for _ in range(repeats) for load in made for contender in (CHILD, THROUGH_RAY)]
    with machines({"node": 1}, {}) as cluster:
        for number, (load, contender) in enumerate(turns, 1):
            tell(f"{number} of {len(turns)}: {load.name}, {contender}")
            report.runs.append(_run(load, contender, fixed, cluster))
    for load in made:
        child = report.of(CHILD, load)
        for contender in (CHILD, THROUGH_RAY):
            report.rows.append(row(load, report.of(contender, load), child))
    report.notes += [
        "from the drop of the recordings to the last transcript, on a daemon whose engine has loaded its model",
        "CPU: of daemon, children and cluster; its head and node run all the time, and are counted where they are used",
    ]
    return report


def _made(name: str, folder: Path) -> Workload:
    place = folder / name
    place.mkdir()
    return workloads.BUILDERS[name](place)


def _run(load: Workload, contender: str, model: dict[str, Any], cluster: Machines) -> dict[str, Any]:
    """Start a daemon, wait until its engine is ready, and measure from there."""
    with tempfile.TemporaryDirectory(prefix="transcribed-bench-") as name:
        folder = Path(name)
        inbox = folder / "inbox"
        inbox.mkdir()
        through = contender == THROUGH_RAY
        text = config_text(folder, {**model, "device": "none"} if through else model)
        (folder / "config.toml").write_text(text + (cluster.table if through else ""))
        with (
            transcribing(folder) as pid,
            closing(sqlite3.connect(f"file:{folder / 'jobs.db'}?mode=ro", uri=True)) as db,
        ):
            tree = Tree(pid, cluster if through else None)
            began = tree.look()
            for item in load.items:
                (inbox / item.path.name).hardlink_to(item.path)
            until(lambda: _all_done(db, len(load.items)), DONE_S, "not all is transcribed")
            ended = tree.look()
        texts = [(inbox / f"{item.path.name}.txt").read_text("utf-8") for item in load.items]
    spent = ended.since(began)
    return {
        "contender": contender,
        "workload": load.name,
        "wall_s": ended.at - began.at,
        "cpu_s": sum(spent.values()),
        "engine_cpu_s": spent[ENGINES],
        "cpu_s_of": dict(spent),
        "wer_percent": score(load, texts),
        "texts_sha256": hashlib.sha256("\n".join(texts).encode()).hexdigest(),
    }


def _all_done(db: sqlite3.Connection, count: int) -> bool:
    time.sleep(LOOK_S)
    states = dict(db.execute("SELECT state, count(*) FROM jobs GROUP BY state"))
    if failed := sum(states.get(state, 0) for state in ("failed", "dead", "rejected")):
        raise Unavailable(f"{failed} recordings of the benchmark were not transcribed", "see the daemon's own log")
    return bool(states.get("done", 0) >= count)


def row(load: Workload, runs: Sequence[dict[str, Any]], child: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return the medians of a contender's turns, and the medians of their ratios to the child's of the same turn."""

    def ratio(key: str) -> float:
        ratios = [float(run[key] / first[key]) for run, first in zip(runs, child, strict=True)]
        return round(statistics.median(ratios), 3)

    return {
        "workload": load.name,
        "engine": runs[0]["contender"],
        "wall s": round(median(runs, "wall_s"), 2),
        "CPU s": round(median(runs, "cpu_s"), 2),
        "of it the engine's": round(median(runs, "engine_cpu_s"), 2),
        "WER %": runs[0]["wer_percent"],
        "wall ratio": ratio("wall_s"),
        "CPU ratio": ratio("cpu_s"),
    }
