"""A program that asks the head of a cluster who it is, and who has joined: `python -m daemon.cluster.look HOST:PORT`.

A process of its own, because Ray ends one that cannot reach a head. It prints one line of JSON: what `Head` has, or
{"error": ..., "refused": whether it was the token}.
"""

import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import metadata
from typing import Any

from daemon.errors import Unavailable

PROGRAM = ("-m", "daemon.cluster.look")
LIMIT_S = 30.0
"""It answers within a second, but where all cores are at work."""
VERSION, PORTS = "transcribed", "transcribed.ports"
"""Labels of a node: the version of transcribed, and the first of its block of ports."""
INSTALL = "pip install 'transcribed[cluster]'"


@dataclass(frozen=True, slots=True)
class Node:
    """A machine that is in a cluster."""

    ip: str
    is_head: bool
    node_manager: int
    object_manager: int
    labels: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Head:
    """The head of a cluster, and its nodes that are alive."""

    ray: str
    python: str
    nodes: tuple[Node, ...]

    @property
    def node(self) -> Node | None:
        """The machine of the head itself."""
        return next((node for node in self.nodes if node.is_head), None)


def look(address: str, environment: Mapping[str, str]) -> Head:
    """Ask a head who it is.

    Args:
        address: HOST:PORT, where something listens.
        environment: With the variables of the cluster.

    Raises:
        Unavailable: It refuses the token, or is no head.
    """
    command = [sys.executable, *PROGRAM, address]
    no_head = Unavailable(
        f"what listens at {address} is no head of a cluster: it does not answer as Ray does",
        "see what listens there; `transcribed engine head` says where the head is",
    )
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", timeout=LIMIT_S,
            env=environment, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise Unavailable(
            f"what listens at {address} has not answered as a head does within {LIMIT_S:g} s",
            "it is none, or is very busy: `transcribed engine head` says where the head is",
        ) from None
    try:
        answer = json.loads(done.stdout)
    except ValueError:
        raise no_head from None
    if answer.get("refused"):
        raise Unavailable(
            f"the head at {address} refuses the token of this machine",
            "copy the file that `transcribed engine head` names there, and name it with --token-file",
        )
    if "error" in answer:
        raise Unavailable(f"the head at {address} does not say who it is: {answer['error']}", "look into its log")
    return Head(answer["ray"], answer["python"], tuple(Node(**node) for node in answer["nodes"]))


def ray_version() -> str:
    """Return the version of Ray that is installed here.

    Raises:
        Unavailable: There is none.
    """
    try:
        return metadata.version("ray")
    except metadata.PackageNotFoundError as error:
        raise Unavailable("Ray is not installed here", INSTALL) from error


def main(address: str) -> None:
    """Ask, and print the answer."""
    from ray._common.usage.usage_lib import get_cluster_metadata
    from ray._raylet import GcsClient  # type: ignore[attr-defined]  # its stub knows few of its names
    from ray.exceptions import AuthenticationError

    try:
        client = GcsClient(address=address)
        versions = get_cluster_metadata(client) or {}
        nodes = [_node(info) for info in client.get_all_node_info(timeout=LIMIT_S).values() if _is_alive(info)]
    except AuthenticationError as error:
        print(json.dumps({"error": str(error), "refused": True}))
        return
    # Ray has a class of its own for each way to fail, and none above them.
    except Exception as error:
        print(json.dumps({"error": f"{type(error).__name__}: {error}"[:500]}))
        return
    known = {"ray": versions.get("ray_version", ""), "python": versions.get("python_version", "")}
    print(json.dumps({**known, "nodes": nodes}))


def _is_alive(info: Any) -> bool:
    return bool(info.state == type(info).ALIVE)


def _node(info: Any) -> dict[str, Any]:
    return {
        "ip": info.node_manager_address,
        "is_head": info.is_head_node,
        "node_manager": info.node_manager_port,
        "object_manager": info.object_manager_port,
        "labels": dict(info.labels),
    }


if __name__ == "__main__":
    main(sys.argv[1])
