"""Every alert rule, declared once. Settings, readings, messages, the plot and a test of the docs go by this table.

To add one: an entry here, with the metric of `daemon.monitor.metrics` that it judges, and a row in docs/monitoring.md.
A rule that judges no metric (`gpu_gone`, say) also needs its reading in `daemon.monitor.readings`.
"""

from collections.abc import Callable
from dataclasses import dataclass

SERVICE = "service"
"""What an alert is about that is about the daemon as a whole."""


def same(limit: float) -> float:
    return limit


def less(distance: float) -> Callable[[float], float]:
    return lambda limit: limit - distance


def times(factor: float) -> Callable[[float], float]:
    return lambda limit: limit * factor


def zero(_limit: float) -> float:
    return 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertRule:
    """One rule as declared; `daemon.monitor.rules.Rule` is what is left of it once it is configured."""

    name: str
    """In the configuration, in the table `alerts`, in Prometheus and in messages."""
    says: str
    """A sentence with {subject}, {value} and {fire}."""
    metric: str = ""
    """What it judges; empty: something that the reader finds out by itself, 1 where it is so."""
    subject: str = SERVICE
    """What it is about, for a metric that has no subjects of its own such as GPUs or disks."""
    fire: float = 0.0
    """Over this (or, with `below`, under it) it is pending: the default."""
    clear: Callable[[float], float] = same
    """The limit where it fires -> the one where it is resolved, so that a value between the two does not flap."""
    below: bool = False
    held: bool = False
    """Fires only after `monitor.for_seconds`; otherwise at once."""
    key: str = ""
    """The key of `[monitor]` that sets `fire`; every rule has `[monitor.rules.NAME]` as well."""
    in_intervals: bool = False
    """`fire` counts in `monitor.interval_seconds`."""
    jobs_min: int = 0
    """A figure of fewer jobs than this in the last hour raises no alert."""
    once_seen: bool = False
    """What cannot be read is unknown only if it could be read before; otherwise there is none here."""
    plotted_with: str = ""
    """The metric in whose panel alerts are marked, if not its own."""


RULES = (
    AlertRule(
        name="gpu_temperature", metric="gpu_temperature_c", fire=85, key="gpu_temperature_c", clear=less(5), held=True,
        says="{subject} is at {value:.0f} °C, over {fire:g}",
    ),
    AlertRule(
        name="gpu_memory", metric="gpu_memory_percent", fire=90, key="gpu_memory_percent", clear=less(5), held=True,
        says="the memory of {subject} is {value:.0f} % full, over {fire:g}",
    ),
    AlertRule(
        name="memory", metric="memory_percent", subject="host", fire=90, key="memory_percent", clear=less(5), held=True,
        says="the memory of the machine is {value:.0f} % full, over {fire:g}",
    ),
    AlertRule(
        # Where the CPU says what is critical for it, 10 degrees below that; no alert where there is no sensor.
        name="temperature_cpu", metric="cpu_temperature_c", fire=90, clear=less(5), held=True, once_seen=True,
        says="the CPU ({subject}) is at {value:.0f} °C, over {fire:g}",
    ),
    AlertRule(
        name="disk_free", metric="disk_free_mb", fire=500, key="disk_free_mb", clear=times(1.2), below=True,
        says="{value:.0f} MB are free at {subject}, under {fire:g}",
    ),
    AlertRule(
        # Of three recordings, one that is no speech is not an error rate of 33 %.
        name="error_rate", metric="error_rate_percent", fire=5, key="error_rate_percent", clear=times(0.5), jobs_min=20,
        says="{value:.1f} % of the jobs of the last hour came to a bad end, over {fire:g}",
    ),
    AlertRule(
        name="gpu_gone", held=True, plotted_with="gpu_temperature_c",
        says="{subject} was there and is gone",
    ),
    AlertRule(
        name="probe_failing", held=True, plotted_with="gpu_temperature_c",
        says="{subject} cannot be read",
    ),
    AlertRule(
        name="no_sample", fire=3, in_intervals=True, clear=times(1 / 3),
        says="the monitor has taken no good sample for {value:.0f} s",
    ),
    AlertRule(
        name="root_missing",
        says="the watched folder {subject} cannot be listed, or its drive is not mounted",
    ),
    AlertRule(
        name="watcher_restarted",
        says="the watcher of {subject} had to be started anew; what it missed is found by comparison",
    ),
    AlertRule(
        name="child_restarting", fire=3, clear=zero,
        says="{subject} was restarted {value:.0f} times within ten minutes",
    ),
    AlertRule(
        name="waiting_long", metric="oldest_waiting_s", fire=86_400, clear=times(0.9), plotted_with="queue_files",
        says="a recording has waited for {value:.0f} s, over {fire:g}",
    ),
    AlertRule(
        name="stalled", metric="stalled_s", fire=1800, clear=zero, plotted_with="audio_hours_per_hour",
        says="nothing has been finished for {value:.0f} s though work waits",
    ),
    AlertRule(
        # As `transcribed verify` takes it.
        name="accuracy", metric="accuracy_percent", subject="model", fire=97, below=True, once_seen=True,
        says="the model keeps {value:.1f} % of float32's accuracy, under {fire:g}",
    ),
)  # fmt: skip

BY_NAME = {rule.name: rule for rule in RULES}


def default_limit(name: str) -> float:
    """Where a rule fires if nothing is configured."""
    return BY_NAME[name].fire
