"""The machine: a disk or a sensor that does not answer holds nobody up."""

import json
import os
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from tests.integration.monitor_house import Bench
from tests.support import wait_until
from tests.unit.test_sensors import Place


def core(temperature: float, critical: float | None = None) -> dict:
    """What psutil says of a CPU with two cores, of which the second one is at 30 °C."""
    return {"coretemp": [Place("Core 0", temperature, critical, critical), Place("Core 1", 30.0, critical, critical)]}


CPU = ("temperature_cpu", "coretemp")


@pytest.mark.parametrize(
    ("extra", "critical", "limit", "clear"),
    [
        ("", None, 90, 85),
        ("", 92.0, 82, 77),
        ("", 105.0, 95, 90),
        ("[monitor.rules.temperature_cpu]\nfire = 70", 92.0, 70, 65),
        ("[monitor.rules.temperature_cpu]\nclear = 60", 92.0, 90, 60),
    ],
)
def test_a_hot_cpu(extra: str, critical: float | None, limit: float, clear: float, bench: Callable[..., Bench]) -> None:
    here: Bench = bench(extra=extra)
    found = []
    for tick, temperature in enumerate([limit, limit + 1, limit + 1, limit + 1, clear + 1, clear]):
        here.sensors = partial(core, temperature, critical)
        found += [(tick, *event) for event in here.tick()]
        if tick == 3:
            assert here.query("SELECT text FROM alerts") == [
                (f"the CPU (coretemp) is at {limit + 1} °C, over {limit}",)
            ]
            assert here.monitor.firing == [CPU]
    assert found == [(1, *CPU, "pending"), (3, *CPU, "firing"), (5, *CPU, "resolved")]
    kept = here.query("SELECT detail ->> 'cpu_temperature_c', detail -> '$.sensors' FROM samples")
    assert kept[0][0] == limit and json.loads(kept[0][1]) == [
        {"chip": "coretemp", "temperature_c": limit, "critical_c": critical}
    ]


def test_a_machine_without_sensors_never_hears_of_them(
    bench: Callable[..., Bench], caplog: pytest.LogCaptureFixture
) -> None:
    here: Bench = bench()
    chips: list[dict[str, list[Place]]] = [
        {},
        {"nvme": [Place("", 99.0, 90.0, 90.0)]},
        {"coretemp": [Place("Core 0", -273.0, None, None)]},
    ]
    for sensors in chips:
        here.sensors = partial(dict, sensors)
        assert here.tick() == []
    assert not here.query("SELECT 1 FROM alerts") and caplog.text == ""
    assert here.query("SELECT DISTINCT detail ->> 'cpu_temperature_c' FROM samples") == [(None,)]


def test_a_cpu_sensor_that_falls_silent_is_unknown_once(bench: Callable[..., Bench]) -> None:
    here: Bench = bench()
    here.sensors = partial(core, 95.0)
    found = [event for _ in range(3) for event in here.tick()]
    here.sensors = dict
    found += [event for _ in range(3) for event in here.tick()]
    here.sensors = partial(core, 50.0)
    found += here.tick()
    assert found == [(*CPU, state) for state in ("pending", "firing", "unknown", "resolved")]


def test_a_sensor_that_does_not_answer_holds_nobody_up(bench: Callable[..., Bench]) -> None:
    here: Bench = bench()
    here.sensors = partial(core, 50.0)
    here.tick()
    free, asked = threading.Event(), []

    def hang() -> dict:
        asked.append(1)
        free.wait(30)
        raise OSError("the bus is gone")

    here.sensors = hang
    began = time.monotonic()
    assert [here.tick() for _ in range(3)] == [[(*CPU, "unknown")], [], []]
    assert time.monotonic() - began < 3.0 and len(asked) == 1
    free.set()
    here.sensors = partial(core, 50.0)
    wait_until(lambda: (*CPU, "ok") in here.tick(), 5, "the sensor being known again")


def test_a_disk_that_does_not_answer_is_unknown_and_asked_once(
    bench: Callable[..., Bench], monkeypatch: pytest.MonkeyPatch
) -> None:
    here: Bench = bench()
    here.settings = here.settings.model_copy(update={"monitor": here.settings.monitor.model_copy(update={"rules": {}})})
    here.start()
    free, asked, real = threading.Event(), [], os.statvfs

    def statvfs(path: Path) -> os.statvfs_result:
        asked.append(path)
        free.wait(30)
        return real(path)

    monkeypatch.setattr("daemon.monitor.host.os.statvfs", statvfs)
    monkeypatch.setattr("daemon.monitor.host.psutil.virtual_memory", lambda: Memory)
    began = time.monotonic()
    found = [here.tick() for _ in range(3)]
    assert time.monotonic() - began < 3.0 and len(asked) == 2
    inbox, state = str(here.folder / "inbox"), str(here.folder / "var")
    assert found == [[("disk_free", inbox, "unknown"), ("disk_free", state, "unknown")], [], []]
    free.set()
    wait_until(lambda: len(here.tick()) == 2, 5, "the disk being known again")
    assert [disk["path"] for disk in json.loads(here.query("SELECT detail FROM samples")[-1][0])["disks"]] == [
        inbox,
        state,
    ]
    monkeypatch.undo()


class Memory:
    percent, total, available = 10.0, 100, 90
