"""Runs Ray in the foreground, as a head or a node, until it ends or is told to."""

import fcntl
import logging
import os
import shutil
import signal
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Event, Thread
from types import FrameType
from typing import IO

from daemon.cluster.checks import INNER, address_of
from daemon.cluster.node import STARTED, Plan, arguments, why
from daemon.cluster.ports import shut
from daemon.errors import TranscribedError, Unavailable
from daemon.systemd import notify

log = logging.getLogger(__name__)

PROGRAM = ("-m", "daemon.cluster.tied")
KEPT_LINES = 200
"""Ray prints what its processes have logged when one dies."""
STOP_S = 20.0
"""How long it may take to end: its engines finish what they have, see `daemon.cluster.environment`."""
READ_S = 5.0
TICK_S = 0.2
LOCK = "lock"
SESSIONS = "session_*_*"
"""As Ray names them: session_2026-03-31_08-57-47_430142_31765."""
LATEST = "session_latest"


def run(plan: Plan, environment: Mapping[str, str], when_up: Callable[[], None]) -> None:
    """Be the head or a node until SIGTERM or Ctrl+C, or until Ray ends by itself.

    Args:
        plan: What this machine is to be.
        environment: With the variables of the cluster.
        when_up: Called once it is; if it raises, this machine stops being it.

    Raises:
        Unavailable: Ray has ended by itself, or another one runs in that folder.
        TranscribedError: By `when_up`.
    """
    with _owned(plan.folder):
        command = [sys.executable, *PROGRAM, str(os.getpid()), *arguments(plan)]
        # A group of its own: Ctrl+C is for us alone, and whatever is left can be ended at once.
        child = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            errors="replace", env=dict(environment), process_group=0,
        )  # fmt: skip
        stop = Stop(child)
        lines: deque[str] = deque(maxlen=KEPT_LINES)
        is_up = Event()
        assert child.stdout is not None
        reader = Thread(target=_read, args=(child.stdout, lines, is_up), daemon=True)
        reader.start()
        try:
            _wait(child, stop, is_up)
            if is_up.is_set() and stop.until is None:
                when_up()
                notify("READY=1")
            _wait(child, stop)
        except TranscribedError:
            # That Ray has ended meanwhile says more.
            if child.poll() is None:
                stop.now()
                _wait(child, stop)
                raise
        finally:
            with suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)
            child.wait()
        reader.join(READ_S)
        if stop.until is None:
            raise why(lines, plan, head_is_there=_head_is_there(plan))
        log.info("stopped")


def _head_is_there(plan: Plan) -> bool:
    if plan.joins is None:
        return False
    host, port = address_of(plan.joins)
    return not shut(host, [port])


@contextmanager
def _owned(folder: Path) -> Iterator[None]:
    """Hold the folder, and remove from it what earlier runs have left there.

    Raises:
        Unavailable: It cannot be used, or another process holds it.
    """
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        folder.mkdir(exist_ok=True, mode=0o700)
        inner = folder / INNER
        inner.mkdir(exist_ok=True)
        lock = (folder / LOCK).open("a")
    except OSError as error:
        raise Unavailable(
            f"the folder {folder} cannot be used: {error.strerror}", "name another with --folder"
        ) from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Unavailable(
                f"a head or a node runs already in the folder {folder}", "stop that one, or name another with --folder"
            ) from None
        (inner / LATEST).unlink(missing_ok=True)
        for session in inner.glob(SESSIONS):
            shutil.rmtree(session, ignore_errors=True)
        yield


class Stop:
    """SIGTERM and SIGINT: they end a child gently, which may take STOP_S."""

    def __init__(self, child: subprocess.Popen[str]) -> None:
        self._child = child
        self.until: float | None = None
        """When it must have ended, on the monotonic clock; None while nobody has told it to."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._told)

    def _told(self, _number: int, _frame: FrameType | None) -> None:
        notify("STOPPING=1")
        self.now()

    def now(self) -> None:
        """Have the child end."""
        if self.until is None:
            self.until = time.monotonic() + STOP_S
            self._child.terminate()

    @property
    def is_overdue(self) -> bool:
        """Whether its time is over."""
        return self.until is not None and time.monotonic() > self.until


def _wait(child: subprocess.Popen[str], stop: Stop, is_up: Event | None = None) -> None:
    """Wait until a child has ended, or has not although it was told to, or is up."""
    while not stop.is_overdue:
        with suppress(subprocess.TimeoutExpired):
            child.wait(TICK_S)
            return
        if is_up is not None and is_up.is_set():
            return
    log.warning("Ray has not stopped within %g s, and is ended", STOP_S)


def _read(output: IO[str], lines: deque[str], is_up: Event) -> None:
    """Keep what Ray prints, and notice that it is up."""
    with output:
        for line in output:
            lines.append(line.rstrip())
            log.debug("ray: %s", line.rstrip())
            if STARTED in line:
                is_up.set()
