"""Reads the machine and our processes through psutil; a file system or sensor that hangs does not block the monitor."""

import os
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Generic, TypeVar

import psutil

from daemon.monitor.sample import ChildFigures, Disk, Host
from daemon.monitor.sensors import sensors

T = TypeVar("T")

MB = 1_000_000
ANSWER_S = 0.4
"""How long an answer may take; what takes longer is not asked again until it has answered."""


class HostProbe:
    """Reads CPU, memory, disks and the figures of our processes.

    Args:
        paths: Files or folders whose file systems are looked at; they need not exist.
    """

    def __init__(self, paths: Iterable[Path]) -> None:
        self._disks = {path: _Question(f"disk {path}", partial(_free, path)) for path in dict.fromkeys(paths)}
        self._sensors = _Question("sensors", sensors)
        self._processes: dict[int, psutil.Process] = {}
        psutil.cpu_percent()  # the first call only starts the measurement

    def __call__(self, children: Iterable[tuple[str, int]]) -> Host:
        """Return the machine as it is now.

        Args:
            children: (kind, process id) of the daemon's children.
        """
        self._sensors.ask()
        for disk in self._disks.values():
            disk.ask()
        until = time.monotonic() + ANSWER_S
        memory = psutil.virtual_memory()
        return Host(
            cpu_percent=psutil.cpu_percent(),
            memory_percent=memory.percent,
            memory_used_mb=(memory.total - memory.available) / MB,
            swap_percent=psutil.swap_memory().percent,
            load_1m=psutil.getloadavg()[0],
            disks=tuple(disk.answer(until) or Disk(str(path), None) for path, disk in self._disks.items()),
            children=self._figures([("daemon", os.getpid()), *children]),
            sensors=self._sensors.answer(until) or (),
        )

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


class _Question(Generic[T]):
    """A call that may hang, made on a thread: statvfs of a network drive that is gone, or reading a sensor's bus.

    Args:
        name: The name of the thread.
        ask: The call; an OSError or an error of psutil counts as no answer.
    """

    def __init__(self, name: str, ask: Callable[[], T]) -> None:
        self._name, self._question = name, ask
        self._thread: threading.Thread | None = None
        self._answer: T | None = None

    def ask(self) -> None:
        """Ask, unless the last question is still unanswered."""
        if self._thread is None or not self._thread.is_alive():
            self._answer = None
            self._thread = threading.Thread(target=self._look, name=self._name, daemon=True)
            self._thread.start()

    def answer(self, until: float) -> T | None:
        """Wait for the answer until a time (monotonic), and return it, or None if there is none by then."""
        assert self._thread is not None
        self._thread.join(max(0.0, until - time.monotonic()))
        return None if self._thread.is_alive() else self._answer

    def _look(self) -> None:
        with suppress(OSError, psutil.Error):
            self._answer = self._question()


def _free(path: Path) -> Disk:
    status = os.statvfs(path)
    return Disk(str(path), status.f_bavail * status.f_frsize / MB, os.stat(path).st_dev)
