"""The dispatcher with a real store and pools that only note what they are asked: claims, windows, deaths, drain."""

import os
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import replace
from multiprocessing.connection import wait
from pathlib import Path
from typing import Any, Literal

import pytest

from daemon.chunk import Chunk, Options
from daemon.config.settings import Jobs, Settings, SpeakerModel, Watch
from daemon.filesystem import fingerprint
from daemon.monitor.counters import Counters
from daemon.processes.decoder_pool import LostRecordings
from daemon.processes.engine import BatchEnded, Engine, EngineReady
from daemon.processes.model_pools import ModelUnavailable
from daemon.processes.protocol import BatchDone, BatchFailed, Next, Open, Opened, Refused, TellApart, Window
from daemon.processes.website import Website
from daemon.signals import Wakeup
from daemon.store.queries import Queries
from daemon.store.records import Seen
from daemon.store.schema import stages
from daemon.store.store import Store
from daemon.transcribe.children import Children
from daemon.transcribe.dispatcher import Dispatcher
from daemon.transcribe.pauses import Pauses
from daemon.transcribe.places import LONG_BYTES, LONG_OPEN_MAX
from daemon.watch.resolver import Resolver
from tests.builders import chunk, heard, load_model, ready, result
from tests.fakes import KilledEngines
from tests.support import new_database

READY = ready()


class FakeChild:
    """A connection on which something waits to be received."""

    overdue = False

    def __init__(self) -> None:
        self._read, self._write = os.pipe()
        self._events: list[object] = []

    def fileno(self) -> int:
        return self._read

    def say(self, event: object) -> None:
        self._events.append(event)
        os.write(self._write, b".")

    def heard(self) -> object:
        os.read(self._read, 1)
        return self._events.pop(0)

    def close(self) -> None:
        os.close(self._read)
        os.close(self._write)


class FakePool:
    def __init__(self) -> None:
        self.child = FakeChild()

    @property
    def children(self) -> list[FakeChild]:
        return [self.child]

    def receive(self, child: FakeChild) -> object:
        return child.heard()


class FakeDecoders(FakePool):
    may_start = True

    def __init__(self) -> None:
        super().__init__()
        self.opened: list[Open] = []
        self.asked: list[int] = []
        self.voiced: dict[int, int] = {}
        self.questions: list[TellApart] = []
        self.closed: list[int] = []

    def open(self, order: Open, fd: int) -> None:
        os.fstat(fd)
        self.opened.append(order)

    def ask(self, order: Next) -> None:
        self.asked.append(order.job_id)
        self.voiced[order.job_id] = order.voiced

    def tell_apart(self, order: TellApart) -> None:
        self.questions.append(order)

    def forget(self, job_id: int) -> None:
        self.closed.append(job_id)

    def hand_out(self) -> None:
        pass


class FakeEngines(FakePool, KilledEngines):
    ready = READY
    others = frozenset[str]()

    @property
    def is_ready(self) -> bool:
        return self.ready is not None

    def __init__(self) -> None:
        FakePool.__init__(self)
        KilledEngines.__init__(self)
        self.engine = Engine(load_model(), ready=READY, batch_size=4)
        self.engines = [self.engine]
        self._ids = iter(range(1, 1000))
        self._answered: set[int] = set()

    def receive(self, child: FakeChild) -> object:
        event = child.heard()
        if isinstance(event, BatchEnded):
            del event.engine.batches[event.answer.batch_id]
        return event

    def _oldest(self) -> tuple[int, tuple[Chunk, ...]]:
        batch_id = next(batch_id for batch_id in self.engine.batches if batch_id not in self._answered)
        self._answered.add(batch_id)
        return batch_id, self.engine.batches[batch_id]

    @property
    def capacity(self) -> int:
        return 2 * self.engine.batch_size

    @property
    def in_flight(self) -> int:
        return sum(len(engine.batches) for engine in self.engines)

    def keep_alive(self, in_use: Collection[str]) -> None:
        pass

    def run(self, engine: Engine, chunks: list[Chunk]) -> None:
        engine.batches[next(self._ids)] = tuple(chunks)

    def done(self, text: str = "good morning everybody, this is what was said in twenty seconds") -> None:
        """The oldest batch ends."""
        batch_id, chunks = self._oldest()
        results = tuple(heard(chunk, text) for chunk in chunks)
        self.child.say(BatchEnded(self.engine, BatchDone(batch_id, results, 0.1), chunks))

    def failed(self, message: str, *, out_of_memory: bool) -> None:
        batch_id, chunks = self._oldest()
        self.child.say(BatchEnded(self.engine, BatchFailed(batch_id, message, out_of_memory), chunks))


