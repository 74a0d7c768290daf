"""Every alert rule, declared once. Settings, readings, messages, the plot and a test of the docs use this table.

To add a rule, add an entry here with the metric of `daemon.monitor.metrics` that it judges, and a row in
docs/monitoring.md. A rule without a metric, such as `gpu_gone`, also needs its reading in `daemon.monitor.readings`.
"""

from collections.abc import Callable
from dataclasses import dataclass

SERVICE = "service"
"""The subject of an alert about the daemon as a whole."""


def same(limit: float) -> float:
    """Resolve where it fires."""
    return limit


def less(distance: float) -> Callable[[float], float]:
    """Resolve this far below where it fires."""
    return lambda limit: limit - distance


def times(factor: float) -> Callable[[float], float]:
    """Resolve at a multiple of where it fires."""
    return lambda limit: limit * factor


def zero(_limit: float) -> float:
    """Resolve at zero."""
    return 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertRule:
    """One rule as declared; `daemon.monitor.rules.Rule` is the same rule as configured."""

    name: str
    """The rule's name in the configuration, in the table `alerts`, in Prometheus and in messages."""
    says: str
    """A sentence with {subject}, {value} and {fire}."""
    metric: str = ""
    """The metric that it judges; if empty, the reader determines a value by itself: 1 if the rule is breached."""
    subject: str = SERVICE
    """What an alert is about, for a metric that has no subjects of its own such as GPUs or disks."""
    fire: float = 0.0
    """The default limit: over it (or, with `below`, under it) an alert is pending."""
    clear: Callable[[float], float] = same
    """Gives the limit at which an alert is resolved, from the one at which it fires. A gap prevents flapping."""
    below: bool = False
    """Whether values under the limit, rather than over it, breach the rule."""
    held: bool = False
    """Whether the breach must last `monitor.for_seconds` before the alert fires."""
    key: str = ""
    """The key of `[monitor]` that sets `fire`; every rule has `[monitor.rules.NAME]` as well."""
    in_intervals: bool = False
    """Whether `fire` is a number of monitor intervals rather than a value."""
    jobs_min: int = 0
    """The least number of jobs in the last hour for a figure to raise an alert."""
    once_seen: bool = False
    """Whether a value that was never read means that this machine has none, rather than that it is unknown."""
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
        # Where the CPU states its critical temperature, the limit is 10 degrees below it. Without a sensor, no alert.
        name="temperature_cpu", metric="cpu_temperature_c", fire=90, clear=less(5), held=True, once_seen=True,
        says="the CPU ({subject}) is at {value:.0f} °C, over {fire:g}",
    ),
    AlertRule(
        name="disk_free", metric="disk_free_mb", fire=500, key="disk_free_mb", clear=times(1.2), below=True,
        says="{value:.0f} MB are free at {subject}, under {fire:g}",
    ),
    AlertRule(
        # One bad file among three recordings is not an error rate of 33 %.
        name="error_rate", metric="error_rate_percent", fire=5, key="error_rate_percent", clear=times(0.5), jobs_min=20,
        says="{value:.1f} % of the jobs of the last hour failed, over {fire:g}",
    ),
    AlertRule(
        name="gpu_gone", held=True, plotted_with="gpu_temperature_c",
        says="{subject} has disappeared",
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
        name="folder_unlistable", metric="unlistable_folders",
        says="{value:.0f} of the folders below {subject} cannot be listed, so nothing in there is found; see the log",
    ),
    AlertRule(
        name="watcher_restarted",
        says="the watcher of {subject} had to be restarted; a comparison finds what it missed",
    ),
    AlertRule(
        name="child_restarting", fire=3, clear=zero,
        says="{subject} was restarted {value:.0f} times within ten minutes",
    ),
    AlertRule(
        # A server that is away, a cluster without its head: what is elsewhere is nobody's child.
        name="no_engine", metric="engines_ready", fire=1, below=True, held=True, once_seen=True,
        plotted_with="queue_files",
        says="{value:.0f} engines are ready, fewer than {fire:g}; the log says why",
    ),
    AlertRule(
        name="waiting_long", metric="oldest_waiting_s", fire=86_400, clear=times(0.9), plotted_with="queue_files",
        says="a recording has waited for {value:.0f} s, over {fire:g}",
    ),
    AlertRule(
        name="stalled", metric="stalled_s", fire=1800, clear=zero, plotted_with="audio_hours_per_hour",
        says="nothing has been finished for {value:.0f} s although work is waiting",
    ),
    AlertRule(
        # The default of `transcribed verify`.
        name="accuracy", metric="accuracy_percent", subject="model", fire=97, below=True, once_seen=True,
        says="the model keeps {value:.1f} % of float32's accuracy, under {fire:g}",
    ),
)  # fmt: skip

BY_NAME = {rule.name: rule for rule in RULES}


def default_limit(name: str) -> float:
    """Return the limit at which a rule fires if nothing is configured."""
    return BY_NAME[name].fire
