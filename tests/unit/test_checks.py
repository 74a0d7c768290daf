"""What must be right before a machine joins, and that what is wrong is named with the way out."""

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from daemon.cluster.checks import (
    SOCKET,
    SOCKET_MAX_BYTES,
    Versions,
    address_of,
    check_folder,
    check_head_is_there,
    check_ports_here,
    check_ports_there,
    check_versions,
    label,
    labels,
    resolved,
)
from daemon.cluster.look import Head, Node
from daemon.cluster.ports import Ports
from daemon.errors import BadConfig, TranscribedError, Unavailable

MINE = Versions(ray="2.60.0", python="3.12.4", transcribed="0.3.0")


def a_head(ray: str = "2.60.0", python: str = "3.12.7", **said: str) -> Head:
    """A head of these versions; `said` are its labels."""
    return Head(ray, python, (Node("10.0.0.1", True, 1, 2, said),))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("nas", ("nas", 6379)),
        ("nas.lan:7000", ("nas.lan", 7000)),
        ("10.0.0.1:6379", ("10.0.0.1", 6379)),
        ("[fd00::1]:7000", ("fd00::1", 7000)),
        ("[fd00::1]", ("fd00::1", 6379)),
    ],
)
def test_an_address_has_a_host_and_a_port(text: str, expected: tuple[str, int]) -> None:
    assert address_of(text) == expected


@pytest.mark.parametrize("text", ["", "nas:", "nas:0", "nas:70000", "ray://nas", "a b", "fd00::1", "nas/x", ":6379"])
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(BadConfig, match="is no address of a head"):
        address_of(text)


def test_a_host_that_does_not_exist_is_named() -> None:
    assert resolved("127.0.0.1") == "127.0.0.1"
    with pytest.raises(Unavailable, match=r"no host 'no\.such\.host\.invalid'"):
        resolved("no.such.host.invalid")


def test_equal_versions_are_taken_and_so_are_those_that_nobody_tells() -> None:
    check_versions(a_head(transcribed="0.3.0"), MINE)
    check_versions(a_head(), MINE)
    check_versions(Head("", "", ()), MINE)


@pytest.mark.parametrize(
    ("head", "said", "way_out"),
    [
        (a_head(ray="2.61.0"), "the head has Ray 2.61.0, and this machine 2.60.0", "ray==2.61.0"),
        (a_head(python="3.11.7"), "the head has Python 3.11, and this machine 3.12", "python3.11"),
        (a_head(transcribed="0.2.0"), "the head has transcribed 0.2.0, and this machine 0.3.0", "update the older one"),
    ],
)
def test_other_versions_are_refused(head: Head, said: str, way_out: str) -> None:
    with pytest.raises(Unavailable) as refused:
        check_versions(head, MINE)
    assert said in refused.value.message and way_out in refused.value.hint


def test_a_version_of_a_working_copy_is_a_label_that_compares() -> None:
    assert label("0.3.0+dirty") == "0.3.0-dirty"
    there = a_head(**labels("0.3.0+dirty", Ports(20_700)))
    check_versions(there, Versions("2.60.0", "3.12.4", "0.3.0+dirty"))


@pytest.fixture
def listening() -> Iterator[socket.socket]:
    with socket.create_server(("0.0.0.0", 0)) as server:
        yield server


def port_of(server: socket.socket) -> int:
    return int(server.getsockname()[1])


def said_of(error: pytest.ExceptionInfo[TranscribedError]) -> str:
    return f"{error.value.message} / {error.value.hint}"


def test_a_port_that_is_taken_here_is_named(listening: socket.socket) -> None:
    port = port_of(listening)
    with pytest.raises(Unavailable) as taken:
        check_ports_here(Ports(port), None)
    assert f"port {port} is taken" in said_of(taken) and f"sport = :{port}" in said_of(taken)
    with pytest.raises(Unavailable) as taken:
        check_ports_here(Ports(1), port)
    assert f"port {port} is taken" in said_of(taken) and "--port chooses" in said_of(taken)


def test_a_head_that_is_not_there_is_told_by_its_port(listening: socket.socket) -> None:
    port = port_of(listening)
    check_head_is_there("127.0.0.1", port)
    listening.close()
    with pytest.raises(Unavailable, match=f"no head can be reached at 127.0.0.1 port {port}: Connection refused"):
        check_head_is_there("127.0.0.1", port)


def test_a_port_of_the_head_that_is_shut_is_named(listening: socket.socket) -> None:
    port = port_of(listening)
    with socket.create_server(("127.0.0.1", 0)) as other:
        shut = port_of(other)
    node = Node("127.0.0.1", True, port, shut, {"transcribed.ports": "20700"})
    with pytest.raises(Unavailable) as found:
        check_ports_there(Head("", "", (node,)))
    assert f"port {shut} is shut on the way from here to the head, which calls itself 127.0.0.1" in said_of(found)
    assert "open 20700 to 20763" in said_of(found)


def test_a_head_that_is_open_or_says_nothing_is_taken(listening: socket.socket) -> None:
    port = port_of(listening)
    # Nothing listens where its workers would be, and nothing is in between.
    check_ports_there(Head("", "", (Node("127.0.0.1", True, port, port, {"transcribed.ports": "20700"}),)))
    check_ports_there(Head("", "", (Node("127.0.0.1", True, port, port, {"transcribed.ports": "?"}),)))
    check_ports_there(Head("", "", ()))


def test_a_folder_whose_path_is_too_long_is_refused() -> None:
    longest = Path("/" + "x" * (SOCKET_MAX_BYTES - len(SOCKET) - 1))
    check_folder(longest)
    with pytest.raises(BadConfig, match="too long by 1 bytes"):
        check_folder(Path(f"{longest}x"))


def test_a_folder_that_others_may_enter_is_refused() -> None:
    with pytest.raises(BadConfig, match="open to others"):
        check_folder(Path("/tmp"))


def test_a_folder_of_ones_own_is_taken(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    Path("mine").mkdir(mode=0o700)
    monkeypatch.setattr(Path, "absolute", lambda path: path)  # that of the test is too long for sockets
    check_folder(Path("mine"))
    os.chmod("mine", 0o750)
    with pytest.raises(BadConfig, match="open to others"):
        check_folder(Path("mine"))
