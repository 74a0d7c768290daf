"""The machine and our processes, by psutil; a file system that does not answer holds nobody up."""

import os
import threading
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

import psutil

from daemon.monitor.sample import ChildFigures, Disk, Host

MB = 1_000_000
ANSWER_S = 0.4
"""File systems that take longer are not asked again before they have answered."""


class HostProbe:
    """Reads CPU, memory, disks and the figures of our processes.

    Args:
        paths: files or folders whose file systems are looked at; they need not exist.
    """

    def __init__(self, paths: Iterable[Path]) -> None:
        self._disks = [_DiskProbe(path) for path in dict.fromkeys(paths)]
        self._processes: dict[int, psutil.Process] = {}
        psutil.cpu_percent()  # the first call has nothing to compare with

    def __call__(self, children: Iterable[tuple[str, int]]) -> Host:
        """The machine now.

        Args:
            children: (kind, process id) of ours.
        """
        memory = psutil.virtual_memory()
        return Host(
            cpu_percent=psutil.cpu_percent(),
            memory_percent=memory.percent,
            memory_used_mb=(memory.total - memory.available) / MB,
            swap_percent=psutil.swap_memory().percent,
            load_1m=psutil.getloadavg()[0],
            disks=self._free(),
            children=self._figures([("daemon", os.getpid()), *children]),
        )

    def _free(self) -> tuple[Disk, ...]:
        for disk in self._disks:
            disk.ask()
        until = time.monotonic() + ANSWER_S
        return tuple(disk.answer(until) for disk in self._disks)

    def _figures(self, processes: list[tuple[str, int]]) -> tuple[ChildFigures, ...]:
        found = []
        for kind, pid in processes:
            with suppress(psutil.Error):
                process = self._processes.get(pid) or psutil.Process(pid)
                self._processes[pid] = process
                with process.oneshot():
                    found.append(ChildFigures(kind, pid, process.memory_info().rss / MB, process.cpu_percent()))
        pids = {pid for _, pid in processes}
        self._processes = {pid: process for pid, process in self._processes.items() if pid in pids}
        return tuple(found)


class _DiskProbe:
    """Free space below a path. statvfs on a network drive that is gone may wait for ever, so a thread does."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._thread: threading.Thread | None = None
        self._answer: Disk | None = None

    def ask(self) -> None:
        """Ask, unless the last question is still unanswered."""
        if self._thread is None or not self._thread.is_alive():
            self._answer = None
            self._thread = threading.Thread(target=self._look, name=f"disk {self.path}", daemon=True)
            self._thread.start()

    def answer(self, until: float) -> Disk:
        """What is free; None if there is no answer by then, or no such path."""
        assert self._thread is not None
        self._thread.join(max(0.0, until - time.monotonic()))
        unknown = Disk(str(self.path), None)
        return unknown if self._thread.is_alive() else self._answer or unknown

    def _look(self) -> None:
        with suppress(OSError):
            status = os.statvfs(self.path)
            free_mb = status.f_bavail * status.f_frsize / MB
            self._answer = Disk(str(self.path), free_mb, os.stat(self.path).st_dev)
