"""The pure rules of alerts: sample after sample in, the exact list of events out."""

import random

import pytest

from daemon.config.alert_limits import wrong_limits
from daemon.config.settings import Monitor, RuleChange
from daemon.monitor.readings import Reader, configured
from daemon.monitor.rules import Alert, Reading, Rule, step
from daemon.monitor.sample import Gpu, Host, Probe, Sample, Work

TICK_S = 60.0
HOT = Rule("hot", fire=85, clear=80, for_s=120, says="{subject} {value} {fire}")
LOW = Rule("low", fire=500, clear=600, for_s=0, says="", below=True)


def run(rule: Rule, values, *, tick_s: float = TICK_S, enough: bool = True) -> list[tuple[int, str]]:
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
def test_a_value_over_time(values, expected) -> None:
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


def test_rules_are_changed_one_by_one() -> None:
    rules = configured(
        Monitor(
            gpu_temperature_c=70,
            rules={
                "memory": RuleChange(enabled=False),
                "waiting_long": RuleChange(fire=600, for_seconds=1),
                "disk_free": RuleChange(clear=9000),
            },
        )
    )
    assert (rules["gpu_temperature"].fire, rules["gpu_temperature"].clear) == (70, 65)
    assert "memory" not in rules
    assert (rules["waiting_long"].fire, rules["waiting_long"].for_s) == (600, 1)
    assert rules["waiting_long"].clear == 540
    assert (rules["disk_free"].fire, rules["disk_free"].clear) == (500, 9000)
    for rule in configured(Monitor()).values():
        assert rule.clear >= rule.fire if rule.below else rule.clear <= rule.fire
        assert rule.says.format(subject="s", value=1.0, fire=rule.fire)


@pytest.mark.parametrize(
    ("name", "fire", "clear"),
    [
        ("waiting_long", 600, 540),
        ("stalled", 600, 0),
        ("error_rate", 1, 0.5),
        ("disk_free", 1000, 1200),
        ("memory", 50, 45),
    ],
)
def test_a_first_limit_that_is_changed_alone_leaves_the_second_within_reach(name, fire, clear) -> None:
    rule = configured(Monitor(rules={name: RuleChange(fire=fire, for_seconds=0)}))[name]
    assert rule.clear == clear
    beyond = fire - 1 if rule.below else fire + 1
    assert run(rule, [beyond, rule.clear]) == [(0, "firing"), (1, "resolved")]


def test_a_second_limit_beyond_the_first_is_refused() -> None:
    monitor = Monitor(rules={"memory": RuleChange(clear=95), "disk_free": RuleChange(fire=1000, clear=900)})
    assert [(rule.name, reason) for rule, reason in wrong_limits(monitor)] == [
        ("memory", "must be at most 90, where the alert fires, not 95"),
        ("disk_free", "must be at least 1000, where the alert fires, not 900"),
    ]
    off = Monitor(rules={"memory": RuleChange(clear=95, enabled=False)})
    assert not list(wrong_limits(off))


def sample(**work) -> Sample:
    host = Host(1.0, 10.0, 100.0, 0.0, 0.1, (), ())
    return Sample("2026-01-01T00:00:00.000Z", Probe(), host, Work(**work))


def test_the_error_rate_needs_twenty_jobs() -> None:
    rules = configured(Monitor())
    for jobs, expected in ((19, []), (20, [("error_rate", "firing")])):
        readings = Reader().readings(sample(error_rate_percent=50.0, ended_in_window=jobs), 0.0)
        _, events = step(rules, {}, readings, 0.0)
        assert [(event.rule, event.state) for event in events] == expected


def test_children_that_restart_in_a_loop_and_watchers_that_restart_once() -> None:
    rules, reader = configured(Monitor()), Reader()
    open_: dict[tuple[str, str], Alert] = {}
    found = []
    for minute in range(40):
        restarts = {"engine cuda:0": min(minute // 2, 6), "watcher:/in": int(minute >= 5), "decoder": 2}
        readings = reader.readings(Sample(**{**_fields(sample()), "restarts": restarts}), 60.0 * minute)
        open_, events = step(rules, open_, readings, 60.0 * minute)
        found += [(minute, event.rule, event.subject, event.state) for event in events]
    assert found == [
        (5, "watcher_restarted", "/in", "firing"),
        (8, "child_restarting", "engine cuda:0", "firing"),
        (15, "watcher_restarted", "/in", "resolved"),
        (22, "child_restarting", "engine cuda:0", "resolved"),
    ]


def _fields(one: Sample) -> dict:
    return {name: getattr(one, name) for name in one.__dataclass_fields__}


def test_gpus_of_before_the_restart_are_missed() -> None:
    gpu = Gpu(0, "GPU-1", "RTX", temperature_c=50.0, memory_used_mb=1.0, memory_total_mb=2.0)
    readings = Reader([gpu]).readings(sample(), 0.0)
    assert Reading("gpu_gone", gpu.subject, 1.0) in readings
    assert not [reading for reading in Reader().readings(sample(), 0.0) if reading.rule.startswith("gpu")]
