"""The start of the link to a cluster: Ray is loaded once a head answers, with the environment that it is to have."""

import os
import secrets
import tempfile
import time
from contextlib import redirect_stderr, redirect_stdout
from multiprocessing.connection import Connection
from pathlib import Path

from daemon.cluster.environment import environment
from daemon.cluster.reach import HEAD_HINT, unreachable
from daemon.config.engines import AUTO, LOCAL
from daemon.processes.cluster_protocol import ClusterTrouble, JoinCluster

AGAIN_S = 2.0
"""Between two looks for a head that does not answer."""


def main(conn: Connection) -> None:
    """Serve until the daemon closes the connection."""
    order: JoinCluster = conn.recv()
    if order.address not in (AUTO, LOCAL):
        _wait_for_the_head(conn, order.address)
    with tempfile.NamedTemporaryFile("w", prefix="transcribed-cluster-") as own:
        if order.address == LOCAL:
            # Other users of this machine are not to run code as the daemon's.
            own.write(secrets.token_hex(32))
            own.flush()
        token_file = own.name if order.address == LOCAL else order.token_file
        os.environ.update(environment(Path(token_file) if token_file else None))
        try:
            # Not at the top: Ray is set up while it is imported.
            from daemon.cluster import link
        except ImportError as error:
            conn.send(ClusterTrouble(f"Ray cannot be imported: {error}", "pip install 'transcribed[cluster]'"))
            return
        # What Ray prints there about every worker that ends would stand between the lines of the daemon's log.
        with open(os.devnull, "w") as nowhere, redirect_stdout(nowhere), redirect_stderr(nowhere):
            link.serve(conn, order)


def _wait_for_the_head(conn: Connection, address: str) -> None:
    """Return once something answers; say once that nothing does. The daemon's end ends this process meanwhile."""
    told = False
    while why := unreachable(address):
        if not told:
            told = True
            conn.send(ClusterTrouble(f"the head of the cluster {address} does not answer: {why}", HEAD_HINT))
        time.sleep(AGAIN_S)
