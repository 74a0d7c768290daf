"""Whose processor time it is: the processes of a daemon and of a cluster by their command lines."""

import os
from collections import Counter

import pytest

from daemon.bench.cluster import tree
from daemon.bench.cluster.tree import (
    AGENTS,
    DAEMON,
    DECODERS,
    ENGINES,
    FAR_RAYLET,
    FAR_REST,
    HEAD,
    LINK,
    RAYLET,
    Look,
    Tree,
    kind_of,
    loopback_bytes,
)

BOOTSTRAP = ["python", "-P", "-m", "daemon.processes.bootstrap"]
NET = """\
Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
    lo: 1111 10 0 0 0 0 0 0 2222 20 0 0 0 0 0 0
  eth0: 3333 30 0 0 0 0 0 0 4444 40 0 0 0 0 0 0
"""


@pytest.mark.parametrize(
    ("command", "otherwise", "special", "kind"),
    [
        ([*BOOTSTRAP, "daemon.cluster.worker", "5"], DECODERS, LINK, LINK),
        ([*BOOTSTRAP, "daemon.bench.cluster.link", "5"], DECODERS, LINK, LINK),
        ([*BOOTSTRAP, "daemon.engine.worker", "5"], DECODERS, LINK, ENGINES),
        ([*BOOTSTRAP, "daemon.engine.whisper_worker", "4"], DECODERS, LINK, ENGINES),
        ([*BOOTSTRAP, "daemon.decode.worker", "5"], DECODERS, LINK, DECODERS),
        (["/x/ray/raylet/raylet", "--a"], HEAD, RAYLET, RAYLET),
        (["/x/gcs/gcs_server", "--a"], HEAD, RAYLET, HEAD),
        (["/x/ray/raylet/raylet"], FAR_REST, FAR_RAYLET, FAR_RAYLET),
        (["ray::StandIn.receive"], FAR_REST, FAR_RAYLET, AGENTS),
        (["ray::DashboardAgent"], FAR_REST, FAR_RAYLET, FAR_REST),
        ([*BOOTSTRAP, "daemon.engine.worker", "5"], FAR_REST, FAR_RAYLET, ENGINES),
        ([], FAR_REST, FAR_RAYLET, FAR_REST),
    ],
)
def test_a_command_line_tells_the_kind(command: list[str], otherwise: str, special: str, kind: str) -> None:
    assert kind_of(command, otherwise, special) == kind


def test_what_the_loopback_has_sent() -> None:
    assert loopback_bytes(NET) == 2222


def test_a_look_at_a_process_without_a_cluster() -> None:
    look = Tree(os.getpid()).look()
    assert look.cpu_s[DAEMON] > 0 and look.peak_mb[DAEMON] > 10 and look.loopback_bytes >= 0
    assert look.cpu_s.keys() <= {DAEMON, DECODERS, ENGINES, LINK}


def test_what_was_spent_since() -> None:
    def look(**spent: float) -> Look:
        return Look(0.0, Counter(spent), {}, 0)

    assert look(a=3.0, b=2.0).since(look(a=1.0)) == {"a": 2.0, "b": 2.0}
    assert tree.NODES == (FAR_RAYLET, AGENTS, FAR_REST, ENGINES)