class FakeAutotuner(FakePool):
    def __init__(self) -> None:
        super().__init__()
        self.remembered: list[int] = []
        self.idle: list[bool] = []

    def tick(self, *, idle: bool) -> None:
        self.idle.append(idle)

    def remember(self, engine: Engine) -> None:
        self.remembered.append(engine.batch_size)


def seen_now(file: Path) -> Seen:
    """A recording in the inbox, as the scanner would find it."""
    status = file.stat()
    return Seen(str(file.parent), file.name.encode(), fingerprint(status), status.st_size)


class House:
    """A dispatcher, and everything that it is joined to."""

    def __init__(self, folder: Path, voices: Literal["off", "keep"] = "off", website: Website | None = None) -> None:
        self.inbox = folder / "inbox"
        self.inbox.mkdir()
        self.path = folder / "jobs.db"
        new_database(self.path)
        self.store = Store(self.path)
        self.decoders, self.engines, self.tuner = FakeDecoders(), FakeEngines(), FakeAutotuner()
        watch = Watch(path=self.inbox, language="en")
        of_jobs = Jobs(attempts=2, retry_backoff_seconds=60, drain_seconds=1)
        settings = Settings(watch=(watch,), jobs=of_jobs, speakers=SpeakerModel(voices=voices))
        self.wakeup = Wakeup()
        self.pauses = Pauses(self.store, None, self.wakeup)
        children = Children(self.engines, self.decoders, self.tuner, None, website)  # type: ignore[arg-type]
        self.dispatcher = Dispatcher(self.store, children, self.pauses, self.wakeup, Resolver(settings), Counters())

    def close(self) -> None:
        self.store.close()
        self.wakeup.close()
        for pool in (self.decoders, self.engines, self.tuner):
            pool.child.close()

    def queue(
        self, *names: str, size: int = 10, priority: int = 0, speakers: str = "off", formats: tuple[str, ...] = ("txt",)
    ) -> None:
        ready = []
        for name in names:
            file = self.inbox / name
            with file.open("wb") as opened:
                opened.truncate(size)
            ready.append((seen_now(file), Options(formats=formats, speakers=speakers), priority))
        self.store.queue(ready)
        self.wakeup.wake()

    def until(self, condition: Callable[[], object], ticks: int = 40) -> None:
        """Run the loop until something is true."""
        left = iter(range(ticks))

        def progress() -> bool:
            assert next(left, None) is not None, f"not within {ticks} ticks; {self.states()}"
            # Nothing to wait for: the loop would sleep for its second.
            self.wakeup.wake()
            return bool(condition())

        self.dispatcher.run(progress)

    def ticks(self, count: int = 3) -> None:
        left = iter(range(count))
        self.until(lambda: next(left, None) is None)

    def states(self) -> dict[str, str]:
        with Queries(self.path) as queries:
            return {row["path"]: row["state"] for row in queries.jobs(limit=100)}

    def job(self, name: str) -> dict[str, object]:
        with Queries(self.path) as queries:
            return next(dict(row) for row in queries.jobs(limit=100) if row["path"] == name)

    def open(self, order: Open) -> None:
        """The decoder has opened a recording."""
        self.decoders.child.say(Opened(order.job_id, order.run, f"hash-{order.job_id}", 20.0))
        self.until(lambda: order.job_id in self.decoders.asked)

    def window(
        self,
        order: Open,
        chunks: int,
        *,
        last: bool = True,
        first: int = 0,
        run: int | None = None,
        channels: Sequence[int] = (),
        spoken: Sequence[tuple[float, float]] = (),
    ) -> None:
        """The decoder has cut chunks; with channels, it takes turns between these.

        Args:
            spoken: When somebody speaks in each of them, in seconds from its beginning.
        """
        made = tuple(
            chunk(
                order.job_id, idx, 20.0, run=order.run, language="en",
                channel=channels[idx % len(channels)] if channels else 0,
                spoken=tuple((20.0 * idx + start_s, 20.0 * idx + end_s) for start_s, end_s in spoken),
            )
            for idx in range(first, first + chunks)
        )  # fmt: skip
        follow = bool(order.speaker_model)
        seconds = 20.0 * chunks
        self.decoders.child.say(
            Window(order.job_id, run or order.run, made, last, seconds, seconds, 0, voices_follow=follow)
        )


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    made = House(tmp_path)
    yield made
    made.close()


