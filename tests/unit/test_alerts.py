"""Alerts: checked at start, recorded, logged and sent."""

import pytest

from daemon.config.settings import Monitor, RuleChange
from daemon.errors import BadConfig
from daemon.monitor.alerts import check


def test_rules_and_addresses_of_no_use_are_named_together() -> None:
    with pytest.raises(BadConfig) as caught:
        check(Monitor(rules={"memory": RuleChange(clear=95)}, notify=("nonsense://x",)))
    assert [line.split(":")[0] for line in caught.value.message.splitlines()] == [
        "monitor.rules.memory.clear",
        "monitor.notify[0]",
    ]
