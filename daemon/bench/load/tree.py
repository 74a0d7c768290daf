"""The processes of a daemon while it runs: what each kind of them takes of processors and memory."""

import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from daemon.bench.measure import psutil_or_refuse
from daemon.processes import engine_pool

DAEMON, ENGINES, DECODERS = "daemon", "engines", "decoders"


@dataclass(frozen=True, slots=True)
class Look:
    """A look at the tree."""

    at: float
    """On the monotonic clock."""
    cpu_s: Counter[str]
    """Processor seconds of each kind since its processes began."""
    peak_mb: float
    """The most memory that the daemon itself has had."""
    tree_mb: float
    """What all of them have in memory now, together; a page that several share counts for each a part."""


class Tree:
    """The daemon and its children.

    Args:
        pid: The daemon.

    Raises:
        Unavailable: The extra `bench` is not installed.
    """

    def __init__(self, pid: int) -> None:
        self._psutil = psutil_or_refuse()
        self._root = self._psutil.Process(pid)
        self._kinds: dict[int, str] = {}

    def look(self) -> Look:
        """Return what the processes that live have taken."""
        cpu_s = Counter[str]()
        tree_mb = 0.0
        for process in (self._root, *self._root.children()):
            try:
                times = process.cpu_times()
                cpu_s[self._kind(process)] += times.user + times.system
                tree_mb += _pss_mb(process.pid)
            except (self._psutil.Error, OSError):  # it has ended meanwhile
                continue
        return Look(time.monotonic(), cpu_s, _field_mb(self._root.pid, "status", "VmHWM:"), tree_mb)

    def _kind(self, process: Any) -> str:
        if process.pid == self._root.pid:
            return DAEMON
        if process.pid not in self._kinds:
            self._kinds[process.pid] = ENGINES if engine_pool.MODULE in process.cmdline() else DECODERS
        return self._kinds[process.pid]


def _pss_mb(pid: int) -> float:
    return _field_mb(pid, "smaps_rollup", "Pss:")


def _field_mb(pid: int, file: str, name: str) -> float:
    lines = Path(f"/proc/{pid}/{file}").read_text().splitlines()
    return next(int(line.split()[1]) / 1000 for line in lines if line.startswith(name))
