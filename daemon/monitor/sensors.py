"""Reads the CPU's temperature through psutil; many machines, above all virtual ones, have no sensor for it."""

import psutil

from daemon.monitor.sample import Sensor

CHIPS = {"coretemp", "k8temp", "k10temp", "zenpower", "x86_pkg_temp", "soc_thermal", "soc-thermal"}
"""Drivers of CPU sensors without "cpu" in their name. Others measure drives, radios or the mainboard."""
PLAUSIBLE_C = (-40.0, 125.0)
"""hwmon drivers pass on the values of broken or absent sensors: -273, 0xFFFF, 255."""
CRITICAL_MIN_C = 80.0
"""Lower values are set points of fans, which psutil reports as critical (k10temp gives 70 for every CPU)."""
CONTROL, REAL = "Tctl", "Tdie"
"""AMD's temperature for fan control may be 27 degrees above the real one: docs.kernel.org/hwmon/k10temp.html"""


def sensors() -> tuple[Sensor, ...]:
    """Return the hottest place of every CPU chip; none where psutil knows no sensor."""
    read = getattr(psutil, "sensors_temperatures", None)  # on Linux and FreeBSD only
    chips = read() if read is not None else {}
    return tuple(_hottest(chip, places) for chip, places in chips.items() if chip in CHIPS or "cpu" in chip.lower())


def _hottest(chip: str, places: list[tuple[str, float, float | None, float | None]]) -> Sensor:
    labels = {label for label, *_ in places}
    counted = [place for place in places if place[0] != CONTROL or REAL not in labels]
    low, high = PLAUSIBLE_C
    return Sensor(
        chip,
        max((current for _, current, *_ in counted if low < current < high), default=None),
        min((critical for *_, critical in counted if critical and CRITICAL_MIN_C <= critical < high), default=None),
    )
