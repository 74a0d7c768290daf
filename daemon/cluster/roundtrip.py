"""A program that has the head of a cluster connect to this machine, for closed ports fail silently in Ray.

`python -m daemon.cluster.roundtrip HOST:PORT IP FIRST` runs a task on the head that tries the ports of this machine,
and prints which are shut, as JSON. It runs once this machine is a node: before, nothing listens here.
"""

import json
import subprocess
import sys
from collections.abc import Mapping

from daemon.cluster.checks import FIREWALL
from daemon.cluster.look import Head, Node, look
from daemon.cluster.ports import Ports, is_here, shut
from daemon.errors import Unavailable

PROGRAM = ("-m", "daemon.cluster.roundtrip")
LIMIT_S = 60.0
"""The task needs a process on the head, which takes seconds on a small machine."""

HEAD = "node:__internal_head__"
"""The resource that Ray gives to the head alone."""


def try_back(address: str, head: Head, ports: Ports, environment: Mapping[str, str]) -> str:
    """Have the head connect to this machine, which has joined it; return what could not be found out, or "".

    Args:
        address: HOST:PORT of the head.
        head: As it is now.
        ports: Of this machine.
        environment: With the variables of the cluster.

    Raises:
        Unavailable: The head cannot reach some ports of this machine, or has given it up.
    """
    node = _mine(head, ports)
    if node is None:
        return "this machine is not in the head's list of nodes"
    command = [sys.executable, *PROGRAM, address, node.ip, str(ports.first)]
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", timeout=LIMIT_S,
            env=environment, check=False,
        )  # fmt: skip
        found = dict(json.loads(done.stdout))
    except (subprocess.TimeoutExpired, ValueError):
        if _mine(look(address, environment), ports) is None:
            raise Unavailable(
                f"the head has given up this machine ({node.ip}), as if its port {ports.node_manager} were shut",
                _way_out(ports),
            ) from None
        return "no task comes back from the head: a port is shut, or a machine is very busy"
    if found:
        port, reason = next(iter(found.items()))
        raise Unavailable(
            f"the head cannot reach this machine ({node.ip}) at port {port}: {reason}",
            _way_out(ports),
        )
    return ""


def _mine(head: Head, ports: Ports) -> Node | None:
    """Return this machine as the head lists it; others may have the same block of ports."""
    same = (node for node in head.nodes if node.node_manager == ports.node_manager and not node.is_head)
    return next((node for node in same if is_here(node.ip)), None)


def _way_out(ports: Ports) -> str:
    return (
        f"open {ports.first} to {ports.last} in the firewall here for the head, or, if that is an address of another "
        f"network, say --ip; {FIREWALL}"
    )


def main(address: str, ip: str, first: int) -> None:
    """Run the task, and print what it returns."""
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    ray.init(address=address, _node_ip_address=ip, log_to_driver=False, configure_logging=False)
    (head,) = (node["NodeID"] for node in ray.nodes() if node["Alive"] and HEAD in node["Resources"])
    there = NodeAffinitySchedulingStrategy(head, soft=False)
    task = ray.remote(num_cpus=0, max_retries=0, scheduling_strategy=there)(shut)
    ports = Ports(first)
    quiet = [ports.workers[0], ports.last]
    print(json.dumps(ray.get(task.remote(ip, [ports.node_manager, ports.object_manager], quiet))))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
