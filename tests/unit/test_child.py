"""A child process and our end of the connection, with small programs in place of decoders and engines."""

import os
import time
from collections.abc import Callable, Iterator
from multiprocessing.connection import wait
from pathlib import Path

import pytest

from daemon.processes.child import Child, ChildDied
from daemon.processes.protocol import Close, Next, Opened
from tests.support import alive, wait_until

ECHO = "def main(conn):\n    while True:\n        conn.send(conn.recv())\n"
STUBBORN = "import signal, time\ndef main(conn):\n    signal.signal(signal.SIGTERM, signal.SIG_IGN)\n    conn.send(1)\n    time.sleep(60)\n"
EVIL = "def main(conn):\n    conn.send(print)\n    conn.recv()\n"
READER = (
    "import os\nfrom multiprocessing.reduction import recv_handle\nfrom daemon.processes.protocol import Opened\n"
    "def main(conn):\n    conn.recv()\n    fd = recv_handle(conn)\n"
    "    conn.send(Opened(1, 1, os.read(fd, 100).decode(), None))\n    conn.recv()\n"
)
LEAVES = (
    "import os, socket, time\ndef main(conn):\n    socket.socket(fileno=os.dup(conn.fileno())).shutdown(socket.SHUT_WR)\n"
    "    time.sleep(0.2)\n    os._exit(3)\n"
)
QUITS = "import os\ndef main(conn):\n    os._exit(3)\n"


@pytest.fixture
def start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], Child]]:
    """Children that run a program of ours."""
    made: list[Child] = []
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}{os.pathsep}{os.environ['PYTHONPATH']}")

    def begin(program: str) -> Child:
        name = f"program_{len(made)}"
        (tmp_path / f"{name}.py").write_text(program)
        made.append(Child(name))
        return made[-1]

    yield begin
    for child in made:
        child.end()


def test_messages_there_and_back_and_its_end(start: Callable[[str], Child]) -> None:
    child = start(ECHO)
    for number in range(3):
        child.send(Next(number))
        assert child.receive() == Next(number)
    assert child.rss_bytes > 1 << 20
    assert child.end() == "signal 9" and not alive(child.pid)
    assert child.rss_bytes == 0


def test_a_descriptor_follows_its_message(start: Callable[[str], Child], tmp_path: Path) -> None:
    (tmp_path / "file").write_text("content")
    fd = os.open(tmp_path / "file", os.O_RDONLY)
    child = start(READER)
    child.send(Close(1), fd)
    os.close(fd)
    assert child.receive() == Opened(1, 1, "content", None)


def test_one_that_says_what_is_no_message_is_dead_to_us(start: Callable[[str], Child]) -> None:
    with pytest.raises(ChildDied, match="names builtins"):
        start(EVIL).receive()


def test_one_that_has_ended_says_how_and_cannot_be_told_anything(start: Callable[[str], Child]) -> None:
    child = start(QUITS)
    assert wait([child.fileno()], 60)
    with pytest.raises(ChildDied):
        child.receive()
    with pytest.raises(ChildDied):
        for _ in range(2):
            child.send(Next(1))
    assert child.unheard
    assert child.end() == "exit 3" == child.end(), "ending twice does no harm"


def test_one_that_hangs_up_may_end_by_itself_so_that_its_reason_is_known(start: Callable[[str], Child]) -> None:
    child = start(LEAVES)
    assert wait([child.fileno()], 60)
    with pytest.raises(ChildDied):
        child.receive()
    assert child.end() == "exit 3"


@pytest.mark.parametrize("program", [ECHO, STUBBORN], ids=["healthy", "deaf to SIGTERM"])
def test_one_that_is_ended_in_order_ends_with_the_connection(
    start: Callable[[str], Child], program: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("daemon.processes.child.GRACE_S", 30.0)
    child = start(program)
    child.send(Next(1))
    assert wait([child.fileno()], 60)
    assert child.end(gently=True) != "signal 9" and not alive(child.pid)


def test_an_answer_that_waits_is_in_time_and_none_is_overdue(start: Callable[[str], Child]) -> None:
    child = start(ECHO)
    child.send(Next(1))
    assert wait([child.fileno()], 60)
    child.deadline = time.monotonic() - 1
    assert not child.overdue and child.receive() == Next(1)
    assert child.overdue
    with pytest.raises(ChildDied, match="no answer within its time"):
        child.receive()
    child.deadline = time.monotonic() + 60
    assert not child.overdue


def test_it_ends_with_our_end_of_the_connection(start: Callable[[str], Child]) -> None:
    child = start(STUBBORN)
    assert wait([child.fileno()], 60)
    child._conn.close()
    wait_until(lambda: not alive(child.pid), 10, "the end of the child")
