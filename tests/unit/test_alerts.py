"""The alerts of some rules: recorded, logged, sent; nothing is forgotten while the database cannot be written."""

import logging
from collections.abc import Iterable
from typing import Any

import pytest

from daemon.errors import Unavailable
from daemon.monitor.alerts import AlertBook, or_none
from daemon.monitor.rules import Reading, Rule

HOT = Rule("hot", fire=85, clear=80, for_s=0, says="{subject} is at {value:g}, over {fire:g}")


class History:
    def __init__(self) -> None:
        self.changes: list[tuple[Any, ...]] = []
        self.full = False

    def change_alerts(self, changes: Iterable[tuple[Any, ...]]) -> None:
        if self.full:
            raise Unavailable("the disk is full")
        self.changes += changes


class Notifier:
    def __init__(self) -> None:
        self.sent: list[tuple[str, str, bool]] = []

    def send(self, title: str, body: str, *, firing: bool) -> None:
        self.sent.append((title, body, firing))


def book(history: History, notifier: Notifier, before: tuple[tuple[str, str, bool], ...] = ()) -> AlertBook:
    return AlertBook({"hot": HOT}, history, notifier, before)  # type: ignore[arg-type]


def test_an_alert_is_recorded_and_sent_when_it_fires_and_when_it_is_over() -> None:
    history, notifier = History(), Notifier()
    alerts = book(history, notifier)
    for second, value in enumerate((90.0, 91.0, 84.0, 79.0)):
        alerts.take([Reading("hot", "GPU", value)], float(second))
    assert [change[2] for change in history.changes] == ["firing", "resolved"]
    assert notifier.sent == [
        ("transcribed: hot firing", "GPU is at 90, over 85", True),
        ("transcribed: hot resolved", "hot of GPU is over (79)", False),
    ]
    assert not alerts.firing


def test_what_could_not_be_recorded_is_recorded_later() -> None:
    history = History()
    alerts = book(history, Notifier())
    history.full = True
    alerts.take([Reading("hot", "GPU", 90.0)], 0.0)
    assert not history.changes and alerts.firing == [("hot", "GPU")]
    history.full = False
    alerts.take([Reading("hot", "GPU", 90.0)], 1.0)
    assert [change[2] for change in history.changes] == ["firing"]


def test_one_that_fired_before_the_restart_is_resolved_after_it() -> None:
    history, notifier = History(), Notifier()
    alerts = book(history, notifier, (("hot", "GPU", True),))
    assert alerts.firing == [("hot", "GPU")]
    alerts.take([Reading("hot", "GPU", 70.0)], 0.0)
    assert [change[2] for change in history.changes] == ["resolved"] and len(notifier.sent) == 1


def test_a_part_of_a_tick_that_fails_says_so_and_is_none(caplog: pytest.LogCaptureFixture) -> None:
    def fail() -> int:
        raise ZeroDivisionError

    with caplog.at_level(logging.WARNING):
        assert or_none("count", fail) is None
    assert "cannot count" in caplog.text and or_none("count", lambda: 3) == 3
