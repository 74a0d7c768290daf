"""The processes of a daemon and of a cluster on one machine: what each kind of them takes of processors and memory."""

import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from daemon.bench.cluster import link
from daemon.bench.cluster.machines import Machines
from daemon.bench.measure import psutil_or_refuse
from daemon.processes import cluster

DAEMON, LINK, DECODERS, RAYLET, HEAD = "daemon", "link", "decoders", "raylet", "head"
"""On the machine of the files. Through its raylet goes the audio; the head is the rest of Ray there."""
FAR_RAYLET, AGENTS, FAR_REST = "node's raylet", "agents", "node's rest"
"""On the nodes, beside the engines, which may also be the daemon's own."""
ENGINES = "engines"
OF_ENGINES = "daemon.engine."
"""Of this room are the modules of their children: what all engines run, and Whisper's, which is started ahead."""
NODES = (FAR_RAYLET, AGENTS, FAR_REST, ENGINES)
OF_RAY = "ray::"
"""What the processes of actors are called, and these, which Ray has on each machine besides."""
RAYS_OWN = ("ray::DashboardAgent", "ray::RuntimeEnvAgent")
TRAFFIC = Path("/proc/net/dev")


@dataclass(frozen=True, slots=True)
class Look:
    """A look at all of them."""

    at: float
    """On the monotonic clock."""
    cpu_s: Counter[str]
    """Processor seconds of each kind since its processes began."""
    peak_mb: dict[str, float]
    """The most memory that a process of each kind has had, shared memory included."""
    loopback_bytes: int
    """What has gone over this machine's loopback, also of others."""

    def since(self, before: "Look") -> Counter[str]:
        """Return the processor seconds that each kind has taken since an earlier look."""
        return Counter({kind: seconds - before.cpu_s[kind] for kind, seconds in self.cpu_s.items()})


class Tree:
    """A daemon, and the cluster that it uses, if any.

    Args:
        daemon: Its process.
        machines: Those of the cluster.

    Raises:
        Unavailable: The extra `bench` is not installed.
    """

    def __init__(self, daemon: int, machines: Machines | None = None) -> None:
        self._psutil = psutil_or_refuse()
        self._daemon = daemon
        self._head = machines.head if machines else None
        self._nodes = machines.nodes if machines else ()

    def look(self) -> Look:
        """Return what the processes that live have taken."""
        cpu_s, peak_mb = Counter[str](), dict[str, float]()
        for kind, process in self._processes():
            try:
                times = process.cpu_times()
                cpu_s[kind] += times.user + times.system
                peak_mb[kind] = max(peak_mb.get(kind, 0.0), _peak_mb(process.pid))
            except (self._psutil.Error, OSError):  # it has ended meanwhile
                continue
        return Look(time.monotonic(), cpu_s, peak_mb, loopback_bytes(TRAFFIC.read_text()))

    def _processes(self) -> Iterator[tuple[str, Any]]:
        for process in self._below(self._daemon):
            yield DAEMON if process.pid == self._daemon else self._kind(process, DECODERS, LINK), process
        if self._head is not None:
            for process in self._below(self._head):
                yield self._kind(process, HEAD, RAYLET), process
        for node in self._nodes:
            for process in self._below(node):
                yield self._kind(process, FAR_REST, FAR_RAYLET), process

    def _below(self, pid: int) -> Sequence[Any]:
        try:
            root = self._psutil.Process(pid)
            return [root, *root.children(recursive=True)]
        except self._psutil.Error:
            return []

    def _kind(self, process: Any, otherwise: str, special: str) -> str:
        try:
            return kind_of(process.cmdline(), otherwise, special)
        except self._psutil.Error:
            return otherwise


def kind_of(command: Sequence[str], otherwise: str, special: str) -> str:
    """Return the kind of a process by its command line: its raylet or link is `special`."""
    program = command[0] if command else ""
    if any(part.startswith(OF_ENGINES) for part in command):
        return ENGINES
    if cluster.MODULE in command or link.__name__ in command or Path(program).name == "raylet":
        return special
    if special == FAR_RAYLET and program.startswith(OF_RAY) and program not in RAYS_OWN:
        return AGENTS
    return otherwise


def loopback_bytes(table: str) -> int:
    """Return how much the loopback has sent, of what the kernel says of its interfaces."""
    fields = next(line.split() for line in table.splitlines() if line.strip().startswith("lo:"))
    return int(fields[9])


def _peak_mb(pid: int) -> float:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next((int(line.split()[1]) / 1000 for line in lines if line.startswith("VmHWM:")), 0.0)
