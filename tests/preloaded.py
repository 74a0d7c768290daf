"""The command line with its libraries loaded: a process that is asked for is forked from one in which nothing else ran.

Loading them is most of what a short process computes. Each is a process of its own with its own environment, folder and
streams, and goes through `main` from its beginning. With variables that may be read earlier and by any other command
line, it begins from nothing.
"""

import atexit
import gc
import importlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any, BinaryIO

ROOT = Path(__file__).parent.parent
MAIN = "from daemon.cli.app import main; main()"
DAEMON = ("daemon.cli.app", "daemon.service", "alembic.command")
"""What a daemon loads in any case, with most of the other commands."""
PAGE = ("daemon.cli.app", "daemon.web.server")
LATE = {"TRANSCRIBED_FAKE", "TRANSCRIBED_FAKE_STARTS", "NOTIFY_SOCKET", "PATH", "PAGE", "PYTEST_CURRENT_TEST"}
"""Variables that nothing reads while it is being loaded: only these may differ from those of the test."""
LARGEST = 1 << 17

Streams = tuple[BinaryIO | int, BinaryIO | int]


class Process:
    """What `subprocess.Popen` would be, as far as the tests use it."""

    def __init__(self, told: socket.socket) -> None:
        self._told = told
        self.pid = int(told.recv(20))
        self.returncode: int | None = None

    def poll(self) -> int | None:
        with suppress(subprocess.TimeoutExpired):
            self.wait(0)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        if self.returncode is None:
            self._told.settimeout(timeout)
            try:
                self.returncode = int(self._told.recv(20))
            except (TimeoutError, BlockingIOError):
                raise subprocess.TimeoutExpired("transcribed", timeout or 0.0) from None
            self._told.close()
        return self.returncode

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


def start(
    modules: tuple[str, ...],
    arguments: Sequence[str],
    environment: Mapping[str, str],
    folder: Path,
    streams: Streams,
    *,
    patch: str = "",
    stopped: bool = False,
) -> Process | None:
    """Start `transcribed` with these arguments; None where it has to begin from nothing.

    Args:
        modules: DAEMON or PAGE.
        arguments: Of the command line.
        environment: All variables.
        folder: The working directory.
        streams: Standard output and standard error.
        patch: Statements that it begins with; what they set is looked up where it is used, not where it is imported.
        stopped: Whether it waits for a SIGCONT before it begins.
    """
    here = {**os.environ, "PYTHONPATH": str(ROOT)}
    differ = {name for name in {*here, *environment} if here.get(name) != environment.get(name)}
    # Coverage would have all processes write into one file.
    if differ - LATE or any(name.startswith("COVERAGE_PROCESS") for name in environment):
        return None
    order = {
        "arguments": list(arguments), "environment": dict(environment), "folder": str(folder), "patch": patch,
        "stopped": stopped,
    }  # fmt: skip
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        fds = [stream if isinstance(stream, int) else stream.fileno() for stream in streams]
        socket.send_fds(_server(modules), [json.dumps(order).encode()], [0, *fds, theirs.fileno()])
    return Process(ours)


@cache
def _server(modules: tuple[str, ...]) -> socket.socket:
    """Start a process that has loaded these modules; it ends with this one."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    program = f"from tests.preloaded import serve; exec(serve({theirs.fileno()}, {modules})); {MAIN}"
    with theirs:
        server = subprocess.Popen(
            [sys.executable, "-c", program],
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            pass_fds=[theirs.fileno()],
        )
    atexit.register(server.wait)
    atexit.register(ours.close)  # which ends it, and is done first
    return ours


def serve(fd: int, modules: Sequence[str]) -> str:
    """Fork for every order. It returns in the children only, as if they had just been started: what they begin with."""
    for name in modules:
        importlib.import_module(name)
    assert threading.active_count() == 1, "a thread would be missing in the children"
    gc.collect()
    gc.freeze()
    control = socket.socket(fileno=fd)
    alive: dict[int, tuple[int, socket.socket]] = {}
    poll = select.poll()
    poll.register(control, select.POLLIN)
    while True:
        for ready, _ in poll.poll():
            if ready != fd:
                poll.unregister(ready)
                pid, asked_by = alive.pop(ready)
                os.close(ready)
                with asked_by, suppress(OSError):
                    asked_by.send(b"%d" % os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
                continue
            order, streams, _, _ = socket.recv_fds(control, LARGEST, 4)
            if not order:
                os._exit(0)
            asked_by = socket.socket(fileno=streams.pop())
            if (pid := os.fork()) == 0:
                for each, (_, other) in alive.items():
                    os.close(each)
                    other.close()
                asked_by.close()
                control.close()
                return _become(json.loads(order), streams)
            for each in streams:
                os.close(each)
            with suppress(OSError):
                asked_by.send(b"%d" % pid)
            alive[(pidfd := os.pidfd_open(pid))] = (pid, asked_by)
            poll.register(pidfd, select.POLLIN)


def _become(order: dict[str, Any], streams: Sequence[int]) -> str:
    for number, fd in enumerate(streams):
        os.dup2(fd, number)
        os.close(fd)
    os.environ.clear()
    os.environ.update(order["environment"])
    os.chdir(order["folder"])
    sys.argv = ["-c", *order["arguments"]]
    patch: str = order["patch"]
    sys.orig_argv = [sys.executable, "-c", f"{patch}\n{MAIN}", *order["arguments"]]
    if order["stopped"]:
        os.kill(os.getpid(), signal.SIGSTOP)
    return patch
