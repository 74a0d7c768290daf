"""The start of the link to a cluster: what Ray reads from the environment is there before Ray is."""

import os
import secrets
import tempfile
from contextlib import redirect_stderr, redirect_stdout
from multiprocessing.connection import Connection
from pathlib import Path

from daemon.cluster.environment import environment
from daemon.config.engines import LOCAL
from daemon.processes.cluster_protocol import ClusterTrouble, JoinCluster


def main(conn: Connection) -> None:
    """Serve until the daemon closes the connection."""
    order: JoinCluster = conn.recv()
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
