"""The trial of layouts, with a fake child: when it begins, gives way, fails, and what is kept of it."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest

from daemon.config.parallelism import Parallelism, Setup, Trial
from daemon.processes.child import ChildDied
from daemon.processes.cluster_protocol import Place
from daemon.processes.engine import Engine
from daemon.processes.engine_pool import EnginePool
from daemon.processes.protocol import Calibrate, Calibrated, Ready, Unready
from daemon.store.measurements import known_parallelism
from daemon.store.migrate import migrate
from daemon.store.store import Store
from daemon.transcribe import autotune
from daemon.transcribe.autotune import ATTEMPTS, DEADLINE_S, IDLE_S, Autotuner
from tests.builders import load_model, ready
from tests.fakes import FakeChild, FakeClock, Nursery

SETUP = Setup("this machine", "tiny.en", "cpu", "int8")
USUAL, FASTER = Parallelism(2, 1, 4), Parallelism(1, 2, 4)
TRIALS = Calibrated((Trial(USUAL, 10.0), Trial(FASTER, 20.0)))


class FakeEngines:
    def __init__(self) -> None:
        self.engines = [Engine(load_model(), ready=ready(), batch_size=4)]
        self.set: list[Parallelism] = []

    @property
    def ready_here(self) -> Ready | None:
        return self.engines[0].ready

    def set_parallelism(self, layout: Parallelism) -> None:
        self.set.append(layout)


class House:
    """A tuner, its children, its clock and what it keeps."""

    def __init__(self, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.path = path
        migrate(path)
        self.store = Store(path)
        self.children, self.clock, self.engines = Nursery(), FakeClock(), FakeEngines()
        monkeypatch.setattr(autotune, "Child", self.children)
        monkeypatch.setattr(autotune, "time", self.clock)
        self.tuner = self.make(SETUP)

    def make(self, setup: Setup | None, *, untried: bool = True) -> Autotuner:
        return Autotuner(self.store, cast(EnginePool, self.engines), setup, untried=untried)

    def idle(self, seconds: float = IDLE_S + 1) -> None:
        self.clock.now += seconds
        self.tuner.tick(idle=True)

    def hear(self, answer: object) -> None:
        (child,) = self.tuner.children
        assert isinstance(child, FakeChild)
        self.tuner.receive(child.says(answer))

    def kept(self) -> Parallelism | None:
        return known_parallelism(self.path, SETUP)


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    made = House(tmp_path / "jobs.db", monkeypatch)
    yield made
    made.store.close()


def test_it_begins_once_nothing_has_run_for_a_while(house: House) -> None:
    house.idle(IDLE_S)
    assert house.tuner.children == []
    house.idle(0.1)
    (child,) = house.children
    (order,) = child.sent
    assert isinstance(order, Calibrate) and (order.load, order.usual) == (load_model(), USUAL) and order.cores >= 1
    assert child.deadline == house.clock.now + DEADLINE_S
    house.idle()
    assert len(house.children.born) == 1, "a second one was begun beside the first"


def test_it_waits_for_an_engine_of_this_machine(house: House) -> None:
    house.engines.engines[0].ready = None
    house.idle()
    assert house.tuner.children == [], "one elsewhere may be ready"
    house.engines.engines[0].ready = ready()
    house.idle(0.1)
    assert len(house.children.born) == 1


def test_it_gives_way_to_work_and_begins_again_after_it(house: House) -> None:
    house.idle()
    house.tuner.tick(idle=False)
    assert house.children.last.ended == "at once" and house.tuner.children == []
    house.idle(IDLE_S)
    assert house.tuner.children == []
    house.idle(0.1)
    assert len(house.children.born) == 2


def test_the_fastest_layout_is_kept_and_taken(house: House) -> None:
    house.idle()
    house.hear(TRIALS)
    assert house.kept() == FASTER and house.engines.set == [FASTER]
    with sqlite3.connect(house.path) as db:
        ((trials,),) = db.execute("SELECT trials FROM layouts")
    assert "20.0" in trials and "10.0" in trials
    house.idle()
    assert house.children.last.ended is not None and len(house.children.born) == 1, "it is tried once"


@pytest.mark.parametrize(
    "answer", [ChildDied("connection lost"), Unready("no", ""), ChildDied("no answer within its time")]
)
def test_a_trial_that_fails_is_repeated_so_often_and_not_for_ever(house: House, answer: object) -> None:
    for _ in range(ATTEMPTS):
        house.idle()
        house.hear(answer)
    house.idle()
    assert len(house.children.born) == ATTEMPTS and house.tuner.children == []
    assert house.kept() is None and house.engines.set == []


def test_a_child_that_does_not_listen_is_noticed_by_its_end(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    class Deaf(FakeChild):
        def __init__(self, module: str) -> None:
            super().__init__(module)
            self.goes_deaf()

    monkeypatch.setattr(autotune, "Child", Deaf)
    house.idle()
    house.hear(ChildDied("connection lost"))
    assert house.tuner.children == []


@pytest.mark.parametrize(("setup", "untried"), [(None, True), (SETUP, False)])
def test_what_is_configured_or_known_is_not_tried(house: House, setup: Setup | None, untried: bool) -> None:
    house.tuner = house.make(setup, untried=untried)
    house.idle()
    assert house.tuner.children == []


def test_a_smaller_batch_that_fits_into_memory_is_remembered(house: House) -> None:
    house.engines.engines[0].batch_size = 2
    house.tuner.remember(house.engines.engines[0])
    assert house.kept() == Parallelism(2, 1, 2)
    house.make(None).remember(house.engines.engines[0])
    house.engines.engines[0].ready = None
    house.engines.engines[0].batch_size = 1
    house.tuner.remember(house.engines.engines[0])
    assert house.kept() == Parallelism(2, 1, 2), "an engine that has died has no layout to keep"
    house.tuner.remember(Engine(load_model(name="second"), ready=ready(model="second"), batch_size=1))
    assert house.kept() == Parallelism(2, 1, 2), "what another model takes says nothing of this one"
    far = Engine(load_model(), Place(1, "box", "cpu", "box/cpu"), ready=ready(), batch_size=1)
    house.engines.engines.append(far)
    house.tuner.remember(far)
    assert house.kept() == Parallelism(2, 1, 2), "nor does what another machine can hold of this machine"
