"""Chunks that two engines have: which are worth it, and which answer counts."""

from collections.abc import Callable

import pytest

from daemon.chunk import Chunk
from daemon.processes import engine as engine_module
from daemon.processes.engine import BATCH_AUDIO_S, Engine
from daemon.processes.protocol import Server
from daemon.transcribe.copies import GAIN_LEAST_S, LONGER, Copies, worth_copying
from tests.builders import chunk, load_model, ready
from tests.fakes import FakeClock

A, B, C = (chunk(idx=idx) for idx in range(3))


def test_the_first_answer_counts_and_the_other_leaves_no_trace() -> None:
    copies = Copies()
    copies.made([A, B])
    assert copies.answered([A, B, C]) == [True, True, True] and len(copies) == 2
    assert copies.is_void([A, B]) and not copies.is_void([A, C])
    assert copies.answered([A, B]) == [False, False] and len(copies) == 0


@pytest.mark.parametrize("blamed", [True, False])
def test_what_is_lost_after_its_answer_is_not_missed(blamed: bool) -> None:
    copies = Copies()
    copies.made([A])
    copies.answered([A])
    assert A in copies and copies.lost([A], blamed=blamed) == [] and len(copies) == 0


@pytest.mark.parametrize("blamed", [True, False])
def test_what_both_have_lost_is_missed_once(blamed: bool) -> None:
    copies = Copies()
    copies.made([A])
    assert copies.lost([A, B], blamed=blamed) == [B] and not copies.is_void([A])
    assert (A in copies) == blamed, "what may have been the reason is not given to a third one"
    assert copies.lost([A], blamed=blamed) == [A] and len(copies) == 0


def test_one_that_is_lost_is_answered_by_the_other() -> None:
    copies = Copies()
    copies.made([A])
    copies.lost([A], blamed=True)
    assert copies.answered([A]) == [True] and len(copies) == 0


def test_a_chunk_that_is_decoded_again_is_another_one() -> None:
    copies = Copies()
    copies.made([A])
    again = chunk(idx=0)
    assert again == A and again not in copies and copies.answered([again]) == [True] and A in copies


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> FakeClock:
    monkeypatch.setattr(engine_module, "time", made := FakeClock())
    return made


def engine(device: str, pace: float, *batches: tuple[Chunk, ...], workers: int = 1, size: int = 4) -> Engine:
    says = ready(device=device, workers=workers, batch_size=size)
    made = Engine(load_model(device=device), ready=says, batch_size=size, batches=dict(enumerate(batches)))
    made.ran_s, made.heard_s = pace, float(pace > 0)
    made.look()
    return made


def copied(*engines: Engine, may: Callable[[Chunk], bool] = lambda _chunk: True) -> list[tuple[str, list[int]]]:
    """(device, numbers of the chunks) of each copy that is made."""
    found: list[tuple[str, list[int]]] = []
    copies = Copies()
    for each, chunks in worth_copying(engines, lambda one: may(one) and one not in copies):
        copies.made(chunks)
        each.batches[100 + len(found)] = tuple(chunks)
        found.append((each.device, [one.idx for one in chunks]))
    return found


def test_an_idle_engine_gets_what_a_much_slower_one_has() -> None:
    assert copied(engine("slow", 0.5, (A, B)), engine("fast", 0.1)) == [("fast", [0, 1])]
    assert copied(engine("slow", 0.1 * LONGER * 0.99, (A, B)), engine("fast", 0.1)) == []
    assert copied(engine("fast", 0.1, (A, B)), engine("slow", 0.5)) == []


def test_an_equal_one_only_what_takes_three_times_as_long_as_it_should(clock: FakeClock) -> None:
    at_work, idle = engine("1", 0.1, (A,)), engine("2", 0.1)
    needs_s = 0.1 * (10.0 + BATCH_AUDIO_S)
    clock.now += (LONGER + 1) * needs_s - 0.01
    assert copied(at_work, idle) == []
    clock.now += 0.02
    assert copied(at_work, idle) == [("2", [0])]


def test_what_can_hardly_be_saved_is_not_worth_it() -> None:
    pace = GAIN_LEAST_S / (10.0 + BATCH_AUDIO_S)
    assert copied(engine("slow", pace, (A,)), engine("fast", pace / 100)) == []
    assert copied(engine("slow", pace * 1.1, (A,)), engine("fast", pace / 100)) == [("fast", [0])]


def test_what_waits_behind_others_is_copied_first() -> None:
    assert copied(engine("busy", 0.1, (A,), (B,), (C,)), engine("idle", 0.1)) == [("idle", [2])]


def test_a_device_gets_no_copies_of_its_own_nor_does_a_server(clock: FakeClock) -> None:
    slow = engine("cpu", 0.5, (A,))
    server = engine("box", 0.1)
    server.load = load_model(server=Server("engines[0]", "http://box"))
    assert copied(slow, engine("cpu", 0.1), server) == []
    late = engine("box", 0.5, (B,))
    late.load = server.load
    clock.now += 1.0
    assert copied(late, engine("cpu", 0.1)) == [("cpu", [1])], "but what is with it may be copied"


@pytest.mark.parametrize("field", ["recycle", "held_until"])
def test_one_that_is_given_nothing_gets_no_copies(field: str) -> None:
    idle = engine("fast", 0.1)
    setattr(idle, field, 1.0)
    assert copied(engine("slow", 0.5, (A,)), idle) == []


def test_of_two_that_have_done_nothing_yet_neither_is_late(clock: FakeClock) -> None:
    at_work, idle = engine("1", 0.0, (A,)), engine("2", 0.0)
    clock.now += 100.0
    assert copied(at_work, idle) == []
    assert copied(at_work, idle, engine("3", 0.1)) == [("3", [0])], "but one that has shows what is usual"


def test_one_that_has_done_nothing_is_taken_for_an_equal(clock: FakeClock) -> None:
    at_work, idle = engine("1", 0.5, (A,)), engine("2", 0.0)
    assert copied(at_work, idle) == []
    clock.now += 3.1 * 0.5 * (10.0 + BATCH_AUDIO_S)
    assert copied(at_work, idle) == [("2", [0])]


def test_a_large_batch_is_shared_by_those_that_are_idle_the_fastest_first() -> None:
    large = tuple(chunk(idx=idx) for idx in range(5))
    idle = (engine("1", 0.11, size=2), engine("2", 0.1, size=2), engine("3", 0.12, size=2))
    assert copied(engine("slow", 5.0, large), *idle) == [("2", [0, 1]), ("1", [2, 3]), ("3", [4])]


def test_what_may_not_be_copied_is_not() -> None:
    slow = engine("slow", 5.0, (A, B, C))
    assert copied(slow, engine("fast", 0.1), may=lambda one: one is not B) == [("fast", [0, 2])]


def test_two_workers_take_two() -> None:
    slow = engine("slow", 5.0, (A,), (B,), (C,))
    assert copied(slow, engine("fast", 0.1, workers=2)) == [("fast", [2]), ("fast", [1])]
