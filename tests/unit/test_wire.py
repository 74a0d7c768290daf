"""Messages between processes, and the audio beside them, over a real socket pair."""

import pickle
import threading
from collections.abc import Iterator
from socket import socketpair

import pytest

from daemon.chunk import Chunk
from daemon.processes.protocol import Close, RunBatch
from daemon.processes.safe_pickle import Unreadable, message
from daemon.processes.wire import BESIDE_BYTES, HEAD, LENGTH, PARTS_MAX, Wire, packed

MANY = bytes(range(256)) * 8000
"""Two megabytes: more than a socket holds."""


@pytest.fixture
def ends() -> Iterator[tuple[Wire, Wire]]:
    ours, theirs = (Wire(end.detach()) for end in socketpair())
    yield ours, theirs
    for end in (ours, theirs):
        if not end.closed:
            end.close()


def batch(*sizes: int) -> RunBatch:
    return RunBatch(7, tuple(Chunk(1, idx, ((0.0, 1.0),), MANY[:size]) for idx, size in enumerate(sizes)))


def raw(end: Wire, head: bytes) -> None:
    with end._socket() as socket:
        socket.sendall(head)


@pytest.mark.parametrize("sizes", [(), (0,), (10,), (BESIDE_BYTES - 1, BESIDE_BYTES), (len(MANY), 1, len(MANY))])
def test_messages_come_through_with_their_audio(ends: tuple[Wire, Wire], sizes: tuple[int, ...]) -> None:
    said = batch(*sizes)

    def send() -> None:
        ends[0].send(said)
        ends[0].send(Close(1))

    sender = threading.Thread(target=send)
    sender.start()
    heard = ends[1].receive(message)
    assert heard == said and all(type(chunk.audio) is bytes for chunk in heard.chunks)
    assert ends[1].recv() == Close(1), "what follows begins where it should"
    sender.join()


def test_audio_is_not_copied_into_the_pickle_and_the_same_is_sent_as_often_as_it_is_there() -> None:
    said = batch(len(MANY), len(MANY))
    pickled, beside = packed(said)
    assert len(pickled) < 1000 and [len(each) for each in beside] == [len(MANY)] * 2
    assert all(each is chunk.audio for each, chunk in zip(beside, said.chunks, strict=True))


def test_the_end_of_the_other_side(ends: tuple[Wire, Wire]) -> None:
    raw(ends[0], HEAD.pack(100, 0) + b"the beginning")
    ends[0].close()
    with pytest.raises(EOFError):
        ends[1].recv()
    with pytest.raises(OSError, match="Broken pipe"):
        for _ in range(2):
            ends[1].send(batch(len(MANY)))


@pytest.mark.parametrize(
    ("head", "said"),
    [
        (HEAD.pack(1001, 0), "1001 bytes"),
        (HEAD.pack(1, 1) + LENGTH.pack(1000), "1001 bytes"),
        (HEAD.pack(1 << 60, 0), "bytes"),
        (HEAD.pack(1, PARTS_MAX + 1), "parts"),
    ],
)
def test_what_is_too_large_is_refused_before_there_is_memory_for_it(
    ends: tuple[Wire, Wire], head: bytes, said: str
) -> None:
    raw(ends[0], head)
    with pytest.raises(OSError, match=said):
        ends[1].receive(message, 1000)


@pytest.mark.parametrize("number", [b"I1\n", b"I-2\n", b"Vname\n"])
def test_a_number_without_anything_beside_is_no_message(number: bytes) -> None:
    with pytest.raises(Unreadable):
        message(b"(" + number + b"Q.", [b"audio"])
    assert message(b"I0\nQ.", [b"audio"]) == b"audio"


def test_a_pickle_may_still_name_nothing_else() -> None:
    with pytest.raises(Unreadable, match="it names"):
        message(pickle.dumps(print), [])