def test_a_recording_from_the_queue_to_its_transcript(house: House) -> None:
    house.queue("a.wav")
    house.until(lambda: house.decoders.opened)
    (order,) = house.decoders.opened
    house.open(order)
    house.window(order, 2)
    house.until(lambda: house.engines.in_flight)
    while house.engines.in_flight:
        house.engines.done()
        house.ticks(2)
    assert house.states() == {"a.wav": "done"}
    assert (house.inbox / "a.txt").read_text().count("good morning") == 2
    assert house.dispatcher.idle


def test_no_more_is_claimed_than_there_are_places_and_short_ones_keep_theirs(house: House) -> None:
    house.queue(*(f"long-{number}.wav" for number in range(8)), size=LONG_BYTES + 1)
    house.queue(*(f"memo-{number:02}.wav" for number in range(40)))
    house.ticks()
    running = [name for name, state in house.states().items() if state == "running"]
    assert sum(name.startswith("long") for name in running) == LONG_OPEN_MAX
    assert sum(name.startswith("memo") for name in running) == 2 * house.engines.capacity + 4


def test_what_has_priority_is_claimed_first(house: House) -> None:
    house.queue(*(f"memo-{number:02}.wav" for number in range(40)))
    house.queue("urgent.wav", priority=5)
    house.until(lambda: house.decoders.opened)
    assert house.states()["urgent.wav"] == "running"


def test_nothing_is_published_before_what_has_come_with_it_is_saved(house: House) -> None:
    house.queue("a.wav")
    house.until(lambda: house.decoders.opened)
    (order,) = house.decoders.opened
    house.open(order)
    house.window(order, 1, last=False)
    house.until(lambda: house.engines.in_flight)
    # In one round come the text of the only chunk and the news that there is no more.
    house.engines.done()
    house.window(order, 0, first=1)
    house.ticks(1)
    assert house.states() == {"a.wav": "done"}
    assert "good morning" in (house.inbox / "a.txt").read_text()


def test_checkpoints_that_are_not_of_this_recording_are_dropped_with_those_of_the_same_round(house: House) -> None:
    house.queue("a.wav")
    house.until(lambda: house.decoders.opened)
    (order,) = house.decoders.opened
    house.store.save([result(order.job_id, 1)])
    house.open(order)
    house.window(order, 1, last=False)
    house.until(lambda: house.engines.in_flight)
    house.engines.done()
    house.window(order, 1, first=1)  # twenty seconds, where ten are stored
    house.ticks(1)
    assert house.store.chunks_done(order.job_id) == {} and not (house.inbox / "a.txt").exists()


def test_the_next_window_is_asked_for_while_little_is_left_to_do_and_only_once(house: House) -> None:
    house.queue("a.wav")
    house.until(lambda: house.decoders.opened)
    (order,) = house.decoders.opened
    house.open(order)
    house.ticks()
    assert house.decoders.asked == [order.job_id], "asked for again before it came"
    house.window(order, 4 * house.engines.capacity + 8, last=False)
    house.ticks()
    assert len(house.decoders.asked) == 1, "there is enough to do"
    for _ in range(4):
        house.engines.done()
        house.ticks(2)
    assert len(house.decoders.asked) == 2


