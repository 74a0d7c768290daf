"""Whether the cluster can be joined, and has room for an engine."""

from collections.abc import Iterator

from daemon.doctor.case import Case
from daemon.doctor.findings import Finding, failed, ok, warning
from daemon.processes.asking import NoAnswer, ask
from daemon.processes.cluster import MODULE
from daemon.processes.cluster_protocol import ClusterJoined, ClusterTrouble
from daemon.processes.load_order import join_order

SUBJECT = "cluster"
JOIN_S = 60.0
"""Ray looks for a head for half a minute."""
PAGE = "docs/cluster.md says how a machine joins it"


def examine(case: Case) -> Iterator[Finding]:
    """Join the cluster that is configured, as the daemon does."""
    address = case.settings.cluster.address
    if not address:
        return
    match ask(MODULE, join_order(case.settings), JOIN_S):
        case ClusterJoined(machines=machines, gpus=gpus, engines=0):
            found = f"{address}: {machines} machines with {gpus} GPUs, and no place that cluster.engines asks for"
            yield warning(SUBJECT, found, PAGE)
        case ClusterJoined(machines=machines, gpus=gpus, engines=engines):
            yield ok(SUBJECT, f"{address}: {machines} machines with {gpus} GPUs, {engines} places for engines")
        case ClusterTrouble(message=message, hint=hint):
            yield failed(SUBJECT, message, hint)
        case NoAnswer(why=why):
            yield failed(SUBJECT, f"{address} cannot be joined: {why}", PAGE)
