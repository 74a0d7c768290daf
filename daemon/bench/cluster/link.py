"""The link to a cluster for `bench cluster`: it has agents started whose engines are threads (runs in a child)."""

from multiprocessing.connection import Connection

from daemon.bench.cluster.agent import StandIn
from daemon.cluster import agent, worker


def main(conn: Connection) -> None:
    """Serve until the daemon closes the connection."""
    agent.AGENT = StandIn
    worker.main(conn)
