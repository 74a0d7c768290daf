"""Messages between the daemon and its link: each is frozen, and comes through the pickle that is read with care."""

import pickle
from dataclasses import FrozenInstanceError, fields, is_dataclass
from typing import Any

import pytest

from daemon.processes import cluster_protocol as protocol
from daemon.processes.safe_pickle import message

MESSAGES: list[Any] = [
    protocol.JoinCluster("nas:6379", "/etc/token", 4, None, 60.0, 10.0),
    protocol.ClusterJoined(3, 4, 4),
    protocol.Place(3, "gpubox", "cuda", "gpubox/cuda:1"),
    protocol.PlaceGone(3, "no answer"),
    protocol.Attach(3),
    protocol.EngineEnded("signal 9", by_itself=True),
    protocol.NodeGpus("gpubox", "{}"),
    protocol.NodeLeft("gpubox"),
    protocol.ClusterTrouble("the head is gone", "start it"),
]


def test_every_message_is_among_these() -> None:
    declared = {kind for kind in vars(protocol).values() if isinstance(kind, type) and is_dataclass(kind)}
    assert {type(each) for each in MESSAGES} == declared


@pytest.mark.parametrize("sent", MESSAGES, ids=lambda each: type(each).__name__)
def test_a_message_arrives_as_it_was_sent_and_cannot_be_changed(sent: Any) -> None:
    assert message(pickle.dumps(sent)) == sent
    with pytest.raises(FrozenInstanceError):
        setattr(sent, fields(sent)[0].name, None)
