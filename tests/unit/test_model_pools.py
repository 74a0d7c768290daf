"""The engines of several models: loaded when wanted, unloaded when idle, in turns on a device that they share."""

from collections.abc import Iterator

import pytest

from daemon.chunk import Chunk
from daemon.config.parallelism import Parallelism
from daemon.processes import engine_pool, model_pools
from daemon.processes.child import START_ATTEMPTS
from daemon.processes.engine import EngineReady
from daemon.processes.model_pools import RETRY_S, ModelPools, ModelUnavailable
from daemon.processes.protocol import BatchDone, LoadModel, Unready
from tests.builders import chunk, heard, load_model, ready
from tests.fakes import FakeChild, FakeClock, Nursery


class House:
    """Pools whose children are stand-ins, and a clock that stands still."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, unload_s: float = 600) -> None:
        self.clock, self.nursery = FakeClock(), Nursery()
        for module in (engine_pool, model_pools):
            monkeypatch.setattr(module, "time", self.clock)
        monkeypatch.setattr(engine_pool, "Child", self.nursery)
        self.pools = ModelPools(load_model(name="main"), ("second", "third", "main"), unload_s=unload_s)
        self.pools.keep_alive()
        self.load("main")

    def child(self, model: str) -> FakeChild:
        """The child that was last told to load a model."""
        told = [child for child in self.nursery if any(_loads(order, model) for order in child.sent)]
        return told[-1]

    def load(self, model: str) -> None:
        child = self.child(model).says(ready(model=model, workers=2))
        assert self.pools.receive(child) == EngineReady()  # type: ignore[arg-type]

    def want(self, *models: str) -> list[str]:
        missing = self.pools.want(models)
        self.pools.keep_alive()
        return missing

    def hand_out(self, model: str, **fields: int) -> Chunk:
        given = chunk(**fields)
        engines = dict(self.pools.in_turn())[model]
        self.pools.run(engines.engines[0], [given])
        return given

    def loaded(self) -> list[str]:
        return [name for name, _ in self.pools.in_turn()]


def _loads(order: object, model: str) -> bool:
    return isinstance(order, LoadModel) and order.name == model


@pytest.fixture
def house(monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    made = House(monkeypatch)
    yield made
    made.pools.close()


def test_a_model_is_loaded_when_it_is_wanted_and_only_once(house: House) -> None:
    assert house.loaded() == ["main"] and len(house.pools.children) == 1
    assert sorted(house.want("second", "unknown")) == ["second", "third"]
    assert house.want("second") and len(house.pools.children) == 2
    house.load("second")
    assert house.want("second") == ["third"] and house.loaded() == ["main", "second"]
    assert house.pools.ready_of("second") is not None and house.pools.ready_of("third") is None


def test_what_no_folder_asks_for_is_the_main_model(house: House) -> None:
    assert [house.pools.name_of(model) for model in ("second", "main", "of an older configuration")] == [
        "second", "main", "main",
    ]  # fmt: skip


def test_a_model_that_nobody_needs_is_unloaded_and_the_main_one_never(house: House) -> None:
    house.want("second")
    house.clock.now += 3600  # it is downloaded first
    house.pools.keep_alive()
    house.load("second")
    house.clock.now += 3600
    house.pools.keep_alive()
    assert house.loaded() == ["main", "second"], "jobs wait for it, for a place perhaps"
    house.want()
    house.clock.now += 599
    house.pools.keep_alive()
    assert house.loaded() == ["main", "second"]
    given = house.hand_out("second")
    house.clock.now += 601
    house.pools.keep_alive()
    assert house.loaded() == ["main", "second"], "it has a batch"
    child = house.child("second").says(BatchDone(1, (heard(given),), 0.1))
    house.pools.receive(child)  # type: ignore[arg-type]
    house.pools.keep_alive()
    assert house.loaded() == ["main"] and child.ended is not None
    house.clock.now += 1e6
    house.pools.keep_alive()
    assert house.loaded() == ["main"]


def test_a_model_that_is_to_be_unloaded_at_once_is_still_there_for_its_jobs(monkeypatch: pytest.MonkeyPatch) -> None:
    house = House(monkeypatch, unload_s=0)
    house.want("second")
    house.clock.now += 1
    house.load("second")
    house.clock.now += 1
    house.pools.keep_alive()
    assert house.loaded() == ["main", "second"], "nothing has been claimed yet"
    house.pools.want(())
    house.clock.now += 1
    house.pools.keep_alive({"second"})
    assert house.loaded() == ["main", "second"], "its job has no batch yet"
    house.clock.now += 1
    house.pools.keep_alive()
    assert house.loaded() == ["main"]
    house.pools.close()


def test_a_model_is_loaded_with_the_parallelism_that_the_main_one_has_by_now(house: House) -> None:
    house.pools.main.set_parallelism(Parallelism(workers=1, cpu_threads=4, batch_size=16))
    house.want("second")
    (order,) = house.child("second").sent
    assert isinstance(order, LoadModel)
    assert (order.workers, order.cpu_threads, order.batch_size) == (1, 4, 16)


def test_an_engine_that_can_no_more_be_loaded_gives_its_model_up(house: House) -> None:
    house.want("second")
    house.load("second")
    events: list[object] = []
    for _ in range(START_ATTEMPTS):
        assert house.loaded() == ["main", "second"][: 1 + (not events)]
        events.append(house.pools.receive(house.child("second")))  # type: ignore[arg-type]
        house.clock.now += 60
        house.pools.keep_alive()
    *_, last = events
    assert isinstance(last, ModelUnavailable) and last.model == "second"
    assert not any(isinstance(event, ModelUnavailable) for event in events[:-1]), "it was tried again"
    assert len(house.pools.children) == 1


def test_a_model_that_was_unloaded_must_hear_its_clip_again(house: House) -> None:
    house.want("second")
    house.load("second")
    house.want()
    house.clock.now += 601
    house.pools.keep_alive()
    assert house.loaded() == ["main"]
    house.want("second")
    child = house.child("second").says(ready(model="second", canary="nonsense of a broken device"))
    assert not isinstance(house.pools.receive(child), EngineReady)  # type: ignore[arg-type]
    assert house.loaded() == ["main"] and child.ended == "at once"


def test_a_model_that_cannot_be_loaded_is_told_and_tried_again_later(house: House) -> None:
    house.want("second")
    child = house.child("second").says(Unready("no such file", "name another one"))
    event = house.pools.receive(child)  # type: ignore[arg-type]
    assert isinstance(event, ModelUnavailable) and event.model == "second"
    assert event.reason.startswith("the model second cannot be loaded: no such file")
    assert "second" in house.want("second") and len(house.pools.children) == 1
    house.clock.now += RETRY_S
    house.want("second")
    house.load("second")
    assert house.loaded() == ["main", "second"]


def test_models_take_turns_on_the_workers_of_a_device(house: House) -> None:
    house.want("second")
    house.load("second")
    first, second = (dict(house.pools.in_turn())[name].engines[0] for name in ("main", "second"))
    house.hand_out("main")
    assert house.loaded() == ["second", "main"] and house.pools.has_room(second)
    house.hand_out("second", idx=1)
    assert house.loaded() == ["main", "second"]
    assert not house.pools.has_room(first) and not house.pools.has_room(second), "two workers have two batches"
    assert house.pools.in_flight == 2
    lost = house.pools.kill(second, "for a test")
    assert len(lost.batches) == 1 and house.pools.has_room(first)


def test_a_model_with_fewer_workers_has_its_turn_as_well(house: House) -> None:
    house.want("second")
    child = house.child("second").says(ready(model="second", workers=1))
    assert house.pools.receive(child) == EngineReady()  # type: ignore[arg-type]
    second = dict(house.pools.in_turn())["second"].engines[0]
    house.hand_out("main")
    assert house.loaded()[0] == "second" and house.pools.has_room(second), "one of the two workers is free"


def test_the_monitor_tells_the_models_apart(house: House) -> None:
    house.want("second")
    house.load("second")
    assert [name for name, _ in house.pools.processes] == ["engine cpu", "engine second cpu"]
    assert house.pools.restarts == {"engine cpu": 0, "engine second cpu": 0}
