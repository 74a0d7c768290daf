"""The alerts of some rules: judged, kept in the database, logged, sent to people."""

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
    """What is open of some rules.

    Args:
        before: (rule, subject, fired) that were open when the daemon last ended.
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
        return [key for key, alert in self._open.items() if alert.fired]

    def take(self, readings: Sequence[Reading], now: float) -> list[Event]:
        """Judge readings; the changes are recorded, logged and sent."""
        self._open, events = step(self._rules, self._open, readings, now)
        for event in events:
            self._tell(event)
        self._unsaved += events
        or_none("record alerts", self._save)
        return events

    def _save(self) -> None:
        """Record what has changed, now or while the database could not be written."""
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
            return f"{event.rule} of {event.subject} is not known: it cannot be read"
        return text(rule and rule.at(event.limit), event.rule, event.subject, event.value)


def or_none(what: str, work: Callable[[], T]) -> T | None:
    """A part of a tick that may fail, of a full disk say, without the rest."""
    try:
        return work()
    except Unavailable as error:
        log.warning("the monitor cannot %s: %s", what, error.message)
    except Exception:
        log.exception("the monitor cannot %s", what)
    return None
