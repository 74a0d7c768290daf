"""A real Ray cluster on this machine, its head and nodes as processes, to be killed one by one."""

import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import MappingProxyType
from typing import Any

import psutil
import pytest

from daemon.cluster.environment import environment
from tests.support import ROOT, wait_until

RAY = Path(sys.executable).parent / "ray"


class Node:
    """One node: all of its processes begin below one."""

    def __init__(self, cluster: "RayCluster", arguments: list[str], within: Sequence[str] = (), **more: str) -> None:
        self.log = cluster.folder / f"node-{len(cluster.nodes)}.log"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [
                    *within, str(RAY), "start", "--block", "--disable-usage-stats", "--node-ip-address=127.0.0.1",
                    "--object-store-memory=150000000", "--num-gpus=0", *arguments,
                ],
                env={**os.environ, **environment(cluster.token), **cluster.variables, "PYTHONPATH": str(ROOT), **more},
                stdout=log, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True,
            )  # fmt: skip
        cluster.nodes.append(self)

    @property
    def processes(self) -> list[psutil.Process]:
        with suppress(psutil.NoSuchProcess):
            top = psutil.Process(self.process.pid)
            return [*top.children(recursive=True), top]
        return []

    def send(self, number: int) -> None:
        """Send a signal to all of its processes."""
        for process in self.processes:
            with suppress(psutil.NoSuchProcess):
                process.send_signal(number)

    def kill(self) -> None:
        """SIGKILL to all of it, as when the power goes."""
        for process in (found := self.processes):
            with suppress(psutil.NoSuchProcess):
                process.kill()
        psutil.wait_procs(found, 10)
        self.process.wait()


class RayCluster:
    """A head with no place for an engine, and as many nodes as are started."""

    def __init__(self, folder: Path, fake: dict[str, Any] | None, variables: Mapping[str, str]) -> None:
        self.folder = folder
        self.nodes: list[Node] = []
        self.token = folder / "token"
        self.token.write_text(secrets.token_hex(32))
        self.token.chmod(0o600)
        self.variables = {**variables, **({} if fake is None else {"TRANSCRIBED_FAKE": json.dumps(fake)})}
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.address = f"127.0.0.1:{self.port}"
        self.head = self.start_head()

    def start_head(self) -> Node:
        head = Node(
            self,
            ["--head", f"--port={self.port}", "--num-cpus=0", "--include-dashboard=false", f"--temp-dir={self.folder}"],
        )
        wait_until(lambda: _listens(self.port) or head.process.poll() is not None, 60, "the head of the cluster")
        assert head.process.poll() is None, head.log.read_text()
        return head

    def join(self, engines: int = 1, **more: str) -> Node:
        """Start a node with room for so many engines; one after another, for two at once may wait for each other."""
        node = Node(self, [f"--address={self.address}", f"--num-cpus={engines}"], **more)
        wait_until(lambda: b"runtime started" in node.log.read_bytes() or node.process.poll() is not None, 60, "a node")
        assert node.process.poll() is None, node.log.read_text()
        return node

    @property
    def tables(self) -> dict[str, str]:
        """Tables of config.toml for a daemon that has no engine of its own."""
        return {"model": 'device = "none"', "cluster": f'address = "{self.address}"\ntoken_file = "{self.token}"'}


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@contextmanager
def ray_cluster(
    fake: dict[str, Any] | None = None, variables: Mapping[str, str] = MappingProxyType({})
) -> Iterator[RayCluster]:
    """A cluster whose nodes run the fake engine (None: the real one), ended with all that it has started.

    Args:
        fake: fields of the fake engine's plan.
        variables: more that head and nodes have in their environment.
    """
    pytest.importorskip("ray", reason="Ray is not installed: pip install 'transcribed[cluster]'")
    # Ray's sockets are below it, and their paths may have 107 bytes.
    folder = Path(tempfile.mkdtemp(prefix="rc", dir="/tmp"))
    made = RayCluster(folder, fake, variables)
    try:
        yield made
    finally:
        for node in reversed(made.nodes):
            node.kill()
        shutil.rmtree(folder, ignore_errors=True)
