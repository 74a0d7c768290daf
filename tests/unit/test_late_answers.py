"""What becomes of chunks that a slow engine has and a fast one gets as well: one answer counts, nothing else is seen."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from daemon.chunk import Decoded
from daemon.processes import engine as engine_module
from daemon.processes.engine import BatchEnded, Engine, LostBatches
from daemon.processes.protocol import BatchDone, BatchFailed
from daemon.store.store import Store
from daemon.transcribe.inference import InferenceOutcome
from tests.builders import decoded, heard
from tests.fakes import FakeClock
from tests.support import new_database
from tests.unit.test_inference import House, engine


class Uneven(House):
    """A slow engine that has chunks, and a fast one that is idle; the clock stands still."""

    def __init__(self, store: Store, monkeypatch: pytest.MonkeyPatch, chunks: int = 2, fast: str = "cuda:1") -> None:
        monkeypatch.setattr(engine_module, "time", clock := FakeClock())
        super().__init__(store, engine("cuda:0"), engine(fast))
        self.clock = clock
        self.slow, self.fast = self.engines.engines
        self.slow.learn(0, 100.0, 10.0)
        self.fast.recycle = True
        self.submit(1, chunks)
        self.inference.hand_out()
        self.fast.recycle = False
        self.fast.learn(0, 1.0, 10.0)

    def ends(self, at: Engine, *results: Decoded) -> tuple[int, ...]:
        """A batch ends; the jobs of the chunks that are saved."""
        (batch_id,) = at.batches
        chunks = at.batches.pop(batch_id)
        answer = BatchDone(batch_id, results or tuple(map(heard, chunks)), 8.0)
        assert self.inference.receive(BatchEnded(at, answer, chunks)) == InferenceOutcome()
        return self.inference.save()

    def fails(self, at: Engine, **fields: bool) -> InferenceOutcome:
        (batch_id,) = at.batches
        chunks = at.batches.pop(batch_id)
        answer = BatchFailed(batch_id, "a strange tensor", **{"out_of_memory": False, **fields})
        return self.inference.receive(BatchEnded(at, answer, chunks))

    def dies(self, at: Engine, *, blamed: bool = True) -> InferenceOutcome:
        lost = LostBatches(tuple(at.batches.values()), "signal 9", blamed)
        at.batches.clear()
        return self.inference.receive(lost)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    new_database(tmp_path / "jobs.db")
    return tmp_path / "jobs.db"


@pytest.fixture
def store(path: Path) -> Iterator[Store]:
    made = Store(path)
    yield made
    made.close()


def kept(path: Path) -> list[tuple[str, int, float, float]]:
    """(device, size, audio, run) of the batches that are kept."""
    with closing(sqlite3.connect(path)) as db:
        return db.execute("SELECT device, size, audio_s, run_s FROM batches ORDER BY id").fetchall()


@pytest.fixture
def uneven(store: Store, monkeypatch: pytest.MonkeyPatch) -> Uneven:
    made = Uneven(store, monkeypatch)
    made.inference.hand_out()
    assert [list(each.batches.values()) for each in (made.slow, made.fast)] == [[made.slow.batches[1]]] * 2
    assert made.inference.in_flight == 2 and made.inference.held_s == 0.0
    return made


def test_the_first_answer_counts_and_the_late_one_leaves_no_trace(uneven: Uneven, path: Path) -> None:
    assert uneven.ends(uneven.fast) == (1,)
    assert uneven.running[1].open_chunks == 0 and uneven.inference.in_flight == 0 and uneven.engines.in_flight == 1
    before = kept(path), uneven.store.transcript(1), uneven.counters.rates()
    del uneven.running[1]
    pace = uneven.slow.pace
    assert uneven.ends(uneven.slow) == ()
    assert (kept(path), uneven.store.transcript(1), uneven.counters.rates()) == before
    assert before[0] == [("cuda:1", 2, 20.0, 8.0)] and uneven.slow.pace != pace, "only how long it took is learnt"


def test_the_slow_one_may_be_first_after_all(uneven: Uneven, path: Path) -> None:
    assert uneven.ends(uneven.slow) == (1,) and uneven.ends(uneven.fast) == ()
    assert kept(path) == [("cuda:0", 2, 20.0, 8.0)] and uneven.inference.held_s == 0.0


@pytest.mark.parametrize("fields", [{}, {"out_of_memory": True}, {"away": True}, {"elsewhere": True}])
def test_what_fails_late_fails_nobody(uneven: Uneven, fields: dict[str, bool]) -> None:
    uneven.ends(uneven.fast)
    assert uneven.fails(uneven.slow, **fields).failed == ()
    assert uneven.inference.held_s == 0.0 and uneven.inference.in_flight == 0


@pytest.mark.parametrize("fields", [{}, {"out_of_memory": True}, {"away": True}, {"elsewhere": True}])
def test_what_fails_first_waits_for_the_other(uneven: Uneven, fields: dict[str, bool]) -> None:
    assert uneven.fails(uneven.fast, **fields).failed == ()
    assert uneven.inference.held_s == 0.0 and uneven.inference.in_flight == 1
    assert uneven.ends(uneven.slow) == (1,) and len(uneven.store.chunks_done(1)) == 2


@pytest.mark.parametrize("count", [1, 2])
def test_an_engine_that_dies_costs_nobody_anything_while_the_other_has_its_chunks(
    store: Store, monkeypatch: pytest.MonkeyPatch, count: int
) -> None:
    uneven = Uneven(store, monkeypatch, count)
    uneven.inference.hand_out()
    assert uneven.dies(uneven.fast) == InferenceOutcome() and uneven.inference.held_s == 0.0
    uneven.inference.hand_out()
    assert uneven.fast.batches == {}, "what may have killed it is not given to it again"
    assert uneven.ends(uneven.slow) == (1,) and len(store.chunks_done(1)) == count


def test_an_engine_that_is_lost_with_its_machine_gets_its_copies_again(uneven: Uneven) -> None:
    uneven.dies(uneven.fast, blamed=False)
    uneven.inference.hand_out()
    assert len(uneven.fast.batches) == 1 and uneven.ends(uneven.fast) == (1,)


def test_one_that_dies_after_its_answer_came_from_elsewhere_costs_nobody_anything(uneven: Uneven) -> None:
    uneven.ends(uneven.fast)
    assert uneven.dies(uneven.slow) == InferenceOutcome() and uneven.inference.held_s == 0.0


def test_what_kills_both_is_run_again_alone_and_once(uneven: Uneven) -> None:
    uneven.dies(uneven.slow)
    assert uneven.dies(uneven.fast) == InferenceOutcome() and uneven.inference.held_s == 20.0
    uneven.inference.hand_out()
    given = [chunk for each in (uneven.slow, uneven.fast) for batch in each.batches.values() for chunk in batch]
    assert all(chunk.alone for chunk in given) and len(given) + uneven.inference.held_s / 10 == 2
    uneven.slow.learn(0, 10_000.0, 10.0)
    uneven.inference.hand_out()
    assert max(len(each.batches) for each in (uneven.slow, uneven.fast)) == 1, "and gets no copies"


def test_a_single_chunk_that_kills_both_pays(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    uneven = Uneven(store, monkeypatch, 1)
    uneven.inference.hand_out()
    assert uneven.dies(uneven.slow) == InferenceOutcome()
    ((job_id, _),) = uneven.dies(uneven.fast).failed
    assert job_id == 1


def test_a_repetition_is_not_taken_for_the_copy_that_is_late(uneven: Uneven) -> None:
    """The same speech at another temperature: the late answer is that of the first one."""
    chunks = next(iter(uneven.fast.batches.values()))
    assert uneven.ends(uneven.fast, decoded("unlikely", avg_logprob=-2.0), heard(chunks[1])) == (1,)
    (again,) = next(iter(uneven.fast.batches.values()))
    assert (again.idx, again.temperature) == (0, 0.2)
    assert uneven.ends(uneven.slow) == () and uneven.running[1].open_chunks == 1
    assert uneven.ends(uneven.fast, heard(again, "at last")) == (1,)
    assert uneven.store.transcript(1)[0].text == "at last"


def test_of_a_batch_that_is_copied_in_part_the_rest_counts(
    store: Store, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    uneven = Uneven(store, monkeypatch, 3)
    uneven.fast.batch_size = 1
    uneven.inference.hand_out()
    uneven.ends(uneven.fast)
    assert len(store.chunks_done(1)) == 1 and uneven.inference.in_flight == 1
    assert uneven.ends(uneven.slow) == (1,) and len(store.chunks_done(1)) == 3
    assert kept(path) == [("cuda:1", 1, 10.0, 8.0), ("cuda:0", 2, 20.0, 5.3333)]


def test_nothing_is_copied_while_something_waits_or_nothing_may_begin(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    uneven = Uneven(store, monkeypatch)
    uneven.fast.recycle = True
    uneven.submit(1, 1, first=2)
    uneven.inference.hand_out()
    uneven.fast.recycle = False
    uneven.inference.hand_out()
    assert [len(batch) for batch in uneven.fast.batches.values()] == [1], "what waits goes first"
    uneven.inference.hold()
    uneven.ends(uneven.fast)
    assert uneven.fast.batches == {}
    uneven.inference.hand_out()
    assert [len(batch) for batch in uneven.fast.batches.values()] == [2]


def test_what_nobody_wants_any_more_is_not_copied(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    uneven = Uneven(store, monkeypatch)
    del uneven.running[1]
    uneven.inference.hand_out()
    assert uneven.fast.batches == {}


def test_a_device_that_has_it_already_gets_no_copy(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    uneven = Uneven(store, monkeypatch, fast="cuda:0")
    uneven.inference.hand_out()
    assert uneven.fast.batches == {}
