"""What psutil's sensors say about the CPU, as drivers of several makers put it."""

from collections import namedtuple

import psutil
import pytest

from daemon.monitor.sample import Sensor
from daemon.monitor.sensors import sensors

Place = namedtuple("Place", "label current high critical")  # psutil's own has these fields, and moves about

CASES: dict[str, tuple[dict[str, list[Place]], list[tuple[str, float | None, float | None]]]] = {
    "Intel": ({"coretemp": [Place("Package id 0", 61.0, 80.0, 100.0), Place("Core 0", 63.0, 80.0, 100.0)]}, [("coretemp", 63.0, 100.0)]),
    "AMD, whose control temperature is not a real one": ({"k10temp": [Place("Tctl", 97.0, None, None), Place("Tdie", 70.0, None, None)]}, [("k10temp", 70.0, None)]),
    "AMD, which has only that": ({"k10temp": [Place("Tctl", 64.0, None, None), Place("Tccd1", 60.0, None, None)]}, [("k10temp", 64.0, None)]),
    "a set point of the fans": ({"k10temp": [Place("", 66.0, 70.0, 70.0)]}, [("k10temp", 66.0, None)]),
    "ARM": ({"cpu_thermal": [Place("", 48.3, None, 110.0)]}, [("cpu_thermal", 48.3, 110.0)]),
    "two chips": ({"coretemp": [Place("", 50.0, 84.0, 92.0)], "via_cputemp": [Place("", 40.0, None, None)]}, [("coretemp", 50.0, 92.0), ("via_cputemp", 40.0, None)]),
    "drives and radios": ({"nvme": [Place("", 88.0, 65_261.8, 90.0)], "iwlwifi_1": [Place("", 51.0, None, None)]}, []),
    "nonsense": ({"coretemp": [Place("", -273.1, 65_261.8, 65_261.8), Place("", 255.0, 0.0, 0.0)]}, [("coretemp", None, None)]),
    "a chip without places": ({"coretemp": []}, [("coretemp", None, None)]),
    "none": ({}, []),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_the_cpu_where_it_is_hottest(case: str, monkeypatch: pytest.MonkeyPatch) -> None:
    said, expected = CASES[case]
    monkeypatch.setattr(psutil, "sensors_temperatures", lambda: said, raising=False)
    assert sensors() == tuple(Sensor(*each) for each in expected)


def test_a_system_whose_psutil_has_no_sensors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(psutil, "sensors_temperatures", raising=False)
    assert sensors() == ()
