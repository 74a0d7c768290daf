"""The pure rules of alerts: sample after sample in, the exact list of events out."""

import random
from collections.abc import Sequence
from typing import Any

import pytest

from daemon.monitor.rules import Alert, Reading, Rule, step

TICK_S = 60.0
HOT = Rule("hot", fire=85, clear=80, for_s=120, says="{subject} {value} {fire}")
LOW = Rule("low", fire=500, clear=600, for_s=0, says="", below=True)


def run(rule: Rule, values: Sequence[Any], *, tick_s: float = TICK_S, enough: bool = True) -> list[tuple[int, str]]:
    """(tick, state) of every event; a value of ... has no reading at all."""
    open_: dict[tuple[str, str], Alert] = {}
    found = []
    for tick, value in enumerate(values):
        readings = [] if value is ... else [Reading(rule.name, "s", value, enough)]
        open_, events = step({rule.name: rule}, open_, readings, tick * tick_s)
        found += [(tick, event.state) for event in events]
        assert all(event.news == (event.state == "resolved") for event in events if event.state != "firing")
    return found


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([70, 80, 85], []),  # 85 is not over 85
        ([86, 86, 86, 86], [(0, "pending"), (2, "firing")]),
        ([86, 86, 80, 86], [(0, "pending"), (2, "ok"), (3, "pending")]),  # cooled down: it begins anew
        ([86, 84, 84, 84, 84], [(0, "pending"), (3, "ok")]),  # a spike, then between the limits
        ([86, 84, 86, 84, 81, 80], [(0, "pending"), (2, "firing"), (5, "resolved")]),
        ([90, 90, 90, None, None, 90, 70], [(0, "pending"), (2, "firing"), (3, "unknown"), (5, "firing"), (6, "resolved")]),
        ([90, 90, 90, None, 70], [(0, "pending"), (2, "firing"), (3, "unknown"), (4, "resolved")]),
        ([None, None, 70], [(0, "unknown"), (2, "ok")]),
        ([90, None, 90, 90, 90], [(0, "pending"), (1, "unknown"), (2, "pending"), (4, "firing")]),
        ([90, 90, 90, ...], [(0, "pending"), (2, "firing"), (3, "resolved")]),  # what it was about is gone
        ([90, ...], [(0, "pending"), (1, "ok")]),
        ([None, ...], [(0, "unknown"), (1, "ok")]),
    ],
)  # fmt: skip
def test_a_value_over_time(values: list[Any], expected: list[tuple[int, str]]) -> None:
    assert run(HOT, values) == expected


@pytest.mark.guarantee(27)
def test_a_value_that_swings_around_its_limit_a_hundred_times_fires_once_and_is_resolved_once() -> None:
    for start in (84, 86):
        swings = [start + (170 - 2 * start) * (tick % 2) for tick in range(200)]
        assert set(swings) == {84, 86}
        found = run(HOT, [*swings, 79], tick_s=60)
        assert [state for _, state in found if state != "pending"] == ["firing", "resolved"]
        assert found[-1] == (200, "resolved")


@pytest.mark.guarantee(27)
def test_random_noise_of_one_around_either_limit_never_flaps() -> None:
    for seed in range(200):
        noise = random.Random(seed)
        around_fire = [85 + noise.uniform(-1, 1) for _ in range(100)]
        around_clear = [80 + noise.uniform(-1, 1) for _ in range(100)]
        states = [state for _, state in run(HOT, [90, 90, 90, *around_fire, *around_clear])]
        assert states in (["pending", "firing", "resolved"], ["pending", "firing"]), (seed, states)


def test_a_limit_that_is_undershot() -> None:
    assert run(LOW, [900, 499, 550, 599, 600]) == [(1, "firing"), (4, "resolved")]


def test_too_few_cases_raise_no_alert_but_end_none_either() -> None:
    rule = Rule("rate", fire=5, clear=2.5, for_s=0, says="")
    assert run(rule, [100, 100], enough=False) == []
    open_, _ = step({"rate": rule}, {}, [Reading("rate", "s", 50)], 0)
    open_, events = step({"rate": rule}, open_, [Reading("rate", "s", 50, enough=False)], 60)
    assert open_ and not events
    open_, events = step({"rate": rule}, open_, [Reading("rate", "s", 0.0, enough=False)], 120)
    assert not open_ and [event.state for event in events] == ["resolved"]


def test_a_rule_that_is_turned_off_ends_its_alerts() -> None:
    open_, _ = step({"low": LOW}, {}, [Reading("low", "/", 1.0)], 0)
    open_, events = step({}, open_, [Reading("low", "/", 1.0)], 60)
    assert not open_ and [event.state for event in events] == ["resolved"]
