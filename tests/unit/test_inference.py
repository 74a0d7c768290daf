"""Chunks out, results in, with engines that only note what they are given."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest

from daemon.chunk import Chunk, Options
from daemon.errors import FailedRecording
from daemon.monitor.counters import Counters
from daemon.processes.engine import BatchEnded, Engine, LostBatches
from daemon.processes.model_pools import ModelPools
from daemon.processes.protocol import BatchDone, BatchFailed, Server
from daemon.store.migrate import migrate
from daemon.store.records import Batch, ChunkDone, Result
from daemon.store.store import Store
from daemon.transcribe.active_job import ActiveJob
from daemon.transcribe.inference import Inference, InferenceOutcome
from tests.builders import chunk, decoded, heard, load_model, ready, seen
from tests.fakes import KilledEngines


class FakeEngines(KilledEngines):
    """Engines that run for ever."""

    def __init__(self, *engines: Engine) -> None:
        super().__init__()
        self.engines = list(engines)
        self.given: list[tuple[int, ...]] = []
        """The jobs of the chunks of each batch."""

    @property
    def in_flight(self) -> int:
        return sum(len(engine.batches) for engine in self.engines)

    def run(self, engine: Engine, chunks: list[Chunk]) -> None:
        self.given.append(tuple(each.job_id for each in chunks))
        engine.batches[len(self.given)] = tuple(chunks)


def elsewhere(policy: str = "elsewhere") -> Engine:
    says = ready(device="box:1", workers=1, batch_size=1, policy=policy)
    load = load_model(device="box:1", server=Server("engines[0]", "http://box:1/v1"))
    return Engine(load, ready=says, batch_size=1, batch_s=9.0)


def engine(device: str = "cpu", workers: int = 1, batch_size: int = 4) -> Engine:
    says = ready(device=device, workers=workers, batch_size=batch_size)
    return Engine(load_model(device=device), ready=says, batch_size=batch_size, batch_s=9.0)


class House:
    """Inference for some running jobs, on engines of which each runs one batch of four unless told otherwise."""

    def __init__(self, store: Store, *engines: Engine, jobs: int = 3, language: str = "en") -> None:
        self.store = store
        self.engines = FakeEngines(*(engines or (engine(),)))
        options = Options(language=language)
        store.queue([(seen(f"{number}.wav"), options, 0) for number in range(jobs)])
        self.running = {job.id: ActiveJob(job, detects=language == "auto") for job in store.claim(jobs)}
        self.counters = Counters()
        pool = cast(ModelPools, self.engines)
        self.inference = Inference(store, pool, self.running, self.counters)

    @property
    def engine(self) -> Engine:
        return self.engines.engines[0]

    def submit(self, job_id: int, count: int = 1, first: int = 0) -> None:
        active = self.running[job_id]
        language = "auto" if active.detects else "en"
        made = [chunk(job_id, idx, run=active.run, language=language) for idx in range(first, first + count)]
        submitted = active.add(made)
        assert submitted is not None
        self.inference.submit(active, submitted)

    def take(self, engine: Engine | None = None) -> tuple[Engine, tuple[Chunk, ...]]:
        """The oldest batch, which has ended."""
        at = engine or self.engine
        return at, at.batches.pop(min(at.batches))

    def done(self, text: str = "what was said") -> tuple[int, ...]:
        """The jobs of the chunks that the oldest batch has finished, once they are saved."""
        at, chunks = self.take()
        answer = BatchDone(1, tuple(heard(each, text) for each in chunks), 1.0)
        assert self.inference.receive(BatchEnded(at, answer, chunks)) == InferenceOutcome()
        return self.inference.save()

    def failed(self, message: str, *, out_of_memory: bool = False, **fields: bool) -> InferenceOutcome:
        at, chunks = self.take()
        return self.inference.receive(BatchEnded(at, BatchFailed(1, message, out_of_memory, **fields), chunks))

    def died(self, *, blamed: bool = True) -> InferenceOutcome:
        lost = replace(self.engines.kill(self.engine, "it died"), blamed=blamed)
        return self.inference.receive(lost)

    def waiting(self) -> list[tuple[int, int, bool]]:
        """(job, idx, alone) of what is handed out next, batch by batch, and forgotten."""
        found = []
        self.engine.batches.clear()
        self.inference.hand_out()
        while self.engine.batches:
            _, chunks = self.take()
            found += [(each.job_id, each.idx, each.alone) for each in chunks]
            self.inference.hand_out()
        return found


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    migrate(tmp_path / "jobs.db")
    made = Store(tmp_path / "jobs.db")
    yield made
    made.close()


@pytest.fixture
def house(store: Store) -> House:
    return House(store)


def test_nothing_is_handed_out_before_it_is_asked_for_nor_while_it_holds(house: House) -> None:
    house.submit(1, 8)
    assert house.engines.given == []
    house.inference.hand_out()
    assert len(house.engines.given) == 1
    house.inference.hold()
    house.done()
    assert len(house.engines.given) == 1, "a batch that ends makes room, which is left empty"
    house.inference.hand_out()
    assert len(house.engines.given) == 2


def test_recordings_take_turns(house: House) -> None:
    house.submit(1, 8)
    house.submit(2, 2)
    house.submit(3, 1)
    house.inference.hand_out()
    house.done()
    assert sorted(house.engines.given[0]) == [1, 1, 2, 3]
    assert sorted(house.engines.given[1]) == [1, 1, 2], (
        "on a CPU, the beginnings of recordings do not wait for the rest"
    )


def test_few_chunks_are_shared_out_among_the_workers(store: Store) -> None:
    house = House(store, engine(workers=2), engine(workers=2))
    house.submit(1, 4)
    house.inference.hand_out()
    assert [len(given) for given in house.engines.given] == [1, 1, 1, 1]


def test_what_waits_is_counted_in_seconds(house: House) -> None:
    house.submit(1, 6)
    assert house.inference.held_s == 60.0
    house.inference.hand_out()
    assert house.inference.held_s == 20.0
    house.inference.drop(1)
    assert house.inference.held_s == 0.0 and house.waiting() == []


def test_a_batch_is_a_checkpoint_of_all_its_recordings(house: House) -> None:
    house.submit(1, 2)
    house.submit(2, 1)
    house.inference.hand_out()
    assert sorted(house.done("hello")) == [1, 2]
    assert [line.text for line in house.store.transcript(1)] == ["hello", "hello"]
    assert house.store.chunks_done(2) == {0: ChunkDone(0.0, 10.0, "")}
    assert house.counters.rates().batch_fill_percent == 75.0


def test_batches_that_end_meanwhile_are_saved_in_one_commit(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    house = House(store, engine(workers=2))
    house.submit(1, 1)
    house.submit(2, 1)
    house.inference.hand_out()
    saved: list[tuple[int, ...]] = []
    save = store.save

    def noted(results: list[Result], *ran: Batch, languages: dict[int, tuple[str, float]]) -> None:
        saved.append(tuple(each.job_id for each in results))
        save(results, *ran, languages=languages)

    monkeypatch.setattr(store, "save", noted)
    for _ in range(2):
        at, chunks = house.take()
        house.inference.receive(BatchEnded(at, BatchDone(1, tuple(map(heard, chunks)), 1.0), chunks))
    assert store.chunks_done(1) == {}, "not before it is asked for"
    assert house.inference.save() == (1, 2) and house.inference.save() == ()
    assert saved == [(1, 2)] and store.chunks_done(1).keys() == store.chunks_done(2).keys() == {0}


def test_results_for_a_job_that_has_ended_or_began_anew_are_void(house: House) -> None:
    house.submit(1)
    house.submit(2)
    house.inference.hand_out()
    del house.running[1]
    job = house.running[2].job
    house.running[2] = ActiveJob(job, detects=False, run=1)
    assert house.running[2].run != house.engine.batches[1][1].run
    assert house.done() == ()
    assert house.store.chunks_done(1) == house.store.chunks_done(2) == {}


def test_a_bad_result_goes_first_and_makes_no_checkpoint(house: House) -> None:
    house.submit(1, 5)
    house.inference.hand_out()
    at, chunks = house.take()
    results = tuple(decoded("text", avg_logprob=-2.0 if each.idx == 1 else -0.2) for each in chunks)
    house.inference.receive(BatchEnded(at, BatchDone(1, results, 1.0), chunks))
    assert house.inference.save() == (1,)
    assert house.take()[1][0].temperature == 0.2


def test_the_first_speech_tells_the_language_of_the_rest(store: Store) -> None:
    house = House(store, jobs=1, language="auto")
    house.submit(1, 3)
    house.inference.hand_out()
    at, chunks = house.take()
    answer = BatchDone(1, (decoded("bonjour", language="fr"),), 1.0)
    assert len(chunks) == 1
    house.inference.receive(BatchEnded(at, answer, chunks))
    house.inference.save()
    assert (store.job(1).language, store.job(1).language_probability) == ("fr", 0.97)
    assert [each.idx for each in house.take()[1]] == [1, 2]


def test_of_several_that_were_lost_none_pays_and_each_runs_alone(house: House) -> None:
    house.submit(1, 2)
    house.submit(2, 1)
    house.inference.hand_out()
    assert house.died() == InferenceOutcome()
    assert sorted(house.waiting()) == [(1, 0, True), (1, 1, True), (2, 0, True)]


def test_what_was_lost_with_a_machine_goes_out_as_it_was_before_all_others(house: House) -> None:
    house.submit(1, 1)
    house.submit(2, 2)
    house.submit(3, 1)
    house.inference.hand_out()
    lost = tuple(house.engine.batches.pop(min(house.engine.batches)) for _ in list(house.engine.batches))
    house.submit(1, 4, first=1)
    event = LostBatches(lost, "it is gone", blamed=False, with_its_machine=True)
    assert house.inference.receive(event) == InferenceOutcome()
    handed_out = house.waiting()
    first = [(job_id, idx) for job_id, idx, _ in handed_out[:4]]
    assert sorted(first) == [(1, 0), (2, 0), (2, 1), (3, 0)]
    assert not any(alone for *_, alone in handed_out)


def test_one_that_was_lost_alone_pays(house: House) -> None:
    house.submit(1)
    house.inference.hand_out()
    ((job_id, error),) = house.died().failed
    assert job_id == 1 and isinstance(error, FailedRecording)
    assert error.message == "the engine died on its speech at 0 s (signal 9)"
    assert house.waiting() == []


def test_one_that_never_reached_its_engine_does_not(house: House) -> None:
    house.submit(1)
    house.inference.hand_out()
    assert house.died(blamed=False) == InferenceOutcome()
    assert house.waiting() == [(1, 0, True)]


def test_what_an_engine_lost_of_a_job_that_has_ended_is_forgotten(house: House) -> None:
    house.submit(1)
    house.inference.hand_out()
    del house.running[1]
    assert house.died() == InferenceOutcome() and house.waiting() == []


def test_out_of_memory_halves_the_batch_and_blames_nobody(house: House) -> None:
    house.submit(1, 4)
    house.inference.hand_out()
    outcome = house.failed("out of memory", out_of_memory=True)
    assert outcome == InferenceOutcome(shrunk=house.engine) and house.engine.batch_size == 2
    assert sorted(house.waiting()) == [(1, idx, False) for idx in range(4)]


def test_a_chunk_that_is_too_large_by_itself_gets_a_fresh_process_and_pays_only_there(house: House) -> None:
    house.submit(1)
    house.inference.hand_out()
    assert house.failed("out of memory", out_of_memory=True) == InferenceOutcome()
    assert house.engines.killed == ["out of memory for a single chunk"]
    house.inference.hand_out()
    assert house.engine.batches[2][0].alone
    ((job_id, error),) = house.failed("out of memory", out_of_memory=True).failed
    assert (job_id, error.message) == (1, "out of memory on its speech at 0 s")


def test_what_one_cpu_engine_cannot_take_ends_no_process(house: House) -> None:
    house.submit(1)
    house.inference.hand_out()
    ((_, error),) = house.failed("a strange tensor").failed
    assert error.message == "a strange tensor on its speech at 0 s" and house.engines.killed == []


def test_after_a_cuda_error_nothing_else_of_that_process_is_believed(store: Store) -> None:
    house = House(store, engine("cuda:0", workers=2))
    house.submit(1, 8)
    house.inference.hand_out()
    assert len(house.engine.batches) == 2
    assert house.failed("CUDA failed").failed == () and house.engines.killed == ["a CUDA error"]
    assert sorted(house.waiting()) == [(1, idx, True) for idx in range(8)]


def test_what_comes_back_from_a_server_that_is_away_goes_out_again_as_it_was_however_often(store: Store) -> None:
    house = House(store, elsewhere())
    house.submit(1, 2)
    for _ in range(5):
        house.inference.hand_out()
        assert house.failed("it is gone", elsewhere=True, away=True) == InferenceOutcome()
    assert house.inference.held_s == 20.0 and house.waiting() == [(1, 0, False), (1, 1, False)]


def test_what_a_server_fails_at_goes_out_again_alone_and_only_then_pays(store: Store) -> None:
    house = House(store, elsewhere())
    house.submit(1, 2)
    house.inference.hand_out()
    assert house.failed("answered 500", elsewhere=True) == InferenceOutcome()
    house.inference.hand_out()
    outcome = house.failed("answered 500", elsewhere=True)
    ((job_id, error),) = outcome.failed
    assert job_id == 1 and isinstance(error, FailedRecording) and "answered 500 on its speech at 0 s" in str(error)


@pytest.mark.parametrize(
    ("at", "saved"),
    [(elsewhere("accept"), 1), (elsewhere(), 0), (engine(batch_size=1), 0)],
    ids=["ours", "API", "here"],
)
def test_each_result_is_judged_as_its_engine_wants_it(store: Store, at: Engine, saved: int) -> None:
    """A text that Whisper's rules ask for again is one that a daemon elsewhere has judged already."""
    house = House(store, at)
    house.submit(1, 1)
    house.inference.hand_out()
    _, chunks = house.take()
    unlikely = replace(heard(chunks[0]), avg_logprob=-3.0)
    house.inference.receive(BatchEnded(at, BatchDone(1, (unlikely,), 1.0), chunks))
    assert len(house.inference.save()) == saved


