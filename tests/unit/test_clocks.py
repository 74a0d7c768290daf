"""What the doctor says of the clock, by a table."""

import pytest

from daemon.doctor.clocks import Clock, findings
from daemon.doctor.findings import FAILED, OK, WARNING
from daemon.store.soundness import Times

NOW = "2026-06-01T12:00:00.000Z"


@pytest.mark.parametrize(
    ("clock", "levels", "said"),
    [
        (Clock(NOW, Times(None, None), True), [OK], ", synchronized"),
        (Clock(NOW, Times(None, None), None), [OK], "not known here"),
        (Clock(NOW, Times(None, None), False), [WARNING], "is not synchronized"),
        (Clock("1970-01-01T00:10:00.000Z", Times(None, None), True), [FAILED], "which is past"),
        (Clock(NOW, Times("2026-06-01T12:00:59.000Z", None), True), [OK], "synchronized"),
        (Clock(NOW, Times("2026-06-01T15:00:00.000Z", None), True), [WARNING], "up to 180 minutes later"),
        (Clock(NOW, Times(None, "2026-05-31T23:00:00.000Z"), True), [WARNING], "out of order"),
        (Clock(NOW, Times("2027-06-01T12:00:00.000Z", NOW), False), [WARNING] * 3, "set back"),
    ],
)
def test_clocks(clock: Clock, levels: list[str], said: str) -> None:
    found = list(findings(clock))
    assert [each.level for each in found] == levels
    assert said in found[0].text and all(each.cure for each in found if each.level != OK)
