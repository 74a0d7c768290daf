"""The daemon's side of a cluster: places that come and go, a link that dies, machines that are hot, and falling back."""

from typing import Any

import pytest

from daemon.processes import cluster as room
from daemon.processes import engine_pool
from daemon.processes.child import ChildDied, Peer
from daemon.processes.cluster import FALLBACK_S, MODULE, RESTART_S, Cluster
from daemon.processes.cluster_protocol import (
    Attach,
    ClusterJoined,
    ClusterTrouble,
    EngineEnded,
    JoinCluster,
    NodeGpus,
    NodeLeft,
    Place,
    PlaceGone,
)
from daemon.processes.engine import Engine, EngineReady, LostBatches
from daemon.processes.engine_pool import EnginePool
from daemon.processes.protocol import BatchDone, LoadModel, RunBatch, Unready
from tests.builders import chunk, heard, load_model, ready
from tests.fakes import FakeChild, FakeClock, Nursery

ORDER = JoinCluster("nas:6379", "", None, None, 60.0, 10.0)
HERE, THERE = Place(1, "box", "cuda", "box/cuda:0"), Place(2, "other", "cpu", "other/cpu")


class Tunnels(Nursery):
    """In place of the connections to engines elsewhere."""

    def __call__(self, _conn: object) -> FakeChild:
        made = super().__call__("far")
        made.pid = None
        return made


