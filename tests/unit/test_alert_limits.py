"""Where alerts fire and are resolved, as configured."""

from daemon.config.alert_limits import Limits, limits, wrong_limits
from daemon.config.alert_rules import BY_NAME
from daemon.config.settings import Monitor, RuleChange


def test_a_second_limit_beyond_the_first_is_refused() -> None:
    monitor = Monitor(rules={"memory": RuleChange(clear=95), "disk_free": RuleChange(fire=1000, clear=900)})
    assert [(rule.name, reason) for rule, reason in wrong_limits(monitor)] == [
        ("memory", "must be at most 90, where the alert fires, not 95"),
        ("disk_free", "must be at least 1000, where the alert fires, not 900"),
    ]
    off = Monitor(rules={"memory": RuleChange(clear=95, enabled=False)})
    assert not list(wrong_limits(off))


def test_the_second_limit_follows_the_first_unless_it_is_given() -> None:
    monitor = Monitor(disk_free_mb=1000, interval_seconds=20, rules={"memory": RuleChange(fire=50, for_seconds=1)})
    assert limits(BY_NAME["disk_free"], monitor) == Limits(1000, 1200, 0)
    assert limits(BY_NAME["no_sample"], monitor) == Limits(60, 20, 0)
    assert limits(BY_NAME["memory"], monitor) == Limits(50, 45, 1)
    assert limits(BY_NAME["memory"], Monitor(rules={"memory": RuleChange(enabled=False)})) is None
