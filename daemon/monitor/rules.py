"""When a figure becomes an alert. Pure: takes rules, open alerts, readings and a time; gives open alerts and events.

ok -> pending (over its limit) -> firing (over it for `for_s`) -> resolved (back beyond the second limit). A figure that
cannot be read makes its alert *unknown*, which neither fires nor is resolved.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

OK, PENDING, FIRING, RESOLVED, UNKNOWN = "ok", "pending", "firing", "resolved", "unknown"


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule as configured. It has two limits, so that a figure that swings around one of them does not flap.

    `says` is a sentence with {subject}, {value} and {fire}.
    """

    name: str
    fire: float
    """Over this (or, with `below`, under it) an alert is pending."""
    clear: float
    """No longer over this (or, with `below`, under it), the alert is resolved."""
    for_s: float
    says: str
    below: bool = False
    yields: bool = False
    """Whether a limit that a subject states itself takes precedence."""

    def at(self, limit: float | None) -> "Rule":
        """Return the rule for a subject that states this limit, or states none."""
        if limit is None or not self.yields:
            return self
        return replace(self, fire=limit, clear=limit + self.clear - self.fire)

    def breached(self, value: float) -> bool:
        """Return whether a value is over the limit (or, with `below`, under it)."""
        return value < self.fire if self.below else value > self.fire

    def cleared(self, value: float) -> bool:
        """Return whether a value is back beyond the second limit."""
        return value >= self.clear if self.below else value <= self.clear


@dataclass(frozen=True, slots=True)
class Reading:
    """A figure now; None if it cannot be read."""

    rule: str
    subject: str
    value: float | None
    enough: bool = True
    """Whether it rests on enough data to raise an alert, or to keep one pending."""
    limit: float | None = None
    """The limit that the subject states itself."""


@dataclass(frozen=True, slots=True)
class Alert:
    """An alert that is not ok. Times are on the monitor's clock."""

    rule: str
    subject: str
    value: float | None
    since: float
    """When it became pending."""
    breached_at: float
    """When the figure was last over its limit."""
    fired: bool = False
    unknown: bool = False


@dataclass(frozen=True, slots=True)
class Event:
    """A change of an alert's state."""

    rule: str
    subject: str
    state: str
    value: float | None
    news: bool = False
    """Whether it fires or is resolved, which people are told. One that still fires after it was unknown is not news."""
    limit: float | None = None
    """The limit that the reading's subject states."""


Key = tuple[str, str]
Open = Mapping[Key, Alert]


def step(
    rules: Mapping[str, Rule], open_: Open, readings: Iterable[Reading], now: float
) -> tuple[dict[Key, Alert], list[Event]]:
    """Judge the readings of one moment.

    Args:
        rules: The rules by name; readings of other rules are ignored.
        open_: The alerts that are not ok, by (rule, subject). One without a reading ends: what it was about is gone.
        readings: The readings.
        now: Seconds on a clock that only runs while samples are taken.

    Returns:
        The alerts that are not ok now, and what has changed.
    """
    after: dict[Key, Alert] = {}
    events: list[Event] = []
    seen: set[Key] = set()
    for reading in readings:
        rule = rules.get(reading.rule)
        if rule is None:
            continue
        key = (reading.rule, reading.subject)
        seen.add(key)
        alert, event = _take(rule.at(reading.limit), open_.get(key), reading, now)
        if alert is not None:
            after[key] = alert
        if event is not None:
            events.append(replace(event, limit=reading.limit))
    events += [_ended(alert, None) for key, alert in open_.items() if key not in seen]
    return after, events


def _take(rule: Rule, alert: Alert | None, reading: Reading, now: float) -> tuple[Alert | None, Event | None]:
    value = reading.value
    if value is None:
        if alert is not None and alert.unknown:
            return alert, None
        alert = replace(alert or Alert(rule.name, reading.subject, None, now, now), unknown=True)
        return alert, Event(rule.name, reading.subject, UNKNOWN, alert.value)
    if alert is not None and alert.fired:
        return _fired(rule, replace(alert, value=value, breached_at=now), value)
    if alert is not None and not alert.unknown:
        return _pending(rule, replace(alert, value=value), reading, now)
    # What was seen before a gap says nothing about the time in between, so the wait starts over.
    fresh = Alert(rule.name, reading.subject, value, now, now)
    if not (rule.breached(value) and reading.enough):
        return None, None if alert is None else _ended(fresh, value)
    fired, event = _pending(rule, fresh, reading, now)
    return fired, event or Event(rule.name, reading.subject, PENDING, value)


def _fired(rule: Rule, alert: Alert, value: float) -> tuple[Alert | None, Event | None]:
    if rule.cleared(value):
        return None, _ended(alert, value)
    known = Event(rule.name, alert.subject, FIRING, value) if alert.unknown else None
    return replace(alert, unknown=False), known


def _pending(rule: Rule, alert: Alert, reading: Reading, now: float) -> tuple[Alert | None, Event | None]:
    value = alert.value
    assert value is not None
    breached = rule.breached(value)
    if breached and reading.enough:
        if now - alert.since >= rule.for_s:
            return replace(alert, fired=True), Event(rule.name, alert.subject, FIRING, value, news=True)
        return replace(alert, breached_at=now), None
    # A figure that swings around its limit stays pending between its swings. One that stays between the two limits,
    # where it would not have become pending, is ok after `for_s`.
    if rule.cleared(value) or (not breached and now - alert.breached_at > rule.for_s):
        return None, _ended(alert, value)
    return alert, None


def _ended(alert: Alert, value: float | None) -> Event:
    state = RESOLVED if alert.fired else OK
    return Event(alert.rule, alert.subject, state, value, news=alert.fired)
