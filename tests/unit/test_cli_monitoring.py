"""The commands that show what the monitor has seen."""

import os
import subprocess

from daemon.cli.monitoring import _lives, sparkline


def test_sparklines() -> None:
    assert sparkline([0, 1, 2, 3, 4, 5, 6, 7]) == "▁▂▃▄▅▆▇█"
    assert sparkline([5, None, 5]) == "▁ ▁"
    assert sparkline([0] * 500 + [9] + [0] * 499, width=10) == "▁▁▁▁▁█▁▁▁▁"
    assert sparkline([]) == ""


def test_a_process_is_looked_for_without_proc() -> None:
    ended = subprocess.Popen(["true"])
    ended.wait()
    assert _lives(os.getpid()) and not _lives(ended.pid)
