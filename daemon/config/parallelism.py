"""How many workers, threads and chunks per batch a model runs with, and which layouts are worth a trial. Pure."""

import os
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Setup:
    """What a layout is measured for; device and compute type are as configured, so that it can be looked up early."""

    machine: str
    model: str
    device: str
    compute_type: str


@dataclass(frozen=True, slots=True)
class Parallelism:
    """`workers` batches of up to `batch_size` chunks run at once on shared weights, each with `cpu_threads` threads."""

    workers: int
    cpu_threads: int
    batch_size: int


@dataclass(frozen=True, slots=True)
class Trial:
    """A layout and how fast it ran."""

    layout: Parallelism
    times_real_time: float
    """Seconds of audio transcribed per second."""


CLEARLY = 1.1
"""A layout replaces the usual one only if it is faster by this factor; smaller differences are noise."""


def machine_name() -> str:
    """Return the name of the processor and the number of cores that this process may use."""
    model = "unknown processor"
    for line in Path("/proc/cpuinfo").read_text("utf-8", "replace").splitlines():
        key, _, value = line.partition(":")
        if key.strip() in ("model name", "Model", "Hardware"):
            model = value.strip()
            break
    return f"{model}, {len(os.sched_getaffinity(0))} cores"


def candidates(usual: Parallelism, cores: int, *, on_cpu: bool, settled: Collection[str] = ()) -> list[Parallelism]:
    """Return the usual layout, then others that divide the same cores (or device) differently.

    Args:
        usual: What runs without a trial.
        cores: How many cores there are to share out.
        on_cpu: Whether the model runs on them.
        settled: The fields that the configuration has decided: as usual in all of the layouts.
    """
    if not on_cpu:
        tries = [Parallelism(workers, 1, size) for workers in (1, 2, 4) for size in (8, 16, 32)]
    else:
        shapes = [(workers, cores // workers) for workers in {cores, cores // 2, cores // 4, 1} if workers]
        tries = [Parallelism(workers, threads, usual.batch_size) for workers, threads in sorted(shapes, reverse=True)]
        tries += [Parallelism(usual.workers, usual.cpu_threads, size) for size in (2, 8)]
    allowed = (layout for layout in tries if all(getattr(layout, name) == getattr(usual, name) for name in settled))
    return list(dict.fromkeys((usual, *allowed)))


def best(trials: list[Trial]) -> Parallelism:
    """Return the fastest layout; the usual one, which comes first, unless another is clearly faster."""
    fastest = max(trials, key=lambda trial: trial.times_real_time)
    usual = trials[0]
    return fastest.layout if fastest.times_real_time > CLEARLY * usual.times_real_time else usual.layout
