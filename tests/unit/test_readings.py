"""What a sample says for each rule, with the rules as they are configured."""

import pytest

from daemon.config.settings import Monitor, RuleChange
from daemon.monitor.readings import Reader, configured
from daemon.monitor.rules import Alert, Reading, step
from daemon.monitor.sample import Gpu, Work
from tests.builders import sample
from tests.unit.test_monitor_rules import run


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
def test_a_first_limit_that_is_changed_alone_leaves_the_second_within_reach(
    name: str, fire: float, clear: float
) -> None:
    rule = configured(Monitor(rules={name: RuleChange(fire=fire, for_seconds=0)}))[name]
    assert rule.clear == clear
    beyond = fire - 1 if rule.below else fire + 1
    assert run(rule, [beyond, rule.clear]) == [(0, "firing"), (1, "resolved")]


def test_the_error_rate_needs_twenty_jobs() -> None:
    rules = configured(Monitor())
    for jobs, expected in ((19, []), (20, [("error_rate", "firing")])):
        readings = Reader().readings(sample(Work(error_rate_percent=50.0, ended_in_window=jobs)), 0.0)
        _, events = step(rules, {}, readings, 0.0)
        assert [(event.rule, event.state) for event in events] == expected


def test_children_that_restart_in_a_loop_and_watchers_that_restart_once() -> None:
    rules, reader = configured(Monitor()), Reader()
    open_: dict[tuple[str, str], Alert] = {}
    found = []
    for minute in range(40):
        restarts = {"engine cuda:0": min(minute // 2, 6), "watcher:/in": int(minute >= 5), "decoder": 2}
        readings = reader.readings(sample(restarts=restarts), 60.0 * minute)
        open_, events = step(rules, open_, readings, 60.0 * minute)
        found += [(minute, event.rule, event.subject, event.state) for event in events]
    assert found == [
        (5, "watcher_restarted", "/in", "firing"),
        (8, "child_restarting", "engine cuda:0", "firing"),
        (15, "watcher_restarted", "/in", "resolved"),
        (22, "child_restarting", "engine cuda:0", "resolved"),
    ]


def test_gpus_of_before_the_restart_are_missed() -> None:
    gpu = Gpu(0, "GPU-1", "RTX", temperature_c=50.0, memory_used_mb=1.0, memory_total_mb=2.0)
    readings = Reader([gpu]).readings(sample(), 0.0)
    assert Reading("gpu_gone", gpu.subject, 1.0) in readings
    assert not [reading for reading in Reader().readings(sample(), 0.0) if reading.rule.startswith("gpu")]


def test_folders_that_cannot_be_listed_fire_until_all_can() -> None:
    rules = configured(Monitor())
    open_: dict[tuple[str, str], Alert] = {}
    told = []
    for counts in ({"/a": 0, "/b": 0}, {"/a": 2, "/b": 0}, {"/a": 1, "/b": 0}, {"/a": 0, "/b": 0}):
        readings = Reader().readings(sample(unlistable_folders=counts), 0.0)
        open_, events = step(rules, open_, readings, 0.0)
        told += [(event.rule, event.subject, event.state) for event in events if event.news]
    assert told == [("folder_unlistable", "/a", "firing"), ("folder_unlistable", "/a", "resolved")]


def test_that_no_engine_is_ready_is_told_after_a_while_and_not_while_the_first_one_loads_its_model() -> None:
    rules, reader = configured(Monitor(for_seconds=120)), Reader()
    open_: dict[tuple[str, str], Alert] = {}
    found = []
    for minute, ready in enumerate([None, None, 1, 0, 0, 0, 0, 2]):
        readings = reader.readings(sample(engines_ready=ready), 60.0 * minute)
        open_, events = step(rules, open_, readings, 60.0 * minute)
        found += [(minute, event.rule, event.state) for event in events]
    assert found == [(3, "no_engine", "pending"), (5, "no_engine", "firing"), (7, "no_engine", "resolved")]
