"""A connection whose one end gives up when the other one stalls."""

import time

import pytest

from daemon.sockets import stalling_pair


def test_our_end_reads_and_writes_no_longer_than_it_may() -> None:
    ours, theirs = stalling_pair(1)
    with ours, theirs:
        theirs.sendall(b"a")
        assert ours.recv(1) == b"a"
        began = time.monotonic()
        with pytest.raises(BlockingIOError):
            ours.recv(1)
        with pytest.raises(BlockingIOError):
            ours.sendall(bytes(10_000_000))
        assert time.monotonic() - began >= 1.9
