"""The engine pool: with fake children every turn that their lives can take, with a real one a model that is not there."""

import logging
from collections.abc import Sequence
from multiprocessing.connection import wait
from typing import Any

import pytest

from daemon.config.parallelism import Parallelism
from daemon.errors import Unavailable
from daemon.processes import engine as engine_module
from daemon.processes import engine_pool
from daemon.processes.child import START_ATTEMPTS, ChildDied
from daemon.processes.engine import (
    RECYCLE_CHUNKS,
    RECYCLE_GROWTH_BYTES,
    SETTLED_CHUNKS,
    BatchEnded,
    Engine,
    EngineEvent,
    EngineReady,
    LostBatches,
)
from daemon.processes.engine_pool import (
    BATCH_DEADLINE_PER_AUDIO_S,
    BATCH_DEADLINE_S,
    DOWNLOAD_LOG_S,
    LOAD_DEADLINE_S,
    RESTART_S,
    EnginePool,
)
from daemon.processes.protocol import (
    BatchDone,
    BatchFailed,
    Downloading,
    LoadModel,
    Opened,
    RunBatch,
    Server,
    Unready,
)
from tests.builders import chunk, heard, load_model, ready
from tests.fakes import FakeClock, Nursery

CHUNKS = (chunk(1), chunk(2))


class House:
    """A pool, the children that it has made, and its clock."""

    def __init__(
        self, monkeypatch: pytest.MonkeyPatch, device: str = "cpu", elsewhere: Sequence[LoadModel] = ()
    ) -> None:
        self.children, self.clock = Nursery(), FakeClock()
        monkeypatch.setattr(engine_pool, "Child", self.children)
        monkeypatch.setattr(engine_pool, "time", self.clock)
        self.pool = EnginePool(load_model(device=device), elsewhere=elsewhere)

    @property
    def engine(self) -> Engine:
        return self.pool.engines[0]

    def hear(self, answer: object, engine: Engine | None = None) -> EngineEvent | None:
        """Have an engine say something, and the pool take it."""
        child: Any = (engine or self.engine).child
        child.says(answer)
        return self.pool.receive(child)

    def start(self) -> "House":
        self.pool.keep_alive()
        assert self.hear(ready()) == EngineReady()
        return self

    def restart(self) -> None:
        """Wait as long as it takes until the next start."""
        self.clock.now = max(self.clock.now, self.engine.restart_at)
        self.pool.keep_alive()

    def run(self, count: int = len(CHUNKS)) -> int:
        """Hand out a batch; its number."""
        self.pool.run(self.engine, [chunk(1, idx) for idx in range(count)])
        order = self.children.last.sent[-1]
        assert isinstance(order, RunBatch)
        return order.batch_id

    def finish(self, batch_id: int, count: int = len(CHUNKS)) -> EngineEvent | None:
        return self.hear(BatchDone(batch_id, tuple(heard(chunk(1, idx)) for idx in range(count)), 0.5))


@pytest.fixture
def house(monkeypatch: pytest.MonkeyPatch) -> House:
    return House(monkeypatch)


def test_an_engine_is_told_what_to_load_and_has_long_for_it(house: House) -> None:
    house.pool.keep_alive()
    assert house.children.last.sent == [load_model()]
    assert house.children.last.deadline == house.clock.now + LOAD_DEADLINE_S
    assert (house.pool.ready, house.pool.capacity) == (None, 0)
    house.hear(ready())
    assert house.children.last.deadline is None
    assert (house.pool.ready, house.pool.capacity) == (ready(), 8)
    house.pool.keep_alive()
    assert len(house.children.born) == 1


