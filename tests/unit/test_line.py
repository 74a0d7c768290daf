"""Questions and replies over a socket pair, and ends that are gone or say nonsense."""

import socket
import threading
from collections.abc import Iterator

import pytest

from daemon.guests.line import Kind, Line, NoQuestion, Question, Reply, pair


@pytest.fixture
def ends() -> Iterator[tuple[Line, Line]]:
    ours, theirs = pair()
    page = Line(theirs)
    yield ours, page
    ours.close()
    page.close()


def test_questions_and_replies_come_through(ends: tuple[Line, Line]) -> None:
    daemon, page = ends
    large = Question(1 << 63, Kind.CHUNKS, "ada", bytes(9_000_000))
    sender = threading.Thread(target=page.ask, args=(large,))
    sender.start()
    assert daemon.asked() == large
    sender.join()
    for question in (Question(1, Kind.ABILITIES), Question(2, Kind.GONE)):
        page.ask(question)
        assert daemon.asked() == question
    reply = Reply(7, 429, b"too much waits", 2)
    daemon.reply(reply)
    assert page.replied() == reply


def test_an_end_that_is_gone_is_noticed(ends: tuple[Line, Line]) -> None:
    daemon, page = ends
    page.close()
    with pytest.raises(EOFError):
        daemon.asked()
    with pytest.raises(OSError, match="roken pipe"):
        daemon.reply(Reply(1, 200))
    ours, theirs = pair()
    ours.close()
    with pytest.raises(EOFError):
        Line(theirs).replied()


@pytest.mark.parametrize(
    "said", [b"\0\0\0\x03abc", b"\0\0\0\x0c" + bytes(12), b"\0\0\0\x0d" + bytes(9) + b"\1\0\1\xff"]
)
def test_nonsense_is_no_question(said: bytes) -> None:
    ours, theirs = pair()
    with theirs:
        theirs.sendall(said)
        with pytest.raises(NoQuestion):
            ours.asked()
    ours.close()


def test_too_much_is_not_read() -> None:
    ours, theirs = pair()
    with theirs:
        theirs.sendall(b"\x7f\xff\xff\xff")
        with pytest.raises(OSError, match="bad message length"):
            ours.asked()
    ours.close()


def test_one_that_stops_in_the_middle_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("daemon.guests.line.STALL_S", 1)
    ours, theirs = pair()
    with theirs:
        theirs.sendall(b"\0\0\0\x10half")
        with pytest.raises(OSError, match="temporarily unavailable"):
            ours.asked()
        theirs.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        with pytest.raises(OSError, match="temporarily unavailable"):
            ours.reply(Reply(1, 200, bytes(9_000_000)))
    ours.close()
