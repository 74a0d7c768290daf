"""The decoder pool with real children that cannot load, and with real ones that can."""

import os
import time
from collections.abc import Iterator
from multiprocessing.connection import wait
from pathlib import Path

import pytest

from daemon.chunk import Options
from daemon.errors import Unavailable
from daemon.processes import decoder_pool
from daemon.processes.decoder_pool import DecoderEvent, DecoderPool, LostRecordings
from daemon.processes.protocol import Open, Opened
from tests.support import write_wav

WORKER = decoder_pool.MODULE
NONE_SUCH = "daemon.nowhere"


@pytest.fixture
def pool() -> Iterator[DecoderPool]:
    made = DecoderPool(1)
    yield made
    made.close()


@pytest.fixture
def recording(tmp_path: Path) -> Iterator[int]:
    fd = os.open(write_wav(tmp_path / "a.wav"), os.O_RDONLY)
    yield fd
    os.close(fd)


def order(job_id: int, fd: int) -> Open:
    return Open(job_id, 1, Options(), os.fstat(fd).st_size, "en")


def event(pool: DecoderPool) -> DecoderEvent | None:
    (child,) = pool.children
    assert wait([child.fileno()], 60)
    return pool.receive(child)


def test_a_decoder_that_dies_while_loading_charges_no_recording(
    pool: DecoderPool, recording: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decoder_pool, "MODULE", NONE_SUCH)
    monkeypatch.setattr(decoder_pool, "RESTART_S", 0.0)
    pool.open(order(1, recording), recording)
    assert event(pool) == LostRecordings(None, (1,), "exit 1")
    assert event(pool) == LostRecordings(None, (), "exit 1"), "it is started anew, though nothing waits"
    with pytest.raises(Unavailable, match="died 3 times while loading"):
        event(pool)


def test_a_decoder_that_is_ready_pays_for_what_ends_it(pool: DecoderPool, recording: int) -> None:
    pool.warm_up()
    assert event(pool) is None
    pool.open(order(1, recording), recording)
    os.kill(pool.children[0].pid, 9)
    assert event(pool) == LostRecordings(1, (), "signal 9")


def test_after_one_that_worked_a_failed_start_is_waited_out(
    pool: DecoderPool, recording: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decoder_pool, "RESTART_S", 0.5)
    pool.warm_up()
    assert event(pool) is None
    monkeypatch.setattr(decoder_pool, "MODULE", NONE_SUCH)
    os.kill(pool.children[0].pid, 9)
    assert event(pool) == LostRecordings(None, (), "signal 9")
    for _ in range(4):
        pool.open(order(1, recording), recording)
        while not pool.children:
            time.sleep(0.05)
            pool.hand_out()
        assert event(pool) == LostRecordings(None, (1,), "exit 1")
    monkeypatch.setattr(decoder_pool, "MODULE", WORKER)
    pool.open(order(1, recording), recording)
    assert pool.children == [], "it waits before the next start"
    while not pool.children:
        time.sleep(0.05)
        pool.hand_out()
    assert event(pool) is None
    assert isinstance(event(pool), Opened)
