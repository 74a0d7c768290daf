"""Whether the head reaches a node: what is made of the answer. With a real head: tests/integration/test_cluster_nodes.py."""

import os

import pytest

from daemon.cluster import roundtrip
from daemon.cluster.look import Head, Node
from daemon.cluster.ports import Ports
from daemon.cluster.roundtrip import try_back
from daemon.errors import Unavailable

HERE = Node("127.0.0.1", False, 20_700, 20_701, {})
ELSEWHERE = Node("192.0.2.77", False, 20_700, 20_701, {})
ITSELF = Node("127.0.0.1", True, 20_700, 20_701, {})


def tried(monkeypatch: pytest.MonkeyPatch, program: str, *nodes: Node) -> str:
    """What cannot be found out with a program in place of the real one."""
    monkeypatch.setattr(roundtrip, "PROGRAM", ("-c", program))
    head = Head("", "", nodes)
    return try_back("nas:6379", head, Ports(20_700), dict(os.environ))


def test_open_ports_are_no_news(monkeypatch: pytest.MonkeyPatch) -> None:
    assert tried(monkeypatch, "print('{}')", ITSELF, ELSEWHERE, HERE) == ""


def test_it_asks_about_this_machine_and_no_other_with_the_same_ports(monkeypatch: pytest.MonkeyPatch) -> None:
    program = "import json, sys; print(json.dumps({' '.join(sys.argv[1:]): 'shut'}))"
    with pytest.raises(Unavailable, match=r"at port nas:6379 127\.0\.0\.1 20700: shut"):
        tried(monkeypatch, program, ITSELF, ELSEWHERE, HERE)
    assert "not in the head's list" in tried(monkeypatch, program, ITSELF, ELSEWHERE)


def test_a_shut_port_is_named_with_the_firewall(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(Unavailable) as shut:
        tried(monkeypatch, """print('{"20701": "no answer within 3 s"}')""", HERE)
    assert shut.value.message == "the head cannot reach this machine (127.0.0.1) at port 20701: no answer within 3 s"
    assert "open 20700 to 20763 in the firewall here" in shut.value.hint


@pytest.mark.parametrize("program", ["import time; time.sleep(60)", "import sys; sys.exit('RuntimeError: no room')"])
def test_what_does_not_come_back_is_told_and_no_error_while_the_head_has_this_machine(
    program: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(roundtrip, "LIMIT_S", 0.3)
    monkeypatch.setattr(roundtrip, "look", lambda _address, _environment: Head("", "", (HERE,)))
    assert "no task comes back from the head" in tried(monkeypatch, program, HERE)
    monkeypatch.setattr(roundtrip, "look", lambda _address, _environment: Head("", "", (ELSEWHERE,)))
    with pytest.raises(Unavailable, match=r"has given up this machine \(127\.0\.0\.1\), as if its port 20700"):
        tried(monkeypatch, program, HERE)
