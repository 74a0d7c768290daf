"""The rules as configured, and what a sample says for each of them. Pure."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from daemon.config.settings import Monitor
from daemon.errors import BadConfig
from daemon.monitor.rules import Reading, Rule
from daemon.monitor.sample import Disk, Gpu, Sample, Work

JOBS_MIN = 20
"""An error rate of fewer jobs than this is none: of three recordings, one that is no speech is not 33 %."""
WAITING_S, STALLED_S = 86_400.0, 1800.0
RESTARTS_MAX = 3
"""Restarts of a kind of child within RESTART_WINDOW_S above which it restarts in a loop."""
RESTART_WINDOW_S = 600.0
ACCURACY_PERCENT = 97.0
"""As `transcribed verify` takes it."""
SERVICE = "service"

SAYS = {
    "gpu_temperature": "{subject} is at {value:.0f} °C, over {fire:g}",
    "gpu_memory": "the memory of {subject} is {value:.0f} % full, over {fire:g}",
    "memory": "the memory of the machine is {value:.0f} % full, over {fire:g}",
    "disk_free": "{value:.0f} MB are free at {subject}, under {fire:g}",
    "error_rate": "{value:.1f} % of the jobs of the last hour came to a bad end, over {fire:g}",
    "gpu_gone": "{subject} was there and is gone",
    "probe_failing": "{subject} cannot be read",
    "no_sample": "the monitor has taken no good sample for {value:.0f} s",
    "root_missing": "the watched folder {subject} cannot be listed, or its drive is not mounted",
    "watcher_restarted": "the watcher of {subject} had to be started anew; what it missed is found by comparison",
    "child_restarting": "{subject} was restarted {value:.0f} times within ten minutes",
    "waiting_long": "a recording has waited for {value:.0f} s, over {fire:g}",
    "stalled": "nothing has been finished for {value:.0f} s though work waits",
    "accuracy": "the model keeps {value:.1f} % of float32's accuracy, under {fire:g}",
}


def configured(monitor: Monitor) -> dict[str, Rule]:
    """The rules that are not turned off, by name.

    Raises:
        BadConfig: the second limit of one lies beyond the first, where it would be resolved as soon as it fires.
    """
    held = monitor.for_seconds
    rules = [
        _rule("gpu_temperature", monitor.gpu_temperature_c, monitor.gpu_temperature_c - 5, held),
        _rule("gpu_memory", monitor.gpu_memory_percent, monitor.gpu_memory_percent - 5, held),
        _rule("memory", monitor.memory_percent, monitor.memory_percent - 5, held),
        _rule("disk_free", monitor.disk_free_mb, 1.2 * monitor.disk_free_mb, 0.0, below=True),
        _rule("error_rate", monitor.error_rate_percent, monitor.error_rate_percent / 2, 0.0),
        _rule("gpu_gone", 0, 0, held),
        _rule("probe_failing", 0, 0, held),
        _rule("no_sample", 3 * monitor.interval_seconds, monitor.interval_seconds, 0.0),
        _rule("root_missing", 0, 0, 0.0),
        _rule("watcher_restarted", 0, 0, 0.0),
        _rule("child_restarting", RESTARTS_MAX, 0, 0.0),
        _rule("waiting_long", WAITING_S, 0.9 * WAITING_S, 0.0),
        _rule("stalled", STALLED_S, 0, 0.0),
        _rule("accuracy", ACCURACY_PERCENT, ACCURACY_PERCENT, 0.0, below=True),
    ]
    found = {}
    for rule in rules:
        change = monitor.rules.get(rule.name)  # type: ignore[call-overload]
        if change is None:
            found[rule.name] = rule
        elif change.enabled:
            found[rule.name] = _changed(rule, change.fire, change.clear, change.for_seconds)
    wrong = [rule for rule in found.values() if (rule.clear < rule.fire if rule.below else rule.clear > rule.fire)]
    if wrong:
        raise BadConfig(
            "\n".join(
                f"monitor.rules.{rule.name}.clear: must be {'at least' if rule.below else 'at most'} {rule.fire:g}, "
                f"where it fires, not {rule.clear:g}"
                for rule in wrong
            )
        )
    return found


def text(rule: Rule | None, name: str, subject: str, value: float | None) -> str:
    """What an alert says."""
    if rule is None or value is None:
        return f"{name} of {subject}"
    return rule.says.format(subject=subject, value=value, fire=rule.fire)


class Reader:
    """Turns samples into readings; remembers what there was, so that it is missed when it goes.

    Args:
        gpus: those of the newest sample before this start.
    """

    def __init__(self, gpus: Collection[Gpu] = ()) -> None:
        self._expected = {gpu.subject for gpu in gpus}
        self._known: set[tuple[str, str]] = {
            (name, gpu.subject) for gpu in gpus for name, value in _figures(gpu) if value is not None
        }
        self._verified = False
        self._restarts: list[tuple[float, Mapping[str, int]]] = []

    def readings(self, sample: Sample, now: float) -> list[Reading]:
        """One for each rule and subject.

        Args:
            now: seconds on the monitor's clock.
        """
        host, work = sample.host, sample.work
        found = [
            *self._gpus(sample),
            Reading("memory", "host", host.memory_percent),
            *(Reading("disk_free", disk.path, disk.free_mb) for disk in _file_systems(host.disks)),
            *(Reading("root_missing", root, float(gone)) for root, gone in sample.missing_roots.items()),
            *self._restarted(sample.restarts, now),
            *_of_the_service(work),
        ]
        self._verified = self._verified or sample.accuracy_percent is not None
        if self._verified:
            found.append(Reading("accuracy", "model", sample.accuracy_percent))
        return found

    def _gpus(self, sample: Sample) -> Iterator[Reading]:
        probe = sample.probe
        there = {gpu.subject: gpu for gpu in probe.gpus}
        self._expected |= set(there)
        failed = probe.error is not None
        if failed or self._expected:
            yield Reading("probe_failing", "nvidia-smi", float(failed))
        for subject in sorted(self._expected):
            gpu = there.get(subject)
            yield Reading("gpu_gone", subject, None if failed else float(gpu is None))
            lost = False
            for name, value in _figures(gpu):
                yield Reading(name, subject, value)
                if value is not None:
                    self._known.add((name, subject))
                lost = lost or (value is None and (name, subject) in self._known)
            # A sensor that never spoke is unknown and no more; one that falls silent is a fault.
            yield Reading("probe_failing", subject, None if gpu is None else float(lost))

    def _restarted(self, restarts: Mapping[str, int], now: float) -> Iterator[Reading]:
        """Restarts within the window; a watcher's first one is worth an alert, a child's only a row of them."""
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


def _of_the_service(work: Work) -> Iterator[Reading]:
    enough = work.ended_in_window >= JOBS_MIN
    yield Reading("error_rate", SERVICE, work.error_rate_percent if work.known else None, enough)
    yield Reading("waiting_long", SERVICE, work.oldest_waiting_s if work.known else None)
    yield Reading("stalled", SERVICE, work.stalled_s if work.known else None)


def _file_systems(disks: Iterable[Disk]) -> Iterator[Disk]:
    """Each once, called by the first path that lies on it: one full disk is one alert."""
    seen: set[int] = set()
    for disk in disks:
        if disk.device is None or disk.device not in seen:
            yield disk
        if disk.device is not None:
            seen.add(disk.device)


def _figures(gpu: Gpu | None) -> tuple[tuple[str, float | None], ...]:
    return (
        ("gpu_temperature", None if gpu is None else gpu.temperature_c),
        ("gpu_memory", None if gpu is None else gpu.memory_percent),
    )


def _rule(name: str, fire: float, clear: float, for_s: float, *, below: bool = False) -> Rule:
    return Rule(name, fire, clear, for_s, SAYS[name], below)


def _changed(rule: Rule, fire: float | None, clear: float | None, for_s: float | None) -> Rule:
    """A rule with other limits; the second one keeps its distance if only the first is given."""
    if fire is not None and clear is None:
        clear = fire + (rule.clear - rule.fire)
    given: dict[str, Any] = {"fire": fire, "clear": clear, "for_s": for_s}
    return replace(rule, **{name: value for name, value in given.items() if value is not None})
