"""The program that asks a head: what it makes of answers, and of what is no head. A real one: test_cluster_nodes.py."""

import os
import socket
from collections.abc import Iterator
from importlib import metadata
from threading import Thread

import pytest

from daemon.cluster import look as module
from daemon.cluster.look import Head, Node, look
from daemon.errors import Unavailable


@pytest.fixture
def redis() -> Iterator[str]:
    """The address of something that listens and does not speak as Ray does."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        Thread(target=_answers, args=(server,), daemon=True).start()
        yield f"127.0.0.1:{server.getsockname()[1]}"
        server.shutdown(socket.SHUT_RDWR)


def _answers(server: socket.socket) -> None:
    try:
        while True:
            client, _ = server.accept()
            client.sendall(b"-ERR unknown command\r\n")
            client.close()
    except OSError:
        return


def test_what_is_no_head_is_told_within_its_time(redis: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LIMIT_S", 2.0)
    with pytest.raises(Unavailable, match="has not answered as a head does within 2 s") as told:
        look(redis, dict(os.environ))
    assert redis in told.value.message


def an_answer(monkeypatch: pytest.MonkeyPatch, text: str) -> Head:
    """What is made of a line that the program prints."""
    monkeypatch.setattr(module, "PROGRAM", ("-c", f"print({text!r})"))
    return look("nas:6379", dict(os.environ))


def test_a_head_and_its_nodes_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    node = '{"ip": "10.0.0.1", "is_head": %s, "node_manager": 1, "object_manager": 2, "labels": {"a": "b"}}'
    nodes = f"[{node % 'false'}, {node % 'true'}]"
    head = an_answer(monkeypatch, f'{{"ray": "2.60.0", "python": "3.12.4", "nodes": {nodes}}}')
    assert (head.ray, head.python, len(head.nodes)) == ("2.60.0", "3.12.4", 2)
    assert head.node == Node("10.0.0.1", True, 1, 2, {"a": "b"})


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"error": "...", "refused": true}', "refuses the token of this machine"),
        ('{"error": "RpcError: busy"}', "does not say who it is: RpcError: busy"),
        ("Segmentation fault", "is no head of a cluster"),
        ("", "is no head of a cluster"),
    ],
)
def test_other_answers_are_errors(text: str, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(Unavailable, match=said):
        an_answer(monkeypatch, text)


def test_without_ray_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> str:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "version", missing)
    with pytest.raises(Unavailable) as told:
        module.ray_version()
    assert told.value.hint == "pip install 'transcribed[cluster]'"