def test_a_download_has_time_as_long_as_it_goes_on_and_is_logged_now_and_then(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    house.pool.keep_alive()
    assert house.pool.download is None
    for done in range(5):
        house.clock.now += DOWNLOAD_LOG_S / 2
        progress = Downloading("large-v3", done * 500_000_000, 3_000_000_000)
        assert house.hear(progress) is None and house.pool.download == progress
        assert house.children.last.deadline == house.clock.now + LOAD_DEADLINE_S
    told = [message for message in caplog.messages if "downloading" in message]
    assert told == [f"downloading the model large-v3: {percent} % of 3000 MB" for percent in (0, 33, 66)]
    house.hear(ready())
    assert house.pool.download is None and house.children.last.deadline is None


def test_a_download_that_ends_with_its_engine_is_none_any_more(house: House) -> None:
    house.pool.keep_alive()
    house.hear(Downloading("base", 1, 2))
    house.hear(ChildDied("gone"))
    assert house.pool.download is None


def test_a_batch_is_handed_out_and_ends(house: House) -> None:
    batch_id = house.start().run()
    allowed_s = BATCH_DEADLINE_S + BATCH_DEADLINE_PER_AUDIO_S * 20.0
    assert house.children.last.deadline == house.clock.now + allowed_s and house.pool.in_flight == 1
    event = house.finish(batch_id)
    assert isinstance(event, BatchEnded) and event.engine is house.engine and len(event.chunks) == 2
    assert house.pool.in_flight == 0 and house.children.last.deadline is None


def test_the_deadline_is_that_of_all_that_is_left(house: House) -> None:
    first = house.start().run()
    house.run(1)
    house.clock.now += 100
    house.finish(first)
    assert house.children.last.deadline == house.clock.now + BATCH_DEADLINE_S + BATCH_DEADLINE_PER_AUDIO_S * 10.0


@pytest.mark.parametrize(
    "answer",
    [
        BatchDone(99, (), 0.5),
        BatchFailed(99, "late", out_of_memory=False),
        BatchDone(1, (heard(chunk()),), 0.5),
        Opened(1, 1, "hash", None),
        "nonsense",
    ],
    ids=["unknown batch", "unknown failure", "too few results", "a decoder's answer", "no message"],
)
def test_an_answer_to_what_was_not_asked_ends_the_engine(house: House, answer: object) -> None:
    assert house.start().run() == 1
    event = house.hear(answer)
    assert isinstance(event, LostBatches) and event.blamed and [len(batch) for batch in event.batches] == [2]
    assert house.children.last.ended == "at once" and house.pool.in_flight == 0 and house.pool.ready is None


def test_the_batches_of_an_engine_that_did_not_hear_the_last_one_are_not_to_blame(house: House) -> None:
    house.start()
    house.children.last.goes_deaf()
    house.pool.run(house.engine, CHUNKS)
    event = house.hear(ChildDied("connection lost"))
    assert event == LostBatches((CHUNKS,), "signal 9", blamed=False)


def test_restarts_wait_longer_each_time_and_begin_anew_after_a_success(house: House) -> None:
    house.start()
    for number, wait_s in enumerate([*RESTART_S, RESTART_S[-1]], start=1):
        house.hear(ChildDied("overdue"))
        assert house.engine.restart_at == house.clock.now + wait_s
        if wait_s:
            house.clock.now += wait_s - 0.01
            house.pool.keep_alive()
            assert house.pool.children == [], "started before its wait was over"
        house.restart()
        assert len(house.pool.children) == 1 and house.engine.restarts == number
    house.hear(ready())
    house.hear(ChildDied("overdue"))
    assert house.engine.restart_at == house.clock.now + RESTART_S[0]


def test_deaths_while_loading_are_given_up_only_if_it_never_worked(house: House) -> None:
    for _ in range(START_ATTEMPTS - 1):
        house.restart()
        house.hear(ChildDied(""))
    house.restart()
    with pytest.raises(Unavailable, match=f"died {START_ATTEMPTS} times while loading") as caught:
        house.hear(ChildDied(""))
    assert "memory runs out" in caught.value.hint, "whoever is killed by signal 9 took too much of it"


def test_after_a_success_no_number_of_deaths_is_an_error(house: House) -> None:
    house.start()
    for _ in range(3 * START_ATTEMPTS):
        assert isinstance(house.hear(ChildDied("")), LostBatches)
        house.restart()


def test_unready_before_the_first_success_is_the_error_and_after_it_a_restart(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    house.start()
    house.hear(ChildDied(""))
    house.restart()
    assert house.hear(Unready("the device is gone", "wait")) is None
    assert house.pool.children == [] and house.children.last.ended == "gently"
    told = caplog.messages[-1]
    assert told == "engine on cpu cannot load: the device is gone" and caplog.text.count("died") == 1, (
        "of the first one"
    )
    assert house.engine.restart_at == house.clock.now + RESTART_S[1] and house.engine.restarts == 2
    house.restart()
    assert len(house.pool.children) == 1


def test_a_second_device_that_cannot_load_at_the_start_says_why_and_nothing_of_a_death(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    house = House(monkeypatch, "cuda:0,1")
    house.start()
    assert house.hear(Unready("out of memory", ""), house.pool.engines[1]) is None
    assert caplog.messages == ["engine on cuda:1 cannot load: out of memory"]
    assert [engine.ready is not None for engine in house.pool.engines] == [True, False]


def test_unready_at_the_start_ends_the_child_in_order(house: House) -> None:
    house.pool.keep_alive()
    with pytest.raises(Unavailable, match="no such model") as caught:
        house.hear(Unready("no such model", "try tiny.en"))
    assert caught.value.hint == "try tiny.en" and house.children.last.ended == "gently"


@pytest.mark.parametrize(
    ("now", "trusted"),
    [
        ("the words of a clip", True),
        ("the words of the clip", True),
        ("", False),
        ("!!!! !!!! !!!! !!!! !!!!", False),
        ("clip a of words the", False),
    ],
)
def test_an_engine_that_starts_again_must_hear_what_it_heard(house: House, now: str, trusted: bool) -> None:
    house.start()
    house.hear(ChildDied(""))
    house.restart()
    event = house.hear(ready(canary=now))
    assert isinstance(event, EngineReady if trusted else LostBatches)
    assert (house.pool.ready is not None) is trusted


def test_a_model_that_hears_nothing_in_the_clip_is_trusted_without_it(house: House) -> None:
    house.pool.keep_alive()
    house.hear(ready(canary=""))
    house.hear(ChildDied(""))
    house.restart()
    assert house.hear(ready(canary="anything")) == EngineReady()


def test_an_engine_that_shrank_stays_small_when_it_starts_again(house: House) -> None:
    house.start()
    house.pool.shrink(house.engine, 0)
    assert house.engine.batch_size == 1, "one chunk is the least"
    house.hear(ChildDied(""))
    house.restart()
    house.hear(ready())
    assert house.engine.batch_size == 1


def test_an_engine_that_has_grown_is_replaced_between_batches(house: House) -> None:
    house.start()
    for _ in range(SETTLED_CHUNKS // 4):
        house.finish(house.run(4), 4)
    first = house.children.last
    first.rss_bytes += RECYCLE_GROWTH_BYTES
    house.finish(house.run(4), 4)
    assert not house.engine.recycle, "grown by the limit is not grown by more"
    first.rss_bytes += 1
    waiting = house.run(1)
    house.finish(house.run(4), 4)
    assert house.engine.recycle and not house.engine.may_take(alone=False, full=False)
    house.pool.keep_alive()
    assert first.ended is None, "a batch is in flight"
    house.finish(waiting, 1)
    house.pool.keep_alive()
    assert first.ended == "gently" and house.children.last is not first and house.engine.restarts == 0


def test_an_engine_is_replaced_after_very_much_work(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine_module, "RECYCLE_CHUNKS", 8)
    assert RECYCLE_CHUNKS > 8
    house.start()
    house.finish(house.run(4), 4)
    assert not house.engine.recycle
    house.finish(house.run(4), 4)
    assert house.engine.recycle


def test_another_layout_starts_the_engines_anew_and_the_same_one_does_not(house: House) -> None:
    house.start()
    house.pool.set_parallelism(ready().layout)
    assert len(house.pool.children) == 1
    house.pool.set_parallelism(Parallelism(1, 2, 8))
    assert house.children.last.ended == "gently"
    house.pool.keep_alive()
    assert house.children.last.sent == [load_model(workers=1, cpu_threads=2, batch_size=8)]
    house.hear(ready(workers=1, cpu_threads=2, batch_size=8))
    assert house.pool.capacity == 8


@pytest.mark.parametrize(
    ("device", "devices"), [("cuda:0,2", ["cuda:0", "cuda:2"]), ("cuda:1", ["cuda:1"]), ("auto", ["auto"])]
)
def test_each_device_has_an_engine(monkeypatch: pytest.MonkeyPatch, device: str, devices: list[str]) -> None:
    pool = House(monkeypatch, device).pool
    assert [engine.load.device for engine in pool.engines] == devices


def test_auto_takes_all_gpus_there_are_and_stays_on_them(monkeypatch: pytest.MonkeyPatch) -> None:
    house = House(monkeypatch, "auto")
    house.pool.keep_alive()
    house.hear(ready(device="cuda:0", devices=3))
    assert [engine.load.device for engine in house.pool.engines] == ["cuda:0", "cuda:1", "cuda:2"]
    house.pool.keep_alive()
    for engine in house.pool.engines[1:]:
        house.hear(ready(device=engine.load.device, devices=3), engine)
    assert len(house.pool.engines) == 3 and house.pool.capacity == 2 * 12


def test_the_end_of_the_pool_is_that_of_its_children(house: House) -> None:
    house.start()
    house.pool.close()
    assert [child.ended for child in house.children] == ["at once"] and house.pool.children == []


def test_an_engine_that_cannot_load_at_start_is_one_error_without_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    pool = EnginePool(load_model(name="larg-v3"))
    caplog.set_level(logging.INFO)
    try:
        pool.keep_alive()
        (child,) = pool.children
        assert wait([child.fileno()], 60)
        with pytest.raises(Unavailable) as caught:
            pool.receive(child)
        assert "did you mean 'large-v3'" in caught.value.message
        assert caplog.records == [] and pool.children == []
    finally:
        pool.close()


BOX = load_model(device="box:1", batch_size=1, engine="elsewhere", server=Server("engines[0]", "http://box:1/v1"))
BOX_READY = ready(device="box:1", model="elsewhere:tiny.en", workers=3, batch_size=1, canary="what the box hears")


def beside(monkeypatch: pytest.MonkeyPatch, device: str = "cpu") -> House:
    """An engine elsewhere beside that of this machine; all that is ready."""
    house = House(monkeypatch, device, [BOX])
    house.pool.keep_alive()
    if house.pool.here:
        house.hear(ready())
    assert house.hear(BOX_READY, house.pool.engines[-1]) == EngineReady(), "its clip is no measure for the other's"
    return house


def away(wait_s: float = 0.0, batch_id: int = 1) -> BatchFailed:
    return BatchFailed(batch_id, "box cannot be reached", False, elsewhere=True, away=True, wait_s=wait_s)


def test_an_engine_elsewhere_works_beside_those_here(monkeypatch: pytest.MonkeyPatch) -> None:
    house = beside(monkeypatch)
    assert [child.sent for child in house.children] == [[load_model()], [BOX]]
    assert house.pool.ready == ready(device="cpu, box:1") and house.pool.ready_here == ready()
    assert house.pool.capacity == 2 * 4 + 3
    assert house.pool.canary == "the words of a clip"
    assert [name for name, _ in house.pool.processes] == ["engine cpu", "engine box:1"]
    house.pool.set_parallelism(Parallelism(1, 2, 3))
    assert house.engine.load.batch_size == 3 and house.pool.engines[1].load == BOX, "nobody tunes what is elsewhere"


def test_one_elsewhere_waits_for_those_here_at_the_start_and_not_later(monkeypatch: pytest.MonkeyPatch) -> None:
    house = House(monkeypatch, "cpu", [BOX])
    house.pool.keep_alive()
    house.hear(BOX_READY, house.pool.engines[-1])
    assert house.pool.ready is None and house.pool.trouble == ""
    house.hear(ready())
    house.hear(ChildDied("gone"), house.engine)
    assert house.pool.ready == BOX_READY, "which goes on alone"


def test_there_may_be_none_here(monkeypatch: pytest.MonkeyPatch) -> None:
    house = beside(monkeypatch, "none")
    assert house.pool.here == [] and house.pool.ready == BOX_READY and house.pool.ready_here is None
    assert house.pool.capacity == 3 and house.pool.canary is None


def test_one_that_is_not_there_never_ends_the_daemon_and_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    house = House(monkeypatch, "none", [BOX])
    for wait_s in (*RESTART_S, RESTART_S[-1]):
        house.pool.keep_alive()
        assert house.hear(Unready("box answered 401", "name a key")) is None
        assert (
            house.pool.trouble == "box answered 401; name a key" and house.engine.restart_at == house.clock.now + wait_s
        )
        house.clock.now += wait_s
    for _ in range(2 * START_ATTEMPTS):
        house.restart()
        assert isinstance(house.hear(ChildDied("gone")), LostBatches)
    house.restart()
    house.hear(BOX_READY)
    assert house.pool.trouble == ""


def test_one_that_is_away_is_loaded_again_once_its_batches_are_back(monkeypatch: pytest.MonkeyPatch) -> None:
    house = beside(monkeypatch, "none")
    first, second = house.run(1), house.run(1)
    assert isinstance(house.hear(away(batch_id=first)), BatchEnded)
    house.pool.keep_alive()
    assert not house.engine.may_take(alone=False, full=True) and len(house.pool.children) == 1
    house.hear(away(batch_id=second))
    assert house.engine.restarts == 1, "an outage is one, whatever was in flight"
    house.pool.keep_alive()
    assert house.pool.ready is None and len(house.children.born) == 2
    for wait_s in RESTART_S[1:3]:
        house.hear(Unready("box cannot be reached", ""))
        house.pool.keep_alive()
        assert house.engine.child is None and house.engine.restart_at == house.clock.now + wait_s
        house.restart()
    house.hear(BOX_READY)
    assert house.engine.may_take(alone=False, full=True)


def test_one_that_hears_its_clip_and_nothing_else_is_not_started_again_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    house = beside(monkeypatch, "none")
    for wait_s in RESTART_S:
        house.hear(away(batch_id=house.run(1)))
        assert house.engine.restart_at == house.clock.now + wait_s
        house.pool.keep_alive()
        house.restart()
        house.hear(BOX_READY)
    house.finish(house.run(1), 1)
    house.hear(away(batch_id=house.run(1)))
    assert house.engine.restart_at == house.clock.now + RESTART_S[0], "it has worked meanwhile"


def test_one_that_is_busy_is_left_alone_for_as_long_as_it_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    house = beside(monkeypatch, "none")
    house.hear(away(30.0, house.run(1)))
    house.clock.now += 29.0
    house.pool.keep_alive()
    assert not house.engine.may_take(alone=False, full=True) and house.pool.ready == BOX_READY
    house.clock.now += 1.0
    house.pool.keep_alive()
    assert house.engine.may_take(alone=False, full=True) and len(house.children.born) == 1


def test_the_death_of_what_passes_chunks_on_is_no_fault_of_theirs_unless_they_were_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    house = beside(monkeypatch, "none")
    for alone in (False, True):
        house.pool.run(house.engine, [chunk(alone=alone)])
        event = house.hear(ChildDied("gone"))
        assert isinstance(event, LostBatches) and event.blamed == alone
        house.restart()
        house.hear(BOX_READY)
