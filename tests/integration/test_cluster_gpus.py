"""The GPUs of the machines of a cluster: read there, shown, judged and paused one machine at a time."""

import json
from collections.abc import Callable

import pytest

from daemon.cluster.agent import Agent
from daemon.store.queries import Queries
from tests.integration.monitor_house import Bench, T, line, says

BOX = "box: RTX 4090 GPU-aaaaaaaa"
BRAKE = "gpu_temperature_pause_c = 85\nfor_seconds = 60"


@pytest.fixture
def house(bench: Callable[..., Bench]) -> Bench:
    return bench(extra=BRAKE)


def read_there(house: Bench, temperature: object) -> str:
    """What the agent of a machine says whose nvidia-smi tells of one GPU."""
    house.program(says(line(temperature)))
    found = Agent().gpus(10.0)
    house.program(None)
    return found


def test_a_hot_machine_is_told_of_and_held_alone_and_what_has_left_is_not_hot(house: Bench) -> None:
    hot, cool = read_there(house, 95), read_there(house, 60)
    house.machines.probes = {"box": hot, "other": cool}
    house.tick()
    assert (T, BOX, "firing") in [*house.tick(), *house.tick()]
    assert house.machines.too_hot == {"box"}
    assert set(house.held) == {None}, "this machine goes on"
    sample = house.history.last_detail()
    assert [(gpu["node"], gpu["temperature_c"]) for gpu in sample["gpus"]] == [("box", 95.0), ("other", 60.0)]
    with Queries(house.settings.database_path) as queries:
        assert [(gpu["node"], gpu["temperature_c"]) for gpu in queries.gpus()] == [("box", 95.0), ("other", 60.0)]
    house.machines.probes = {"box": read_there(house, None), "other": cool}
    house.tick()
    assert house.machines.too_hot == {"box"}, "it was hot, and says no more"
    house.machines.probes = {"other": cool}
    changes = [change for _ in range(8) for change in house.tick()]
    assert (T, BOX, "resolved") in changes
    assert not [change for change in changes if change[0] == "gpu_gone"], "machines come and go"
    assert house.machines.too_hot == frozenset()


def test_a_hot_gpu_here_pauses_everything(house: Bench) -> None:
    house.machines.probes = {"box": read_there(house, 60)}
    house.program(says(line(95)))
    house.tick()
    assert house.held[-1] is not None
    assert house.machines.too_hot == frozenset()


def test_an_agent_without_gpus_says_so(house: Bench) -> None:
    house.program(None)
    assert json.loads(Agent().gpus(10.0)) == {"gpus": [], "error": None}
