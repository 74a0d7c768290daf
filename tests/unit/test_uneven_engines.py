"""A folder of memos and meetings on engines of which some are slow, hang or die, by a clock that the engines move."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import pytest

from daemon.chunk import Chunk, Options
from daemon.monitor.counters import Counters
from daemon.processes import engine as engine_module
from daemon.processes import engine_pool, model_pools
from daemon.processes.child import ChildDied
from daemon.processes.engine import BatchEnded, Engine, LostBatches
from daemon.processes.model_pools import ModelPools
from daemon.processes.protocol import BatchDone, BatchFailed, LoadModel, RunBatch
from daemon.store.store import Store
from daemon.transcribe import inference
from daemon.transcribe.active_job import ActiveJob
from daemon.transcribe.inference import Inference
from daemon.transcribe.places import needs_window
from tests.builders import chunk, heard, load_model, ready, seen
from tests.fakes import FakeChild, FakeClock
from tests.support import new_database

FIXED_OF_BATCH, SPREAD = 1.7, 0.2
"""What a batch costs besides its audio, in chunks of half a minute; by how much batches differ."""
WAY_S, TICK_S = 0.02, 1.0
WINDOW = 10
"""Chunks that are decoded at once."""
NEVER = float("inf")
HANGS_AFTER = 2
COSTS_AT_MOST = 1.15


@dataclass(frozen=True)
class Kind:
    """What all engines have in common.

    Args:
        batch: how many chunks they take at once.
        chunk_s: how long one of half a minute takes the usual one.
    """

    batch: int
    chunk_s: float


GPU, LARGE, CPU = Kind(16, 0.03), Kind(16, 0.5), Kind(4, 2.0)


@dataclass
class _Order:
    """A batch in an engine that computes."""

    ends_at: float
    run_s: float
    batch: RunBatch


class Computer(FakeChild):
    """An engine child that takes its time, some so many times the usual; NEVER hangs after its first batches."""

    def __init__(self, module: str, house: "House") -> None:
        super().__init__(module)
        self.house = house
        self.orders: list[_Order] = []
        self.slower = 1.0
        self.given = 0

    @property
    def talks(self) -> bool:
        """Whether it has said what nobody has heard yet."""
        return bool(self._answers)

    def send(self, message: object, fd: int | None = None) -> None:
        super().send(message, fd)
        if isinstance(message, LoadModel):
            self.slower = self.house.slower[int(message.device.removeprefix("cuda:"))]
            self.says(ready(device=message.device, devices=1, workers=1, batch_size=self.house.kind.batch))
        if isinstance(message, RunBatch):
            self.given += 1
            audio = sum(each.duration_s for each in message.chunks) / 30
            usual_s = self.house.kind.chunk_s * (FIXED_OF_BATCH + audio) * self.house.random.uniform(1, 1 + SPREAD)
            works = self.slower == NEVER and (self.given <= HANGS_AFTER or message.chunks[0].alone)
            run_s = usual_s * (1 if works else self.slower)
            begins = max([self.house.clock.now + WAY_S / 2, *(order.ends_at for order in self.orders)])
            self.orders.append(_Order(begins + run_s, run_s, message))

    def ends_one(self) -> None:
        """Come to the end of its oldest batch, or to its own where there are accidents."""
        order = self.orders.pop(0)
        batch_id, chunks = order.batch.batch_id, order.batch.chunks
        # One chunk alone would have to pay.
        accident = self.house.random.random() if self.house.accidents and len(chunks) > 1 else 1.0
        if accident < 0.1:
            self.orders.clear()
            self.says(ChildDied("killed"))
        elif accident < 0.15:
            self.says(BatchFailed(batch_id, "it is gone", out_of_memory=False, away=True))
        elif accident < 0.2:
            self.says(BatchFailed(batch_id, "a strange tensor", out_of_memory=False, elsewhere=True))
        else:
            self.says(BatchDone(batch_id, tuple(map(heard, chunks)), order.run_s))


class House:
    """Real pools, batcher and store; recordings that are decoded as fast as is asked for."""

    def __init__(
        self, folder: Path, monkeypatch: pytest.MonkeyPatch, kind: Kind, *slower: float, accidents: int = 0
    ) -> None:
        new_database(path := folder / "jobs.db")
        self.store, self.path = Store(path), path
        self.kind, self.slower, self.accidents = kind, slower, accidents
        self.clock, self.random = FakeClock(), Random(accidents)
        self.began_at = self.clock.now
        for module in (engine_module, engine_pool, model_pools):
            monkeypatch.setattr(module, "time", self.clock)
        monkeypatch.setattr(engine_pool, "Child", lambda module: Computer(module, self))
        monkeypatch.setattr(Engine, "is_on_cluster", property(lambda _engine: True))
        places = ",".join(str(place) for place in range(len(slower)))
        self.pools = ModelPools(load_model(device=f"cuda:{places}", name=""))
        self.running: dict[int, ActiveJob] = {}
        self.undecoded: dict[int, list[list[Chunk]]] = {}
        self.ended_s: dict[int, float] = {}
        self.inference = Inference(self.store, self.pools, self.running, Counters())
        self.chunks = self._folder()

    def _folder(self) -> int:
        """Forty memos and six meetings, in any order; how many chunks they have."""
        random = Random(1)
        sizes = [random.randint(1, 3) for _ in range(40)] + [random.randint(20, 60) for _ in range(6)]
        random.shuffle(sizes)
        self.store.queue([(seen(f"{at}.wav"), Options(language="en"), 0) for at in range(len(sizes))])
        for job, size in zip(self.store.claim(len(sizes)), sizes, strict=True):
            active = self.running[job.id] = ActiveJob(job, detects=False)
            seconds = [random.uniform(20, 30) for _ in range(size)]
            chunks = [chunk(job.id, idx, each, run=active.run, language="en") for idx, each in enumerate(seconds)]
            self.undecoded[job.id] = [chunks[at : at + WINDOW] for at in range(0, size, WINDOW)]
        return sum(sizes)

    @property
    def computers(self) -> list[Computer]:
        return [child for child in self.pools.children if isinstance(child, Computer)]

    @property
    def end_s(self) -> float:
        return max(self.ended_s.values())

    @property
    def mean_s(self) -> float:
        """When the recordings were done, on average."""
        return sum(self.ended_s.values()) / len(self.ended_s)

    def round(self) -> None:
        """What the dispatcher does in one."""
        self.pools.keep_alive()
        for job_id, active in self.running.items():
            if not active.decoded and needs_window(active.open_chunks, self.pools.main.capacity, self.inference.held_s):
                window, *self.undecoded[job_id] = self.undecoded[job_id]
                submitted = active.add(window, last=not self.undecoded[job_id])
                assert submitted is not None
                self.inference.submit(active, submitted)
        self.inference.hand_out()
        for job_id in [job_id for job_id, active in self.running.items() if active.complete]:
            del self.running[job_id]
            self.ended_s[job_id] = self.clock.now - self.began_at

    def hear(self) -> None:
        """Let time pass until an engine has something to say, or the loop looks again; take what it says."""
        tick = self.clock.now + TICK_S
        ends_at = {child: child.orders[0].ends_at + WAY_S / 2 for child in self.computers if child.orders}
        first = min(ends_at, key=ends_at.__getitem__, default=None)
        if not any(child.talks for child in self.computers) and first is not None:
            self.clock.now = max(self.clock.now, min(tick, ends_at[first]))
            if ends_at[first] <= self.clock.now:
                first.ends_one()
        elif first is None:
            self.clock.now = tick
        for child in self.computers:
            if child.deadline is not None and child.deadline < self.clock.now:
                child.says(ChildDied("no answer within its time"))
        for child in [child for child in self.computers if child.talks]:
            peer: Any = child
            event = self.pools.receive(peer)
            if isinstance(event, BatchEnded | LostBatches):
                assert self.inference.receive(event).failed == ()
        self.inference.save()

    def work(self) -> "House":
        """Transcribe everything."""
        for _ in range(100_000):
            if not self.running:
                break
            self.round()
            self.hear()
        assert not self.running, "it stands still"
        return self

    def all_is_there_once(self) -> bool:
        """Whether every chunk has its text, and is in one of the batches that are kept, and nothing is left over."""
        done = sum(len(self.store.chunks_done(job_id)) for job_id in self.ended_s)
        with closing(sqlite3.connect(self.path)) as db:
            ((kept,),) = db.execute("SELECT sum(size) FROM batches")
        return done == kept == self.chunks and abs(self.inference.held_s) < 0.001 and self.inference.in_flight == 0


MakeHouse = Callable[..., House]


@pytest.fixture
def make(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[MakeHouse]:
    """Houses with a folder of work, each with a clock of its own."""
    made: list[House] = []

    def house(kind: Kind, *slower: float, accidents: int = 0) -> House:
        (folder := tmp_path / str(len(made))).mkdir()
        made.append(House(folder, monkeypatch, kind, *slower, accidents=accidents))
        return made[-1]

    yield house
    for each in made:
        each.store.close()


@pytest.mark.parametrize(
    ("kind", "slower"), [(GPU, 5.0), (LARGE, 5.0), (CPU, 5.0), (LARGE, 20.0), (GPU, NEVER), (LARGE, NEVER)]
)
def test_one_of_four_that_is_slow_costs_next_to_nothing(make: MakeHouse, kind: Kind, slower: float) -> None:
    three = make(kind, 1.0, 1.0, 1.0).work()
    four = make(kind, 1.0, 1.0, slower, 1.0).work()
    assert four.end_s <= COSTS_AT_MOST * three.end_s
    # One that hangs is found out only after a while; and with what it had, some recordings wait.
    assert four.mean_s <= (COSTS_AT_MOST if slower < NEVER else 1.4) * three.mean_s
    assert three.all_is_there_once() and four.all_is_there_once()


def test_if_it_were_an_engine_like_any_other_it_would_cost_much(
    make: MakeHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same clock shows what small first batches, shares and copies are for."""
    three = make(LARGE, 1.0, 1.0, 1.0).work()
    monkeypatch.setattr(engine_module, "FIRST_OF_BATCH", 1)
    monkeypatch.setattr(inference, "worth_copying", lambda *_: iter(()))
    monkeypatch.setattr(inference, "by_speed", lambda *_: None)
    four = make(LARGE, 1.0, 1.0, 5.0, 1.0).work()
    assert four.end_s > COSTS_AT_MOST * three.end_s and four.mean_s > COSTS_AT_MOST * three.mean_s


def test_equal_engines_get_no_copies_and_are_all_at_work(make: MakeHouse) -> None:
    one, four = make(GPU, 1.0), make(GPU, 1.0, 1.0, 1.0, 1.0)
    assert four.work().end_s < 1.1 * one.work().end_s / 4
    assert sum(child.given for child in four.computers) < 1.5 * four.chunks / GPU.batch


@pytest.mark.parametrize("seed", range(1, 6))
def test_engines_die_and_go_away_and_every_chunk_is_there_once(make: MakeHouse, seed: int) -> None:
    house = make(CPU, 1.0, 4.0, 1.0, NEVER, accidents=seed).work()
    assert house.all_is_there_once()
    while house.pools.in_flight:
        # What is late ends, or its engine is ended because it is overdue.
        house.pools.keep_alive()
        house.hear()
    assert house.all_is_there_once()
