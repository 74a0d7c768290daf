"""A Ray cluster on this machine: a head, and nodes that have room for engines, each with processes of its own.

Between head and node all goes over the loopback as it would over a network, which it does not between two parts of one.
"""

import secrets
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from daemon.bench.measure import psutil_or_refuse
from daemon.bench.served import HOST, until
from daemon.cluster.environment import environment
from daemon.errors import Unavailable
from daemon.processes.environment import environment as of_children

START_S = 180.0
"""It takes some seconds, and minutes on a machine that has much else to do."""
STORE_BYTES = 500_000_000
"""The shared memory of a machine: hundreds of chunks."""
STARTED = "runtime started"


@dataclass(frozen=True, slots=True)
class Machines:
    """A cluster that runs."""

    address: str
    token: Path
    head: int
    """The process below which all of the head's are."""
    nodes: tuple[int, ...]

    @property
    def table(self) -> str:
        """The table of config.toml for a daemon that joins it."""
        return f'[cluster]\naddress = "{self.address}"\ntoken_file = "{self.token}"\n'


@contextmanager
def machines(rooms: Mapping[str, int], variables: Mapping[str, str]) -> Iterator[Machines]:
    """Start a cluster, and end all that it has started when the context ends.

    Args:
        rooms: How many engines each of its nodes has room for, by their names.
        variables: What their processes are started with, besides.

    Raises:
        Unavailable: Ray is not installed, or does not come up.
    """
    ray = Path(sys.executable).parent / "ray"
    if not ray.exists():
        raise Unavailable("Ray is not installed", "pip install 'transcribed[cluster]'")
    # The sockets of Ray are below it, and their paths may have 107 bytes.
    with ExitStack() as stack:
        stack.enter_context(_ended_in_order())
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="tb-", ignore_cleanup_errors=True)))
        token = folder / "token"
        token.touch(0o600)
        token.write_text(secrets.token_hex(32))
        with socket.create_server((HOST, 0)) as free:
            port = free.getsockname()[1]
        base = {**of_children(), **environment(token), **variables}

        def start(name: str, *arguments: str) -> int:
            command = [
                str(ray), "start", "--block", "--disable-usage-stats", f"--node-ip-address={HOST}", "--num-gpus=0",
                f"--object-store-memory={STORE_BYTES}", *arguments,
            ]  # fmt: skip
            return stack.enter_context(_started(command, base, folder / f"{name}.log"))

        head = start(
            "head", "--head", f"--port={port}", "--num-cpus=0", "--include-dashboard=false", f"--temp-dir={folder}"
        )
        # One after another: two that start at once may wait for each other.
        nodes = tuple(
            start(name, f"--address={HOST}:{port}", f"--num-cpus={room}", f"--node-name={name}")
            for name, room in rooms.items()
        )
        yield Machines(f"{HOST}:{port}", token, head, nodes)


@contextmanager
def _ended_in_order() -> Iterator[None]:
    """Have SIGTERM end the program as Ctrl-C does: what it has started is ended before."""

    def end(number: int, _frame: object) -> None:
        sys.exit(128 + number)

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def _started(command: list[str], variables: Mapping[str, str], log: Path) -> Iterator[int]:
    psutil = psutil_or_refuse()
    with log.open("wb") as told:
        process = subprocess.Popen(
            command, env=variables, stdout=told, stderr=told, stdin=subprocess.DEVNULL, start_new_session=True
        )
    try:
        until(lambda: STARTED in log.read_text() or process.poll() is not None, START_S, "Ray has not started")
        if process.poll() is not None:
            raise Unavailable(f"Ray has not started: {log.read_text().strip()[-500:]}")
        yield process.pid
    finally:
        _end(psutil, process)


def _end(psutil: Any, process: "subprocess.Popen[bytes]") -> None:
    """End all that began below a process, for Ray's ways to do so end that of others, too."""
    tree: list[Any] = []
    with suppress(psutil.Error):
        root = psutil.Process(process.pid)
        tree = [*root.children(recursive=True), root]
    for each in tree:
        with suppress(psutil.Error):
            each.kill()
    psutil.wait_procs(tree, 10)
    process.wait()
