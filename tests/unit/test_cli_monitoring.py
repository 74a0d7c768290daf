"""The commands that show what the monitor has seen."""

from daemon.cli.monitoring import sparkline


def test_sparklines() -> None:
    assert sparkline([0, 1, 2, 3, 4, 5, 6, 7]) == "▁▂▃▄▅▆▇█"
    assert sparkline([5, None, 5]) == "▁ ▁"
    assert sparkline([0] * 500 + [9] + [0] * 499, width=10) == "▁▁▁▁▁█▁▁▁▁"
    assert sparkline([]) == ""