def test_a_dead_decoder_costs_its_culprit_an_attempt_and_nobody_else(house: House) -> None:
    house.queue("bad.wav", "good.wav")
    house.until(lambda: len(house.decoders.opened) == 2)
    bad, good = (order.job_id for order in house.decoders.opened)
    house.decoders.child.say(LostRecordings(bad, (good,), "signal 11"))
    house.until(lambda: len(house.decoders.opened) == 3)
    assert house.states() == {"bad.wav": "failed", "good.wav": "running"}
    assert "signal 11" in str(house.job("bad.wav")["error"])
    assert (house.job("bad.wav")["attempts"], house.job("good.wav")["attempts"]) == (1, 1)


@pytest.mark.parametrize(("retry", "state"), [(True, "failed"), (False, "rejected")])
def test_what_a_decoder_refuses_is_rejected_or_tried_again(house: House, retry: bool, state: str) -> None:
    house.queue("a.wav")
    house.until(lambda: house.decoders.opened)
    (order,) = house.decoders.opened
    house.decoders.child.say(Refused(order.job_id, order.run, "no audio in it", retry))
    house.until(lambda: house.states() == {"a.wav": state})


def test_a_recording_that_was_only_touched_is_opened_and_no_more(house: House) -> None:
    done = under_way(house)
    run_to_the_end(house)
    house.until(lambda: house.states() == {"a.wav": "done"})
    transcript = (house.inbox / "a.txt").stat()
    os.utime(house.inbox / "a.wav", (1, 1))
    house.store.queue([(seen_now(house.inbox / "a.wav"), Options(formats=("txt",)), 0)])
    house.wakeup.wake()
    house.until(lambda: len(house.decoders.opened) == 2)
    touched = house.decoders.opened[-1]
    house.decoders.child.say(Opened(touched.job_id, touched.run, f"hash-{done.job_id}", 20.0))
    house.until(lambda: touched.job_id in house.decoders.closed)
    assert house.dispatcher.idle and house.states() == {"a.wav": "done"} and len(house.decoders.asked) == 1
    assert house.job("a.wav")["fingerprint"] == fingerprint((house.inbox / "a.wav").stat())
    assert (house.inbox / "a.txt").stat() == transcript


def test_answers_for_an_earlier_claim_are_ignored(house: House) -> None:
    house.queue("a.wav")
    house.until(lambda: house.decoders.opened)
    (first,) = house.decoders.opened
    with Queries(house.path) as queries:
        queries.request("cancel", [first.job_id])
    house.until(lambda: house.states() == {"a.wav": "cancelled"}, ticks=2000)
    with Queries(house.path) as queries:
        queries.request("retry", [first.job_id])
    house.until(lambda: len(house.decoders.opened) == 2, ticks=20_000)
    second = house.decoders.opened[1]
    assert second.job_id == first.job_id and second.run != first.run
    house.decoders.child.say(Refused(first.job_id, first.run, "late", retry=False))
    house.decoders.child.say(Opened(first.job_id, first.run, "late", 1.0))
    house.window(first, 1)
    house.ticks(5)
    assert house.states() == {"a.wav": "running"} and not house.engines.in_flight and not house.decoders.asked


def under_way(house: House, name: str = "a.wav", chunks: int = 3) -> Open:
    """A recording whose chunks are in a batch."""
    house.queue(name)
    house.until(lambda: house.decoders.opened)
    order = house.decoders.opened[-1]
    house.open(order)
    house.window(order, chunks)
    house.until(lambda: house.engines.in_flight)
    return order


def test_after_the_death_of_an_engine_each_chunk_runs_alone_and_the_culprit_pays(house: House) -> None:
    under_way(house)
    house.engines.child.say(house.engines.kill(house.engines.engine, "signal 9"))
    house.until(lambda: house.engines.in_flight)
    assert [len(batch) for batch in house.engines.engine.batches.values()] == [1]
    assert house.job("a.wav")["attempts"] == 1 and house.states() == {"a.wav": "running"}
    house.engines.child.say(house.engines.kill(house.engines.engine, "signal 9"))
    house.until(lambda: house.states() == {"a.wav": "failed"})
    assert "the engine died on its speech at" in str(house.job("a.wav")["error"])


