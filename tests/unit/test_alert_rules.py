"""The declarations of rules and metrics agree with each other, and everything that users read agrees with them."""

import re

import pytest

from daemon.config.alert_rules import RULES, AlertRule
from daemon.config.reader import default_text
from daemon.config.settings import Monitor
from daemon.monitor.metrics import BY_NAME
from daemon.monitor.readings import configured
from tests.support import ROOT

DOCS = (ROOT / "docs" / "monitoring.md").read_text("utf-8")
CONFIGURED = configured(Monitor())


def rows(heading: str) -> list[list[str]]:
    """The cells of the table in docs/monitoring.md whose first heading this is."""
    table = DOCS[DOCS.index(f"| {heading} |") :].split("\n\n")[0].splitlines()
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table[2:]]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_what_a_rule_names_is_there(rule: AlertRule) -> None:
    assert not rule.metric or rule.metric in BY_NAME
    assert not rule.plotted_with or BY_NAME[rule.plotted_with].panel is not None
    assert not rule.key or Monitor.model_fields[rule.key].default == rule.fire
    assert rule.says.format(subject="it", value=1.0, fire=rule.fire) != rule.says


def test_the_docs_have_every_rule_with_its_limits_and_its_time() -> None:
    table = {cells[0]: cells for cells in rows("rule")}
    assert list(table) == [rule.name for rule in RULES]
    for declared in RULES:
        _, _, limit, resolved, after = table[declared.name]
        rule = CONFIGURED[declared.name]
        assert after == ("`for_seconds`" if declared.held else "at once"), declared.name
        key = "interval_seconds" if declared.in_intervals else declared.key
        assert re.findall(r"`(\w+)`", limit) == ([key] if key else []), declared.name
        assert re.findall(r"[\d.]+", limit) == ([f"{declared.fire:g}"] if declared.fire else []), declared.name
        # What is resolved at nothing, or only knows yes and no, is explained in words.
        in_words = declared.in_intervals or rule.clear == 0
        assert re.findall(r"[\d.]+", resolved) == ([] if in_words else [f"{rule.clear:g}"]), declared.name


def test_the_shipped_configuration_lists_every_rule() -> None:
    text = default_text()
    listed = text[text.index("# [monitor.rules.NAME]") : text.index("# [monitor.rules.waiting_long]")]
    assert re.findall(r"\b[a-z]+(?:_[a-z]+)*\b", listed.split("\n", 1)[1]) == [rule.name for rule in RULES]
