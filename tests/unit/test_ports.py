"""The block of ports of a machine, what is taken here, and what is shut on the way."""

import socket
from collections.abc import Iterator

import pytest

from daemon.cluster.ports import COUNT, Ports, is_here, shut, taken


@pytest.fixture
def listening() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@pytest.fixture
def free() -> int:
    """A port at which nothing listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


@pytest.fixture
def silent() -> Iterator[int]:
    """A port that does not answer, as behind a firewall that drops packets: its queue is full."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen(0)
        held = [socket.socket() for _ in range(4)]
        for each in held:
            each.setblocking(False)
            each.connect_ex(server.getsockname())
        yield server.getsockname()[1]
        for each in held:
            each.close()


def test_every_port_is_in_the_block() -> None:
    ports = Ports(30_000)
    numbers = [int(number) for option in ports.options() for number in [option.partition("=")[2]]]
    assert len(numbers) == len(set(numbers)) == 8
    assert {30_000 <= number < 30_000 + COUNT for number in numbers} == {True}
    assert (ports.workers[0], ports.last) == (30_010, 30_063)
    assert set(numbers) <= set(ports.needed())


def test_what_listens_here_has_taken_its_port(listening: int, free: int) -> None:
    assert taken([listening, free]) == [listening]


def test_what_listens_there_can_be_reached(listening: int) -> None:
    assert shut("127.0.0.1", [listening]) == {}


def test_a_port_where_something_should_listen_is_shut_if_it_refuses(free: int) -> None:
    assert shut("127.0.0.1", [free]) == {free: "Connection refused"}


def test_a_port_where_nothing_listens_yet_is_open_if_it_refuses(free: int) -> None:
    assert shut("127.0.0.1", [], [free]) == {}


def test_a_port_that_does_not_answer_is_shut_either_way(silent: int) -> None:
    for listening, quiet in (([silent], []), ([], [silent])):
        assert shut("127.0.0.1", listening, quiet, limit_s=0.3) == {silent: "no answer within 0.3 s"}


def test_addresses_of_this_machine_are_known() -> None:
    assert is_here("127.0.0.1")
    assert not is_here("192.0.2.77") and not is_here("2001:db8::77") and not is_here("no address")
