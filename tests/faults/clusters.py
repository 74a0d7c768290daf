"""What the tests of clusters share: what the daemon gave to which engine, what lives on the nodes, and an oracle."""

import re
from collections import defaultdict
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import psutil

from tests.ray_cluster import Node, RayCluster
from tests.support import Daemon, children_of, reconcile, wait_until

ENGINE, LINK = "daemon.engine.worker", "daemon.cluster.worker"
TRACED = """
import daemon.processes.engine_pool as e
def traced(method, word):
    def call(self, engine, *rest, **more):
        chunks = rest[0] if word == "hands" else [chunk for batch in engine.batches.values() for chunk in batch]
        e.log.info("%s %s: %s", word, engine.name, " ".join(f"{chunk.job_id}@{chunk.start_s:.0f}" for chunk in chunks))
        return method(self, engine, *rest, **more)
    return call
e.EnginePool.run, e.EnginePool.kill = traced(e.EnginePool.run, "hands"), traced(e.EnginePool.kill, "loses")
"""
"""Has the daemon log which chunks it gives to which engine, and which were lost with it."""
TRACE = re.compile(r"^(\S+ \S+) INFO (hands|loses) (\S+): (.*)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Traced:
    """A line of the trace."""

    at: datetime
    is_loss: bool
    engine: str
    chunks: frozenset[str]


def traces(daemon: Daemon) -> list[Traced]:
    return [
        Traced(datetime.fromisoformat(at.replace(",", ".")), word == "loses", engine, frozenset(chunks.split()))
        for at, word, engine, chunks in TRACE.findall(daemon.log_text())
    ]


def waits_s(traced: Sequence[Traced]) -> list[float]:
    """How long each chunk that was lost with an engine waited until another one had it; 0 if it had a copy."""
    found = []
    has: dict[str, set[str]] = defaultdict(set)
    for number, event in enumerate(traced):
        for chunk in event.chunks:
            if not event.is_loss:
                has[chunk].add(event.engine)
                continue
            has[chunk].discard(event.engine)
            again = next((each for each in traced[number:] if not each.is_loss and chunk in each.chunks), None)
            assert has[chunk] or again is not None, f"chunk {chunk} was lost and did not go out again"
            found.append(0.0 if has[chunk] or again is None else (again.at - event.at).total_seconds())
    return found


def lost_batches(daemon: Daemon) -> int:
    return len([each for each in traces(daemon) if each.is_loss and each.chunks])


def is_lost_since(daemon: Daemon, before: int) -> bool:
    return lost_batches(daemon) > before


def done(daemon: Daemon) -> int:
    return list(daemon.states().values()).count("done")


def ready(daemon: Daemon) -> int:
    """How many engines have become ready since the daemon's start."""
    return daemon.log_text().count("engine ready")


def ready_there(daemon: Daemon) -> int:
    """How many of these are engines on nodes."""
    return len(re.findall(r"engine ready: \S+ on [^/,]+/", daemon.log_text()))


def done_at_least(daemon: Daemon, count: int) -> bool:
    return done(daemon) >= count


def ready_at_least(daemon: Daemon, count: int) -> bool:
    return ready(daemon) >= count


def engines_of(cluster: RayCluster, without: Node | None = None) -> list[int]:
    """The processes of engines that live on the nodes of a cluster, but for one node."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if ENGINE in process.cmdline() and str(cluster.token) in process.environ().values():
                found.append(process.pid)
    spared = set() if without is None else {process.pid for process in without.processes}
    return [pid for pid in found if pid not in spared]


def join(cluster: RayCluster, *arguments: str, within: Sequence[str] = ()) -> Node:
    """Join a node with other arguments than `RayCluster.join` has, or within something such as a namespace."""
    node = Node(cluster, [f"--address={cluster.address}", "--num-cpus=1", *arguments], within)
    wait_until(lambda: b"runtime started" in node.log.read_bytes() or node.process.poll() is not None, 60, "a node")
    assert node.process.poll() is None, node.log.read_text()
    return node


def all_once(daemon: Daemon, recordings: Sequence[Path]) -> None:
    """Every recording is done, was charged one attempt, and nothing of it is there twice."""
    reconcile(daemon, recordings)
    assert daemon.query("SELECT state, attempts, count(*) FROM jobs GROUP BY 1, 2") == [("done", 1, len(recordings))]
    assert not daemon.query("SELECT text FROM segments GROUP BY 1 HAVING count(*) > 1")
    assert not daemon.query(
        "SELECT id FROM jobs WHERE chunks_total <> (SELECT count(*) FROM chunks WHERE job_id = jobs.id)"
    )
    told = re.findall(r"INFO done job (\d+) ", daemon.log_text())
    assert len(told) == len(set(told)) == len(recordings)


def link_of(daemon: Daemon) -> int | None:
    """The process of the link, while it lives."""
    assert daemon.process is not None
    for pid in children_of(daemon.process.pid):
        with suppress(psutil.Error):
            if LINK in psutil.Process(pid).cmdline():
                return pid
    return None
