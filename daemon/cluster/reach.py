"""Whether the head of a cluster answers at all: Ray ends the process that asks for one that does not."""

from daemon.cluster.checks import address_of
from daemon.cluster.ports import shut

CLIENT = "ray://"
"""How the address of a server for Ray's own client begins."""
CONNECT_S = 5.0
HEAD_HINT = "see whether it runs, and whether the network lets this machine reach it"
NODE_HERE_HINT = (
    "the daemon must run as the user of the head or node on this machine, and see its processes and files: "
    "a unit needs systemd/transcribed-cluster.conf, as docs/cluster.md says"
)
"""Where the head answers, and knows of a node on this machine."""


def unreachable(address: str) -> str:
    """Return why nothing answers at the address of a head or its client's server; "" if something does.

    Args:
        address: HOST:PORT, or ray://HOST:PORT.
    """
    host, port = address_of(address.removeprefix(CLIENT))
    return shut(host, [port], limit_s=CONNECT_S).get(port, "")
