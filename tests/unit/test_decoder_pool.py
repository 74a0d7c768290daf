"""The decoder pool: with fake children the turns that their lives can take, with real ones those that cannot load."""

import os
import signal
import time
from collections.abc import Iterator
from dataclasses import replace
from multiprocessing.connection import wait
from pathlib import Path

import pytest

from daemon.chunk import Options
from daemon.errors import Unavailable
from daemon.processes import decoder_pool
from daemon.processes.child import ChildDied
from daemon.processes.decoder_pool import (
    HASH_BYTES_PER_S,
    PATIENCE_S,
    RECYCLE_BYTES,
    RESTART_S,
    SPARES,
    WINDOW_DEADLINE_S,
    DecoderEvent,
    DecoderPool,
    LostRecordings,
)
from daemon.processes.protocol import (
    BatchDone,
    DecoderReady,
    Heard,
    Next,
    Open,
    Opened,
    StillGrowing,
    TellApart,
    ToldApart,
    Window,
)
from tests.fakes import FakeClock, Nursery
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


class House:
    """A pool of fake decoders, and its clock."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, usual: int, fd: int) -> None:
        self.children, self.clock = Nursery(), FakeClock()
        monkeypatch.setattr(decoder_pool, "Child", self.children)
        monkeypatch.setattr(decoder_pool, "time", self.clock)
        self.pool = DecoderPool(usual)
        self._fd = fd

    def open(self, *job_ids: int) -> None:
        for job_id in job_ids:
            self.pool.open(order(job_id, self._fd), self._fd)

    def hear(self, at: int, *answers: object) -> DecoderEvent | None:
        """Have a decoder say something, and the pool take it."""
        event = None
        for answer in answers:
            event = self.pool.receive(self.children.born[at].says(answer))  # type: ignore[arg-type]
        return event

    def orders(self, at: int) -> list[tuple[str, int]]:
        """What a decoder was told: (kind, job)."""
        return [(type(each).__name__, each.job_id) for each in self.children.born[at].sent]  # type: ignore[attr-defined]


@pytest.fixture
def house(monkeypatch: pytest.MonkeyPatch, recording: int) -> Iterator[House]:
    made = House(monkeypatch, 1, recording)
    yield made
    made.pool.close()


READY = DecoderReady(())


def opened(job_id: int) -> Opened:
    return Opened(job_id, 1, "hash", 60.0)


def window(job_id: int, *, last: bool = False) -> Window:
    return Window(job_id, 1, (), last, 60.0, 0.0, 0)


def test_a_decoder_works_on_one_order_at_a_time_and_opens_before_it_goes_on(house: House) -> None:
    house.open(1, 2)
    assert house.orders(0) == [("Open", 1)]
    assert house.hear(0, READY, opened(1)) == opened(1)
    house.pool.ask(Next(1))
    assert house.orders(0) == [("Open", 1), ("Open", 2)]
    house.hear(0, opened(2))
    assert house.orders(0)[-1] == ("Next", 1)
    house.pool.ask(Next(2))
    assert house.orders(0)[-1] == ("Next", 1)
    assert house.hear(0, window(1)) == window(1)
    assert house.orders(0)[-1] == ("Next", 2)


def test_orders_have_deadlines_that_go_by_the_size_of_the_file(house: House, recording: int) -> None:
    house.open(1)
    hash_s = os.fstat(recording).st_size / HASH_BYTES_PER_S
    assert house.children.last.deadline == pytest.approx(house.clock.now + WINDOW_DEADLINE_S + hash_s)
    house.hear(0, READY, opened(1))
    assert house.children.last.deadline is None
    house.pool.ask(Next(1))
    assert house.children.last.deadline == house.clock.now + WINDOW_DEADLINE_S


def test_a_spare_decoder_takes_over_what_waits_behind_a_stuck_one(house: House) -> None:
    house.open(1)
    house.hear(0, READY)
    house.open(2)
    assert len(house.children.born) == 1, "the first one has hardly begun"
    house.clock.now += PATIENCE_S + 0.1
    house.pool.hand_out()
    assert house.orders(1) == [("Open", 2)]
    for job_id in range(3, 10):
        house.clock.now += PATIENCE_S + 0.1
        house.open(job_id)
    assert len(house.children.born) == 1 + SPARES


def test_a_recording_that_is_closed_is_asked_nothing_more(house: House) -> None:
    house.open(1, 2, 3)
    house.hear(0, READY, opened(1), opened(2), opened(3))
    for job_id in (1, 2, 3):
        house.pool.ask(Next(job_id))
    house.pool.forget(2)
    assert house.orders(0)[-1] == ("Next", 1), "it may be sending, and not listen"
    house.hear(0, window(1))
    assert house.orders(0)[-2:] == [("Close", 2), ("Next", 3)]
    house.hear(0, window(3))
    house.pool.forget(1)
    assert house.orders(0)[-1] == ("Close", 1)


@pytest.mark.timeout(60)
def test_recordings_are_closed_while_their_decoder_sends_what_nobody_reads(
    pool: DecoderPool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decoder_pool, "PATIENCE_S", 60.0)  # all in one decoder
    many = 400
    long, short = (write_wav(tmp_path / f"{seconds}.wav", seconds) for seconds in (70.0, 0.1))
    for job_id, file in ((0, long), *((job_id, short) for job_id in range(1, many))):
        with file.open("rb") as opened_file:
            pool.open(Open(job_id, 1, Options(vad=False), file.stat().st_size, "en"), opened_file.fileno())
    while not isinstance(pool_event := event(pool), Opened) or pool_event.job_id != many - 1:
        pass
    pool.ask(Next(0))
    (child,) = pool.children
    assert wait([child.fileno()], 60), "the beginning of the window is there, and its end does not fit"
    for job_id in range(1, many):
        pool.forget(job_id)
    found = event(pool)
    assert isinstance(found, Window) and found.chunks


def test_one_that_is_closed_before_it_was_opened_never_is_and_its_descriptor_is_closed(house: House) -> None:
    house.open(1)
    before = len(os.listdir("/proc/self/fd"))
    house.open(2)
    house.pool.forget(2)
    assert len(os.listdir("/proc/self/fd")) == before
    house.hear(0, READY, opened(1))
    assert house.orders(0) == [("Open", 1)]


def test_a_decoder_is_busy_until_it_has_heard_all_voices_of_a_window(house: House) -> None:
    house.open(1, 2)
    house.hear(0, READY, opened(1), opened(2))
    house.pool.ask(Next(1, 5))
    house.pool.ask(Next(2))
    house.clock.now += PATIENCE_S + 0.1
    told = replace(window(1), voices_follow=True)
    assert house.hear(0, told) == told
    assert house.orders(0)[-1] == ("Next", 1), "it goes on by itself"
    house.open(3)
    assert len(house.children.born) == 1, "it is not stuck: it has just said something"
    house.clock.now += WINDOW_DEADLINE_S - 1
    more = Heard(1, 1, 5, (), more=True)
    assert house.hear(0, more) == more
    assert house.children.born[0].deadline == house.clock.now + WINDOW_DEADLINE_S
    last = Heard(1, 1, 6, (), more=False)
    assert house.hear(0, last) == last
    assert house.orders(0)[-1] == ("Open", 3)


def test_who_speaks_is_asked_of_any_decoder_that_has_nothing_to_do(house: House) -> None:
    house.open(1)
    house.pool.tell_apart(TellApart(7, 3, "auto", ()))
    house.pool.tell_apart(TellApart(8, 4, "auto", ()))
    house.pool.forget(8)
    assert house.hear(0, READY, opened(1)) == opened(1)
    assert house.orders(0) == [("Open", 1), ("TellApart", 7)]
    told = ToldApart(7, 3, (), {})
    assert house.hear(0, told) == told
    house.pool.forget(7)
    assert house.orders(0) == [("Open", 1), ("TellApart", 7)], "nobody asks for 8, and 7 is not open there"


def test_who_speaks_can_be_asked_where_no_decoder_is_left(house: House) -> None:
    house.pool.tell_apart(TellApart(7, 3, "auto", ()))
    assert house.orders(0) == [], "it still loads its libraries"
    assert house.hear(0, ChildDied("")) == LostRecordings(None, (), "signal 9")
    house.hear(1, READY)
    assert house.orders(1) == [("TellApart", 7)]
    assert house.hear(1, ChildDied("")) == LostRecordings(7, (), "signal 9")


def test_a_dead_decoder_blames_what_it_worked_on_and_gives_back_the_rest(house: House) -> None:
    house.open(1, 2, 3)
    house.hear(0, READY, opened(1), opened(2), opened(3))
    house.pool.ask(Next(2))
    assert house.hear(0, ChildDied("no answer within its time")) == LostRecordings(2, (1, 3), "signal 9")
    assert house.pool.restarts == {"decoder": 1} and house.pool.children == []


def test_one_that_had_nothing_to_do_blames_nobody(house: House) -> None:
    house.open(1)
    house.hear(0, READY, opened(1))
    assert house.hear(0, ChildDied("")) == LostRecordings(None, (1,), "signal 9")


def test_an_order_that_was_not_heard_is_not_to_blame(house: House) -> None:
    house.open(1)
    house.hear(0, READY, opened(1))
    house.children.last.goes_deaf()
    house.pool.ask(Next(1))
    assert house.hear(0, ChildDied("")) == LostRecordings(None, (1,), "signal 9")


def test_a_recording_that_was_closed_meanwhile_is_not_to_blame(house: House) -> None:
    house.open(1, 2)
    house.hear(0, READY, opened(1), opened(2))
    house.pool.ask(Next(1))
    house.pool.forget(1)
    assert house.hear(0, ChildDied("")) == LostRecordings(None, (2,), "signal 9")


@pytest.mark.parametrize(
    "answer", [READY, BatchDone(1, (), 0.1), None], ids=["ready again", "an engine's answer", "None"]
)
def test_an_answer_to_what_was_not_asked_ends_the_decoder(house: House, answer: object) -> None:
    house.open(1)
    assert house.hear(0, READY, answer) == LostRecordings(1, (), "signal 9")
    assert house.children.born[0].ended == "at once"


def test_what_a_decoder_keeps_is_told_once(house: House, caplog: pytest.LogCaptureFixture) -> None:
    house.open(1)
    house.hear(0, DecoderReady(("the network",)), ChildDied(""))
    house.open(1)
    house.hear(1, DecoderReady(("the network",)))
    assert caplog.text.count("they keep the network") == 1


@pytest.mark.parametrize("why", ["many recordings", "much memory"])
def test_a_decoder_that_has_done_enough_ends_when_it_has_closed_what_it_has(
    house: House, monkeypatch: pytest.MonkeyPatch, why: str
) -> None:
    if why == "many recordings":
        monkeypatch.setattr(decoder_pool, "RECYCLE_RECORDINGS", 1)
    house.open(1)
    if why == "much memory":
        house.children.last.rss_bytes = RECYCLE_BYTES + 1
    house.hear(0, READY, opened(1))
    house.open(2)
    assert house.orders(1) == [("Open", 2)], "it is given nothing new"
    house.pool.ask(Next(1))
    assert house.orders(0)[-1] == ("Next", 1), "what it has it goes on with"
    house.hear(0, window(1, last=True))
    assert house.children.born[0].ended is None
    house.pool.forget(1)
    house.pool.hand_out()
    assert house.children.born[0].ended == "gently" and len(house.pool.children) == 1


def test_the_end_of_the_pool_closes_what_waits(house: House) -> None:
    before = len(os.listdir("/proc/self/fd"))
    house.open(1, 2, 3)
    house.pool.close()
    assert len(os.listdir("/proc/self/fd")) == before and house.pool.children == []


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
    os.kill(pool.children[0].pid, signal.SIGSTOP)  # lest it answers before it is killed
    pool.open(order(1, recording), recording)
    os.kill(pool.children[0].pid, signal.SIGKILL)
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


def grow(house: House, recording: int, run: int, *, growing: bool) -> None:
    house.pool.open(replace(order(1, recording), run=run, growing=growing), recording)


def test_a_sign_of_life_from_before_a_recording_was_complete_gives_no_new_deadline(
    house: House, recording: int
) -> None:
    grow(house, recording, 1, growing=True)
    child = house.children.last
    house.hear(0, READY, Opened(1, 1, None, None))
    house.pool.ask(Next(1))
    house.clock.now += WINDOW_DEADLINE_S - 1
    house.hear(0, StillGrowing(1, 1))
    assert child.deadline == house.clock.now + WINDOW_DEADLINE_S
    grow(house, recording, 2, growing=False)
    allowed = child.deadline
    house.clock.now += 5
    house.hear(0, StillGrowing(1, 1))
    assert child.deadline == allowed


def test_decoders_may_not_start_for_a_while_after_some_that_failed(house: House) -> None:
    house.open(1)
    house.hear(0, READY, opened(1), ChildDied(""))
    for job_id in (2, 3):
        assert house.pool.may_start
        house.open(job_id)
        house.hear(-1, ChildDied(""))
    assert not house.pool.may_start
    house.clock.now += RESTART_S
    assert house.pool.may_start
