"""The rules as configured, and what a sample means for each of them. Pure."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace

from daemon.config.alert_limits import limits
from daemon.config.alert_rules import RULES, AlertRule
from daemon.config.settings import Monitor, RuleChange
from daemon.monitor.metrics import BY_NAME
from daemon.monitor.rules import Reading, Rule
from daemon.monitor.sample import Gpu, Probe, Sample

RESTART_WINDOW_S = 600.0
"""Restarts are counted over this time."""
GPU_RULES = tuple(rule for rule in RULES if rule.metric and BY_NAME[rule.metric].labels == ("gpu",))
OTHER_RULES = tuple(rule for rule in RULES if rule.metric and rule not in GPU_RULES)


def configured(monitor: Monitor) -> dict[str, Rule]:
    """Return the rules that are not turned off, by name."""
    found = {}
    for declared in RULES:
        at = limits(declared, monitor)
        if at is not None:
            change = monitor.rules.get(declared.name, RuleChange())
            yields = change.fire is None and change.clear is None
            found[declared.name] = Rule(
                declared.name, at.fire, at.clear, at.for_s, declared.says, declared.below, yields
            )
    return found


def text(rule: Rule | None, name: str, subject: str, value: float | None) -> str:
    """Return the text of an alert."""
    if rule is None or value is None:
        return f"{name} of {subject}"
    return rule.says.format(subject=subject, value=value, fire=rule.fire)


class Reader:
    """Turns samples into readings, and remembers what there was, to notice what disappears.

    Args:
        gpus: The GPUs of the newest sample before this start.
    """

    def __init__(self, gpus: Collection[Gpu] = ()) -> None:
        self._before = tuple(gpus)
        self._expected = {gpu.subject for gpu in gpus if not gpu.node}
        self._on_cluster = {gpu.subject for gpu in gpus if gpu.node}
        self._known: set[tuple[str, str]] = set()
        """(rule, subject) pairs that could be read once."""
        self._restarts: list[tuple[float, Mapping[str, int]]] = []

    def readings(self, sample: Sample, now: float) -> list[Reading]:
        """Return a reading for each rule and subject.

        Args:
            sample: The newest sample.
            now: Seconds on the monitor's clock.
        """
        if self._before:
            self._learn(replace(sample, probe=Probe(self._before)))
            self._before = ()
        self._learn(sample)
        return [
            *self._gpus(sample),
            *(reading for rule in OTHER_RULES for reading in self._judged(rule, sample)),
            *(Reading("root_missing", root, float(gone)) for root, gone in sample.missing_roots.items()),
            *self._restarted(sample.restarts, now),
        ]

    def _learn(self, sample: Sample) -> None:
        self._known |= {
            (rule.name, subject)
            for rule in (*GPU_RULES, *OTHER_RULES)
            for subject, value in _figures(rule, sample).items()
            if value is not None
        }

    def _judged(self, rule: AlertRule, sample: Sample) -> Iterator[Reading]:
        """Yield the figures of a rule's metric, and unknown ones for subjects that had a figure before."""
        figures = _figures(rule, sample)
        if rule.once_seen:
            gone: dict[str, float | None] = dict.fromkeys(sorted(s for name, s in self._known if name == rule.name))
            figures = {
                subject: value for subject, value in (gone | figures).items() if (rule.name, subject) in self._known
            }
        limits = BY_NAME[rule.metric].limits(sample)
        enough = sample.work.ended_in_window >= rule.jobs_min
        for subject, value in figures.items():
            yield Reading(rule.name, subject, value, enough, limits.get(subject))

    def _gpus(self, sample: Sample) -> Iterator[Reading]:
        self._expected |= {gpu.subject for gpu in sample.probe.gpus if not gpu.node}
        self._on_cluster |= {gpu.subject for gpu in sample.probe.gpus if gpu.node}
        there = {gpu.subject for gpu in sample.probe.gpus}
        failed = sample.probe.error is not None
        if failed or self._expected:
            yield Reading("probe_failing", "nvidia-smi", float(failed))
        figures = {rule.name: _figures(rule, sample) for rule in GPU_RULES}
        for subject in sorted(self._expected):
            yield Reading("gpu_gone", subject, None if failed else float(subject not in there))
            values = {name: found.get(subject) for name, found in figures.items()}
            for name, value in values.items():
                yield Reading(name, subject, value)
            # A sensor that never gave a value is just unknown; one that stops giving values is a fault.
            lost = any(value is None and (name, subject) in self._known for name, value in values.items())
            yield Reading("probe_failing", subject, float(lost) if subject in there else None)
        # Machines of a cluster come and go; one that is gone is not hot.
        for subject in sorted(self._on_cluster):
            for name, found in figures.items():
                yield Reading(name, subject, found.get(subject) if subject in there else 0.0)

    def _restarted(self, restarts: Mapping[str, int], now: float) -> Iterator[Reading]:
        """Yield the restarts within the window: one of a watcher raises an alert, for a child it takes several."""
        self._restarts = [each for each in self._restarts if now - each[0] <= RESTART_WINDOW_S]
        before: Mapping[str, int] = self._restarts[0][1] if self._restarts else {}
        self._restarts.append((now, restarts))
        for subject, total in restarts.items():
            kind, _, folder = subject.partition(":")
            watcher = kind == "watcher"
            yield Reading(
                "watcher_restarted" if watcher else "child_restarting",
                folder if watcher else subject,
                float(total - before.get(subject, 0)),
            )


def _figures(rule: AlertRule, sample: Sample) -> dict[str, float | None]:
    """Return the figures of a rule's metric now, by subject."""
    metric = BY_NAME[rule.metric]
    return {" ".join(labels) or rule.subject: value for labels, value in (metric.judged or metric.read)(sample)}
