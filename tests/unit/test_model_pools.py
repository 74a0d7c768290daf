"""The engines of several models: loaded when wanted, unloaded when idle, in turns on a device that they share."""

from collections.abc import Iterator

import pytest

from daemon.chunk import Chunk
from daemon.processes import engine_pool, model_pools
from daemon.processes.engine import EngineReady
from daemon.processes.model_pools import RETRY_S, ModelPools, ModelUnavailable
from daemon.processes.protocol import BatchDone, LoadModel, Unready
from tests.builders import chunk, heard, load_model, ready
from tests.fakes import FakeChild, FakeClock, Nursery


class House:
    """Pools whose children are stand-ins, and a clock that stands still."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.clock, self.nursery = FakeClock(), Nursery()
        for module in (engine_pool, model_pools):
            monkeypatch.setattr(module, "time", self.clock)
        monkeypatch.setattr(engine_pool, "Child", self.nursery)
        self.pools = ModelPools(load_model(name="main"), ("second", "third", "main"), unload_s=600)
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
    house.clock.now += 599
    house.want("second")
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


def test_the_monitor_tells_the_models_apart(house: House) -> None:
    house.want("second")
    house.load("second")
    assert [name for name, _ in house.pools.processes] == ["engine cpu", "engine second cpu"]
    assert house.pools.restarts == {"engine cpu": 0, "engine second cpu": 0}