def test_none_waits_ahead_of_an_engine_while_another_one_would_stay_idle(store: Store) -> None:
    quick, other = engine(), engine()
    quick.batch_s = 0.01
    house = House(store, quick, other)
    house.submit(1, 9)
    house.inference.hand_out()
    assert [len(quick.batches), len(other.batches)] == [1, 1]
    house.submit(1, 8, first=9)
    house.inference.hand_out()
    assert [len(quick.batches), len(other.batches)] == [2, 1]


def test_a_slow_engine_gets_few_near_the_end_and_none_where_a_faster_one_is_done_first(store: Store) -> None:
    slow, fast = engine("cuda:0"), engine("cuda:1")
    slow.learn(0, 5.0, 10.0)
    fast.learn(0, 1.0, 10.0)
    house = House(store, slow, fast)
    house.submit(1, 5)
    house.inference.hand_out()
    assert [len(*fast.batches.values()), list(slow.batches)] == [4, []] and house.inference.held_s == 10.0
    house.submit(1, 40, first=5)
    house.inference.hand_out()
    assert len(*slow.batches.values()) == 4, "there is plenty"


def test_a_chunk_that_must_be_alone_goes_to_a_slow_engine_too(store: Store) -> None:
    slow, fast = engine("cuda:0"), engine("cuda:1")
    house = House(store, fast)
    house.submit(1, 2)
    house.inference.hand_out()
    house.died()
    slow.learn(0, 5.0, 10.0)
    fast.learn(0, 1.0, 10.0)
    house.engines.engines[:] = [slow, fast]
    house.inference.hand_out()
    assert len(slow.batches) == len(fast.batches) == 1
