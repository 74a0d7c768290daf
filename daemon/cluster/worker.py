"""The start of the link to a cluster: Ray is loaded once a head answers, with the environment that it is to have."""

import os
import tempfile
import time
from contextlib import redirect_stderr, redirect_stdout
from multiprocessing.connection import Connection
from pathlib import Path

from daemon.cluster import tokens
from daemon.cluster.environment import environment
from daemon.cluster.look import look
from daemon.cluster.ports import is_here
from daemon.cluster.reach import CLIENT, HEAD_HINT, unreachable
from daemon.config.engines import AUTO, LOCAL
from daemon.errors import Unavailable
from daemon.processes.cluster_protocol import ClusterTrouble, JoinCluster

AGAIN_S = 2.0
"""Between two looks for a head that does not answer."""


def main(conn: Connection) -> None:
    """Serve until the daemon closes the connection."""
    order: JoinCluster = conn.recv()
    with tempfile.TemporaryDirectory(prefix="transcribed-cluster-") as own:
        token_file = Path(order.token_file) if order.token_file else None
        if order.address == LOCAL:
            # Other users of this machine are not to run code as the daemon's.
            token_file = Path(own) / "token"
            tokens.make(token_file)
        os.environ.update(environment(token_file))
        ip = None if order.address in (AUTO, LOCAL) else _wait_for_the_head(conn, order.address)
        try:
            # Not at the top: Ray is set up while it is imported.
            from daemon.cluster import link
        except ImportError as error:
            conn.send(ClusterTrouble(f"Ray cannot be imported: {error}", "pip install 'transcribed[cluster]'"))
            return
        # What Ray prints there about every worker that ends would stand between the lines of the daemon's log.
        with open(os.devnull, "w") as nowhere, redirect_stdout(nowhere), redirect_stderr(nowhere):
            link.serve(conn, order, ip)


def _wait_for_the_head(conn: Connection, address: str) -> str | None:
    """Return how the head knows this machine, once it does; None where it need not be part of the cluster.

    What is in the way is told once. The daemon's end ends this process meanwhile.
    """
    told: ClusterTrouble | None = None
    while True:
        try:
            if why := unreachable(address):
                raise Unavailable(f"the head of the cluster {address} does not answer: {why}", HEAD_HINT)
            return None if address.startswith(CLIENT) else _known_as(address)
        except Unavailable as error:
            trouble = ClusterTrouble(error.message, error.hint)
        if trouble != told:
            conn.send(trouble)
            told = trouble
        time.sleep(AGAIN_S)


def _known_as(address: str) -> str:
    """Return the address of the node that runs on this machine, as its head lists it.

    Raises:
        Unavailable: the head refuses the token, or knows no such node.
    """
    for node in look(address, os.environ).nodes:
        if is_here(node.ip):
            return node.ip
    raise Unavailable(
        f"this machine is not part of the cluster {address}",
        f"`transcribed engine join {address} --gpus 0 --cpus 0` makes it one that offers nothing",
    )
