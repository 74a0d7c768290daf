"""What the doctor says of a cluster."""

import pytest

from daemon.config.cluster import Cluster
from daemon.config.settings import Settings
from daemon.doctor import cluster
from daemon.doctor.case import Case
from daemon.doctor.findings import FAILED, OK, WARNING
from daemon.processes.asking import NoAnswer
from daemon.processes.cluster_protocol import ClusterJoined, ClusterTrouble, JoinCluster


@pytest.mark.parametrize(
    ("answer", "level", "text"),
    [
        (ClusterJoined(3, 4, 4), OK, "nas:6379: 3 machines with 4 GPUs, 4 places for engines"),
        (ClusterJoined(1, 0, 0), WARNING, "no place that cluster.engines asks for"),
        (ClusterTrouble("cannot join", "start it"), FAILED, "cannot join"),
        (NoAnswer("no answer within 60 s", hangs=True), FAILED, "nas:6379 cannot be joined: no answer within 60 s"),
    ],
)
def test_the_cluster_is_joined_as_the_daemon_does(
    answer: object, level: str, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def ask(module: str, order: object, _limit_s: float) -> object:
        asked.append((module, order))
        return answer

    monkeypatch.setattr(cluster, "ask", ask)
    settings = Settings(cluster=Cluster(address="nas:6379"))
    (found,) = cluster.examine(Case(None, settings, "", "pat", None))
    assert found.level == level and text in found.text
    assert asked == [("daemon.cluster.worker", JoinCluster("nas:6379", "", None, None, 60.0, 10.0))]
    assert bool(found.cure) == (level != OK)


def test_without_one_nothing_is_tried() -> None:
    assert not list(cluster.examine(Case(None, Settings(), "", "pat", None)))
