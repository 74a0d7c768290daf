"""Whether the head of a cluster answers."""

import socket

import pytest

from daemon.cluster import reach
from daemon.cluster.reach import unreachable


def test_one_that_listens_is_reached_by_both_kinds_of_address() -> None:
    with socket.create_server(("127.0.0.1", 0)) as head:
        port = head.getsockname()[1]
        assert unreachable(f"127.0.0.1:{port}") == unreachable(f"ray://127.0.0.1:{port}") == ""
    assert unreachable(f"127.0.0.1:{port}") == "Connection refused"


def test_a_name_that_nobody_has_and_a_head_that_is_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    assert unreachable("no-such-host.invalid:6379")
    monkeypatch.setattr(reach, "CONNECT_S", 0.1)
    with socket.socket() as full:
        # Nobody takes the connections of a queue that is full.
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        port = full.getsockname()[1]
        waiting = [socket.create_connection(("127.0.0.1", port), 1) for _ in range(1)]
        for _ in range(3):
            last = unreachable(f"127.0.0.1:{port}")
        for each in waiting:
            each.close()
    assert last == "no answer within 0.1 s"
