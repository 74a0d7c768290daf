"""What the picture of the monitor's samples marks, beside its lines (tests/unit/test_metrics.py)."""

from datetime import datetime, timedelta
from pathlib import Path

import pytest

from daemon.errors import Unavailable
from daemon.monitor import metrics
from daemon.monitor.plot import GAP_FACTOR, _gaps, _paused, plot
from tests.builders import sample

START = datetime(2026, 1, 1, 12)


def at(*minutes: float) -> list[datetime]:
    return [START + timedelta(minutes=minute) for minute in minutes]


@pytest.mark.parametrize(
    ("minutes", "gaps"),
    [
        ([], set()),
        ([0], set()),
        ([0, 1, 2, 3], set()),
        ([0, 1, 2, 2 + GAP_FACTOR], set()),
        ([0, 1, 2, 9, 10, 30], {3, 5}),
    ],
)
def test_a_line_is_broken_where_nothing_was_sampled_for_long(minutes: list[float], gaps: set[int]) -> None:
    assert _gaps(at(*minutes)) == gaps


@pytest.mark.parametrize(
    ("paused", "spans"),
    [
        ("....", []),
        (".##.", [(1, 3)]),
        ("##..", [(0, 2)]),
        ("..##", [(2, 3)]),
        ("#.#.", [(0, 1), (2, 3)]),
        ("####", [(0, 3)]),
    ],
)
def test_a_pause_lasts_to_the_first_sample_without_it(paused: str, spans: list[tuple[int, int]]) -> None:
    times = at(*range(len(paused)))
    rows = [{"paused": "by request" if each == "#" else None} for each in paused]
    assert _paused(times, rows) == [(times[first], times[last]) for first, last in spans]


def test_a_file_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    row = metrics.row(sample())
    for name in ("no/out.png", "out.nonsense"):
        with pytest.raises(Unavailable, match="cannot be written"):
            plot([row], [], tmp_path / name)
