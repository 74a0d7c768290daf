"""Where each alert rule fires and where it is resolved, as configured."""

from collections.abc import Iterator
from dataclasses import dataclass

from daemon.config.alert_rules import RULES, AlertRule
from daemon.config.settings import Monitor, RuleChange


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of one rule, in the unit of what it judges."""

    fire: float
    clear: float
    for_s: float


def limits(declared: AlertRule, monitor: Monitor) -> Limits | None:
    """Return the limits of a rule, or None if it is turned off; `clear` follows `fire` unless it is given, too."""
    change = monitor.rules.get(declared.name, RuleChange())
    if not change.enabled:
        return None
    fire = float(getattr(monitor, declared.key)) if declared.key else declared.fire
    if declared.in_intervals:
        fire *= monitor.interval_seconds
    if change.fire is not None:
        fire = change.fire
    clear = declared.clear(fire) if change.clear is None else change.clear
    for_s = monitor.for_seconds if declared.held else 0.0
    if change.for_seconds is not None:
        for_s = change.for_seconds
    return Limits(fire, clear, for_s)


def wrong_limits(monitor: Monitor) -> Iterator[tuple[AlertRule, str]]:
    """Yield each rule that would be resolved as soon as it fires, and what is wrong with its `clear`."""
    for declared in RULES:
        found = limits(declared, monitor)
        if found is not None and (found.clear < found.fire if declared.below else found.clear > found.fire):
            most = "at least" if declared.below else "at most"
            yield declared, f"must be {most} {found.fire:g}, where the alert fires, not {found.clear:g}"
