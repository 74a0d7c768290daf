"""When an engine takes a batch, how fast it is, and when it should be done."""

import pytest

from daemon.chunk import Chunk
from daemon.processes import engine as engine_module
from daemon.processes.engine import (
    AHEAD_MAX_S,
    BATCH_AUDIO_S,
    FAR_AHEAD_MAX,
    FAR_AHEAD_S,
    FAR_BATCH_MAX_S,
    FIRST_OF_BATCH,
    Engine,
)
from daemon.processes.protocol import Server
from tests.builders import chunk, load_model, ready
from tests.fakes import FakeClock


def engine(in_flight: int, batch_s: float) -> Engine:
    return Engine(load_model(), ready=ready(), batches=dict.fromkeys(range(in_flight), ()), batch_s=batch_s)


def test_an_idle_worker_takes_any_batch() -> None:
    assert engine(1, 9.0).may_take(alone=False, full=False)
    assert not engine(1, 9.0).may_take(alone=True, full=False)


def test_only_a_full_batch_is_queued_ahead_and_only_where_batches_are_short() -> None:
    short, long = AHEAD_MAX_S / 2, AHEAD_MAX_S * 2
    assert engine(2, short).may_take(alone=False, full=True)
    assert not engine(2, short).may_take(alone=False, full=False)
    assert not engine(2, long).may_take(alone=False, full=True)
    assert not engine(4, short).may_take(alone=False, full=True)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> FakeClock:
    monkeypatch.setattr(engine_module, "time", made := FakeClock())
    return made


@pytest.fixture
def far(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Engine, "is_on_cluster", property(lambda _engine: True))


def one(pace: float, *seconds: float, workers: int = 1) -> Engine:
    """An engine of a pace with batches of so much audio."""
    batches: dict[int, tuple[Chunk, ...]] = {number: (chunk(seconds=each),) for number, each in enumerate(seconds)}
    made = Engine(load_model(), ready=ready(workers=workers), batch_size=4, batches=batches, batch_s=0.1)
    made.ran_s, made.heard_s = pace, float(pace > 0)
    return made


def test_its_pace_is_that_of_its_last_batches() -> None:
    made = one(0.0)
    assert made.pace == 0.0
    made.learn(1, 3.0, 60.0 - BATCH_AUDIO_S)
    assert made.pace == pytest.approx(0.05)
    for _ in range(3):
        made.learn(1, 30.0, 60.0 - BATCH_AUDIO_S)
    assert 0.25 < made.pace < 0.5
    for _ in range(30):
        made.learn(1, 30.0, 60.0 - BATCH_AUDIO_S)
    assert made.pace == pytest.approx(0.5, rel=0.01)


def test_a_few_short_chunks_do_not_make_it_look_slow() -> None:
    full, little = one(0.0), one(0.0)
    full.learn(1, 2.0, 16 * 28.0)
    little.learn(1, 0.3, 5.0)
    assert little.pace < 3 * full.pace


def test_a_batch_is_due_when_the_worker_has_done_what_is_before_it(clock: FakeClock) -> None:
    made = one(0.1, 20.0, 20.0, 70.0)
    made.look()
    assert made.due_s(0.1) == pytest.approx({0: 5.0, 1: 10.0, 2: 20.0}) and made.free_in_s(0.1) == pytest.approx(20.0)
    clock.now += 4.0
    assert made.due_s(0.1) == pytest.approx({0: 1.0, 1: 6.0, 2: 16.0})
    del made.batches[0]
    made.look()
    clock.now += 1.0
    assert made.due_s(0.1) == pytest.approx({1: 4.0, 2: 14.0})


def test_one_that_is_late_is_due_as_much_later_again(clock: FakeClock) -> None:
    made = one(0.1, 20.0)
    made.look()
    clock.now += 15.0
    assert made.due_s(0.1) == pytest.approx({0: 10.0})


def test_two_workers_run_two_at_once(clock: FakeClock) -> None:
    made = one(0.1, 20.0, 70.0, 20.0, workers=2)
    made.look()
    clock.now += 1.0
    assert made.due_s(0.1) == pytest.approx({0: 4.0, 1: 9.0, 2: 9.0}) and made.free_in_s(0.1) == pytest.approx(9.0)
    del made.batches[2]
    assert made.free_in_s(0.1) == pytest.approx(4.0)
    del made.batches[1]
    assert made.free_in_s(0.1) == 0.0


def test_the_way_is_what_the_answer_took_beyond_the_run_where_the_worker_was_idle(clock: FakeClock) -> None:
    made = one(0.1, 20.0, 20.0)
    made.look(given=True)
    clock.now += 6.0
    made.learn(0, 5.0, 20.0)
    del made.batches[0]
    made.look()
    assert made.way_s == pytest.approx(1.0)
    clock.now += 5.0
    made.learn(1, 5.0, 20.0)
    assert made.way_s == pytest.approx(1.0), "the second one waited there"


@pytest.mark.usefixtures("far")
def test_so_many_full_batches_wait_ahead_of_a_far_one_that_they_keep_it_busy(clock: FakeClock) -> None:
    short = one(0.001, 60.0)
    taken = 0
    while short.may_take(alone=False, full=True):
        assert not short.may_take(alone=False, full=False)
        taken += 1
        short.batches[taken] = (chunk(seconds=60.0),)
    assert taken == FAR_AHEAD_MAX
    longer = one(0.01, BATCH_AUDIO_S)
    longer.look()
    longer.batch_s = 0.6
    assert longer.may_take(alone=False, full=True)
    longer.batches[1] = (chunk(seconds=BATCH_AUDIO_S),)
    assert longer.free_in_s(0.01) > FAR_AHEAD_S and not longer.may_take(alone=False, full=True)
    longer.way_s = 0.1
    assert not longer.may_take(alone=False, full=True), "it has it for as long as the answer is on its way"
    clock.now += 0.3
    assert longer.may_take(alone=False, full=True), "soon it would be idle"


@pytest.mark.usefixtures("far", "clock")
def test_none_waits_ahead_of_a_slow_one_nor_of_one_that_is_not_known() -> None:
    made = one(0.001, 60.0)
    made.batch_s = FAR_BATCH_MAX_S + 0.1
    assert not made.may_take(alone=False, full=True)
    made.batch_s = 0.0
    assert not made.may_take(alone=False, full=True)


@pytest.mark.usefixtures("far")
def test_a_far_one_is_tried_with_a_small_batch() -> None:
    assert one(0.0).takes_most == 4 // FIRST_OF_BATCH and one(0.1).takes_most == 4


def test_a_server_is_given_what_its_window_holds_however_fast_it_is() -> None:
    made = one(0.0, 60.0, 60.0, workers=2)
    made.load = load_model(server=Server("engines[0]", "http://box"))
    assert not made.is_on_cluster and made.takes_most == 4
    made.batch_s = AHEAD_MAX_S * 2
    assert not made.may_take(alone=False, full=True)
    made.batch_s = AHEAD_MAX_S / 2
    assert made.may_take(alone=False, full=True)
    made.batches |= {2: (), 3: ()}
    assert not made.may_take(alone=False, full=True)
