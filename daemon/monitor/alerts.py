"""Judges readings by rules, and records, logs and sends the alerts."""

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from daemon.errors import Unavailable
from daemon.monitor.notifications import Notifier
from daemon.monitor.readings import text
from daemon.monitor.rules import FIRING, RESOLVED, UNKNOWN, Alert, Event, Key, Reading, Rule, step
from daemon.store.monitoring import History

log = logging.getLogger(__name__)

T = TypeVar("T")


class AlertBook:
    """The open alerts of some rules.

    Args:
        rules: The rules by name.
        history: Where changes are recorded.
        notifier: Sends people what is news.
        before: (rule, subject, fired) of the alerts that were open when the daemon last ended.
    """

    def __init__(
        self,
        rules: Mapping[str, Rule],
        history: History,
        notifier: Notifier,
        before: Sequence[tuple[str, str, bool]],
    ) -> None:
        self._rules = rules
        self._history = history
        self._notifier = notifier
        self._open: dict[Key, Alert] = {
            (rule, subject): Alert(rule, subject, None, 0.0, 0.0, fired=fired) for rule, subject, fired in before
        }
        self._unsaved: list[Event] = []

    @property
    def firing(self) -> list[Key]:
        """The alerts that have fired and are not resolved."""
        return [key for key, alert in self._open.items() if alert.fired]

    def take(self, readings: Sequence[Reading], now: float) -> list[Event]:
        """Judge readings at a time of the monitor's clock; record, log, send and return the changes."""
        self._open, events = step(self._rules, self._open, readings, now)
        for event in events:
            self._tell(event)
        self._unsaved += events
        or_none("record alerts", self._save)
        return events

    def _save(self) -> None:
        """Record what has changed, now or earlier while the database could not be written."""
        self._history.change_alerts(
            (event.rule, event.subject, event.state, event.value, self._text(event)) for event in self._unsaved
        )
        self._unsaved = []

    def _tell(self, event: Event) -> None:
        said = self._text(event)
        if event.news:
            firing = event.state == FIRING
            log.log(logging.WARNING if firing else logging.INFO, "alert %s: %s", event.state, said)
            self._notifier.send(f"transcribed: {event.rule} {event.state}", said, firing=firing)
        else:
            level = logging.INFO if event.state in (UNKNOWN, FIRING) else logging.DEBUG
            log.log(level, "alert %s %s: %s", event.rule, event.state, said)

    def _text(self, event: Event) -> str:
        rule = self._rules.get(event.rule)
        if event.state == RESOLVED:
            return f"{event.rule} of {event.subject} is over" + ("" if event.value is None else f" ({event.value:g})")
        if event.state == UNKNOWN:
            return f"{event.rule} of {event.subject} is unknown: it cannot be read"
        return text(rule and rule.at(event.limit), event.rule, event.subject, event.value)


def or_none(what: str, work: Callable[[], T]) -> T | None:
    """Do a part of a tick; if it fails, as on a full disk, log that and return None so that the rest goes on."""
    try:
        return work()
    except Unavailable as error:
        log.warning("the monitor cannot %s: %s", what, error.message)
    except Exception:
        log.exception("the monitor cannot %s", what)
    return None
