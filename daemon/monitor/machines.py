"""The GPUs of the machines of a cluster, as each has read them: what they say is checked."""

import json
import math
from collections.abc import Mapping
from typing import Any

from daemon.monitor.sample import Gpu

FIGURES = ("load_percent", "memory_used_mb", "memory_total_mb", "temperature_c", "power_w")
TEXT_MAX = 100
GPUS_MAX = 64
"""More than a machine has."""


def gpus_of(probes: Mapping[str, str]) -> tuple[Gpu, ...]:
    """Return the GPUs of all machines; those of one that makes no sense are left out.

    Args:
        probes: By machine, JSON as `daemon.processes.cluster_protocol.NodeGpus` has it.
    """
    found: list[Gpu] = []
    for node, probe in sorted(probes.items()):
        try:
            listed = json.loads(probe)["gpus"][:GPUS_MAX]
            found += [_gpu(node, figures) for figures in listed]
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            continue
    return tuple(found)


def _gpu(node: str, figures: Mapping[str, Any]) -> Gpu:
    known = {name: _number(figures.get(name)) for name in FIGURES}
    throttle = tuple(_text(each) for each in figures.get("throttle") or ())
    return Gpu(
        int(figures["index"]), _text(figures["uuid"]), _text(figures["name"]), **known, throttle=throttle, node=node
    )


def _number(value: object) -> float | None:
    number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    return float(value) if number else None  # type: ignore[arg-type]


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError
    return "".join(filter(str.isprintable, value))[:TEXT_MAX]