def test_a_model_that_is_lost_lets_its_jobs_wait_and_charges_them_nothing(house: House) -> None:
    under_way(house, chunks=8)
    house.engines.child.say(ModelUnavailable("", "the model cannot be loaded: no memory"))
    house.until(lambda: house.states() == {"a.wav": "queued"})
    assert (house.job("a.wav")["attempts"], house.dispatcher.idle) == (0, True)


def test_out_of_memory_halves_the_batch_and_the_size_is_remembered(house: House) -> None:
    under_way(house, chunks=8)
    before = house.engines.engine.batch_size
    house.engines.failed("out of memory", out_of_memory=True)
    house.until(lambda: house.tuner.remembered)
    assert house.tuner.remembered == [before // 2] and not house.engines.killed
    while house.engines.in_flight:
        assert all(len(batch) <= before for batch in house.engines.engine.batches.values())
        house.engines.done()
        house.ticks(2)
    assert house.states() == {"a.wav": "done"}


def test_a_batch_that_fails_is_no_reason_to_end_the_engine_of_a_cpu(house: House) -> None:
    under_way(house, chunks=1)
    house.engines.failed("a strange tensor", out_of_memory=False)
    house.until(lambda: house.states() == {"a.wav": "failed"})
    assert house.engines.killed == [] and "a strange tensor" in str(house.job("a.wav")["error"])


def test_after_a_cuda_error_the_engine_is_ended_and_all_its_batches_run_again(house: House) -> None:
    house.engines.engine.load = replace(house.engines.engine.load, device="cuda:0")
    under_way(house, chunks=8)
    assert house.engines.in_flight == 2
    house.engines.failed("CUDA failed", out_of_memory=False)
    house.until(lambda: house.engines.killed)
    assert house.engines.killed == ["a CUDA error"] and house.states() == {"a.wav": "running"}


def test_an_engine_that_is_ready_has_the_queue_looked_at(house: House) -> None:
    house.engines.ready = None  # type: ignore[assignment]
    house.queue("a.wav")
    house.ticks()
    assert house.states() == {"a.wav": "queued"} and not house.dispatcher.ready
    house.engines.ready = READY
    house.engines.child.say(EngineReady())
    house.until(lambda: house.states() == {"a.wav": "running"})


def test_a_drain_finishes_what_runs_and_gives_back_the_rest(house: House) -> None:
    under_way(house, chunks=2)
    house.queue("later.wav")
    for _ in range(house.engines.in_flight):
        house.engines.done()
    house.dispatcher.drain(hurry=lambda: False)
    assert house.states() == {"a.wav": "done", "later.wav": "queued"}


def test_what_another_engine_has_answered_holds_up_no_drain_but_a_trial(house: House) -> None:
    """A slow engine still has a copy of the last chunks; nobody waits for it, but it is at work."""
    quick = house.engines.engine
    slow = Engine(load_model(device="cuda:0"), ready=ready(device="cuda:0"), batch_size=4)
    slow.learn(0, 1000.0, 1.0)
    house.engines.engines.append(slow)
    quick.recycle = True
    under_way(house, chunks=1)
    assert slow.batches
    quick.recycle = False
    quick.learn(0, 1.0, 1.0)
    house.until(lambda: quick.batches)
    house.engines.done()
    house.until(lambda: house.states() == {"a.wav": "done"})
    house.tuner.idle.clear()
    house.ticks()
    assert slow.batches and not any(house.tuner.idle)
    house.dispatcher.drain(hurry=lambda: pytest.fail("it waits for something"))
    slow.batches.clear()
    house.ticks()
    assert house.tuner.idle[-1]


def test_a_drain_in_a_hurry_gives_everything_back_without_charge(house: House) -> None:
    under_way(house)
    house.dispatcher.drain(hurry=lambda: True)
    assert house.states() == {"a.wav": "queued"} and house.job("a.wav")["attempts"] == 0
    assert house.dispatcher.idle


def test_during_a_pause_nothing_is_begun(house: House) -> None:
    house.pauses.hold("request", "by request")
    house.queue("a.wav")
    house.ticks()
    assert house.states() == {"a.wav": "queued"} and not any(house.tuner.idle)
    house.pauses.release("request")
    house.until(lambda: house.states() == {"a.wav": "running"})


def run_to_the_end(house: House) -> None:
    """Every batch ends; the last tick takes the first step of the stages."""
    while house.engines.in_flight:
        house.engines.done()
        house.ticks(2)


@pytest.fixture
def small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stage sees one chunk in a step."""
    monkeypatch.setattr("daemon.transcribe.stages.CHUNKS_PER_STEP", 1)


@pytest.mark.usefixtures("small_steps")
def test_a_long_recording_is_published_after_many_steps_of_its_stages_one_in_a_tick(house: House) -> None:
    order = under_way(house, chunks=12)
    steps = []
    while house.states() == {"a.wav": "running"}:
        if house.engines.in_flight:
            house.engines.done()
        house.ticks(1)
        steps += [stage.chunks_done for stage in house.store.stages(order.job_id).values()]
    assert sorted(set(steps)) == list(range(1, 13)), "more than one step in a tick"
    (stage,) = house.store.stages(order.job_id).values()
    assert [(each["language"], each["words"]) for each in stage.result] == [("en", 12 * 11)]
    assert house.states() == {"a.wav": "done"} and house.dispatcher.idle


@pytest.mark.usefixtures("small_steps")
def test_the_loop_does_not_sleep_while_there_are_steps_to_take(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    timeouts = []

    def noted(waited_for: Any, timeout: float) -> Any:
        timeouts.append(timeout)
        return wait(waited_for, timeout)

    monkeypatch.setattr("daemon.transcribe.children.wait", noted)
    under_way(house, chunks=8)
    run_to_the_end(house)
    house.until(lambda: house.states() == {"a.wav": "done"})
    assert timeouts[-1] == 0.0, "run --once sees a second later that all is done"
    house.ticks(1)
    assert timeouts[-1] > 0.0


@pytest.mark.usefixtures("small_steps")
def test_a_job_that_is_cancelled_between_two_steps_stays_so(house: House) -> None:
    order = under_way(house, chunks=100)
    while not house.store.stages(order.job_id):
        house.engines.done()
        house.ticks(1)
    with Queries(house.path) as queries:
        queries.request("cancel", [order.job_id])
    house.until(lambda: house.states() == {"a.wav": "cancelled"}, ticks=2000)
    kept = house.store.stages(order.job_id)
    house.ticks(3)
    assert house.store.stages(order.job_id) == kept and house.dispatcher.idle
    assert not (house.inbox / "a.txt").exists()


@pytest.mark.usefixtures("small_steps")
@pytest.mark.parametrize(("hurry", "state"), [(False, "done"), (True, "queued")])
def test_a_drain_takes_the_steps_that_are_left_unless_in_a_hurry(house: House, hurry: bool, state: str) -> None:
    order = under_way(house, chunks=8)
    while not house.store.stages(order.job_id):
        house.engines.done()
        house.ticks(1)
    house.dispatcher.drain(hurry=lambda: hurry)
    assert house.states() == {"a.wav": state}
    assert len(house.store.stages(order.job_id)) == 1


@pytest.mark.usefixtures("small_steps")
def test_the_stages_of_a_copy_of_an_older_transcript_are_computed(house: House) -> None:
    """The transcript that it takes over is from a version that had no stages."""
    order = under_way(house, chunks=3)
    run_to_the_end(house)
    house.until(lambda: house.states() == {"a.wav": "done"})
    house.store._write(lambda db: db.execute(stages.delete()))
    (house.inbox / "a.wav").rename(house.inbox / "b.wav")
    house.queue("b.wav")
    house.until(lambda: len(house.decoders.opened) == 2)
    copy = house.decoders.opened[-1]
    house.decoders.child.say(Opened(copy.job_id, copy.run, f"hash-{order.job_id}", 20.0))
    house.until(lambda: house.states()["b.wav"] == "done")
    (stage,) = house.store.stages(copy.job_id).values()
    assert stage.chunks_done == 3 and stage.result[0]["words"] == 3 * 11
    assert not house.engines.in_flight and copy.job_id in house.decoders.closed