class House:
    """A cluster, the pool that it has engines for, and all that is at the other ends."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, device: str = "none", *, falls_back: bool = False) -> None:
        self.clock, self.links, self.far, self.here = FakeClock(), Nursery(), Tunnels(), Nursery()
        for module in (room, engine_pool):
            monkeypatch.setattr(module, "time", self.clock)
        monkeypatch.setattr(room, "Child", self.links)
        monkeypatch.setattr(room, "Peer", self.far)
        monkeypatch.setattr(engine_pool, "Child", self.here)
        self.pool = EnginePool(load_model(device=device), on_cluster=load_model(device="auto", workers=None))
        self.cluster = Cluster(ORDER, self.pool, falls_back=falls_back)
        self.tick()

    def tick(self, seconds: float = 0.0) -> None:
        self.clock.now += seconds
        self.pool.keep_alive()
        self.cluster.keep_alive()

    def link_says(self, *messages: object) -> None:
        link: Any = self.links.last
        for each in messages:
            link.says(each)
            self.cluster.receive(link)

    def engine_says(self, engine: Engine, message: object) -> object:
        child: Any = engine.child
        assert isinstance(child, FakeChild)
        peer: Peer = child.says(message)  # type: ignore[assignment]
        return self.pool.receive(peer)

    def engine(self, place: Place = HERE) -> Engine:
        """An engine at a place, ready."""
        self.link_says(place)
        self.tick()
        engine = self.pool.engines[-1]
        assert self.engine_says(engine, ready()) == EngineReady()
        self.tick()
        return engine


@pytest.fixture
def house(monkeypatch: pytest.MonkeyPatch) -> House:
    return House(monkeypatch)


def test_a_place_gets_an_engine_that_is_told_the_model_and_its_own_device(house: House) -> None:
    assert house.links.last.module == MODULE
    engine = house.engine()
    assert house.links.last.sent == [ORDER, Attach(1)]
    assert house.far.last.sent == [load_model(device="cuda", workers=None)]
    assert engine.device == "box/cuda:0"
    found = house.pool.ready
    assert found is not None
    assert (found.device, found.model) == ("cluster", "tiny.en")
    assert (house.pool.capacity, house.pool.processes) == (8, [])
    assert house.cluster.processes == [("cluster", house.links.last.pid)]
    house.engine(THERE)
    assert house.pool.capacity == 16


def test_the_engine_of_a_machine_that_is_gone_is_forgotten_and_its_chunks_pay_nothing(house: House) -> None:
    engine = house.engine()
    house.pool.run(engine, [chunk(1)])
    house.link_says(PlaceGone(1, "no answer"))
    house.tick()
    assert engine in house.pool.engines, "what has become of its batch is still to come"
    lost = house.engine_says(engine, EngineEnded("box: no answer", by_itself=False))
    assert lost == LostBatches(((chunk(1),),), "box: no answer", blamed=False, with_its_machine=True)
    house.tick()
    assert house.pool.engines == []
    assert house.pool.ready is None


def test_an_engine_whose_process_died_there_may_have_died_of_its_chunk(house: House) -> None:
    engine = house.engine()
    house.pool.run(engine, [chunk(1)])
    lost = house.engine_says(engine, EngineEnded("signal 11", by_itself=True))
    assert lost == LostBatches(((chunk(1),),), "signal 11")
    house.tick()
    assert house.links.last.sent == [ORDER, Attach(1), Attach(1)], "it is started again at the same place"


def test_a_connection_that_just_ends_is_nobodys_fault(house: House) -> None:
    engine = house.engine()
    house.pool.run(engine, [chunk(1)])
    lost = house.engine_says(engine, ChildDied("connection lost"))
    assert isinstance(lost, LostBatches)
    assert not lost.blamed


def test_an_answer_that_makes_no_sense_is_no_fault_of_the_connection(house: House) -> None:
    engine = house.engine()
    house.pool.run(engine, [chunk(1)])
    house.far.last.hung_up = False
    lost = house.engine_says(engine, ChildDied("its answer cannot be read"))
    assert lost == LostBatches(((chunk(1),),), "its answer cannot be read")


def test_a_link_that_dies_takes_its_places_along_and_is_started_again_later_and_later(house: House) -> None:
    engine = house.engine()
    house.link_says(NodeGpus("box", "{}"), ChildDied("exit 1"))
    assert house.cluster.machines.probes == {}
    house.engine_says(engine, ChildDied("connection lost"))
    house.tick()
    assert house.pool.engines == []
    for wait_s in RESTART_S[1:]:
        house.link_says(ChildDied("exit 1"))
        links = len(house.links.born)
        house.tick(wait_s - 0.1)
        assert len(house.links.born) == links
        house.tick(0.2)
        assert len(house.links.born) == links + 1
    assert house.cluster.restarts == {"cluster": len(RESTART_S)}


def test_trouble_is_why_nothing_is_ready_until_something_is(house: House) -> None:
    house.link_says(ClusterTrouble("the head does not answer", "start it"))
    assert house.pool.trouble == "the head does not answer; start it"
    engine = house.engine()
    assert house.pool.trouble == ""
    assert house.engine_says(engine, Unready("no such model", "")) is None, "the daemon goes on"
    assert house.pool.trouble == "no such model"


def test_what_a_link_cannot_say_is_its_end(house: House) -> None:
    house.link_says(RunBatch(1, ()))
    assert house.links.last.ended == "at once"
    assert house.cluster.children == []


def test_an_engine_there_that_hears_something_else_than_the_first_is_not_trusted(house: House) -> None:
    house.engine()
    house.link_says(THERE)
    house.tick()
    answer = house.engine_says(house.pool.engines[-1], ready(canary="nothing like it at all"))
    assert isinstance(answer, LostBatches)
    assert house.pool.engines[-1].ready is None


def test_a_machine_that_is_too_hot_gets_nothing_and_the_others_do(house: House) -> None:
    hot, cool = house.engine(), house.engine(THERE)
    house.cluster.machines.too_hot = frozenset({"box"})
    house.tick()
    assert (hot.may_take(alone=False, full=True), cool.may_take(alone=False, full=True)) == (False, True)
    house.cluster.machines.too_hot = frozenset()
    house.tick()
    assert hot.may_take(alone=False, full=True)


def test_what_the_machines_say_of_their_gpus_is_kept_until_they_leave(house: House) -> None:
    house.link_says(ClusterJoined(3, 4, 4), NodeGpus("box", "one"), NodeGpus("other", "two"), NodeLeft("box"))
    assert house.cluster.machines.probes == {"other": "two"}


def test_while_the_cluster_is_away_an_engine_of_this_machine_stands_in(monkeypatch: pytest.MonkeyPatch) -> None:
    house = House(monkeypatch, falls_back=True)
    house.tick(FALLBACK_S - 1)
    assert house.pool.engines == []
    house.tick(1)
    house.tick()
    (stand_in,) = house.pool.engines
    assert isinstance(house.here.last.sent[0], LoadModel)
    assert house.here.last.sent[0].device == "auto"
    assert house.engine_says(stand_in, ready()) == EngineReady()
    house.pool.run(stand_in, [chunk(1)])
    engine = house.engine()
    assert not stand_in.may_take(alone=False, full=True)
    assert stand_in in house.pool.engines, "its batch is paid for"
    assert house.engine_says(stand_in, BatchDone(1, (heard(chunk(1)),), 1.0)) is not None
    house.tick()
    assert house.pool.engines == [engine]
    assert house.here.last.ended == "gently"


def test_an_engine_there_that_loads_its_model_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    house = House(monkeypatch, falls_back=True)
    house.tick(FALLBACK_S - 1)
    house.link_says(HERE)
    for _ in range(60):
        house.tick(0.9)
    (loading,) = house.pool.engines
    assert house.engine_says(loading, Unready("no such model", "")) is None
    house.tick(FALLBACK_S)
    house.tick()
    assert [engine.stands_in for engine in house.pool.engines] == [False, True]
    house.link_says(THERE)
    house.tick()
    assert [engine.stands_in and not engine.leaving for engine in house.pool.engines] == [False, True, False]


def test_one_that_stands_in_and_cannot_be_loaded_does_not_end_the_daemon(monkeypatch: pytest.MonkeyPatch) -> None:
    house = House(monkeypatch, falls_back=True)
    house.tick(FALLBACK_S)
    house.tick()
    assert house.engine_says(house.pool.engines[0], Unready("no such model", "")) is None
    assert house.pool.trouble == "no such model"


def test_without_falling_back_everything_waits(house: House) -> None:
    house.tick(10 * FALLBACK_S)
    assert house.pool.engines == []


def test_an_engine_beside_those_of_the_cluster_is_asked_first(monkeypatch: pytest.MonkeyPatch) -> None:
    house = House(monkeypatch, device="cpu")
    house.link_says(HERE)
    house.tick()
    assert house.engine_says(house.pool.engines[1], ready()) == EngineReady()
    assert house.engine_says(house.pool.engines[0], ready()) == EngineReady()
    found = house.pool.ready
    assert found is not None
    assert found.device == "cpu, cluster"


def test_closing_ends_the_link(house: House) -> None:
    link = house.links.last
    house.cluster.close()
    assert link.ended == "gently"
    assert house.cluster.children == []
