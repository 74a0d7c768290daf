"""What the daemon has done, and how fast."""

import time

import pytest

from daemon.monitor.counters import Counters, Ending


def test_rates_are_those_of_the_last_hour() -> None:
    now = time.monotonic()
    earlier = [Ending(now - 4000, False, 0.0, 0.0), Ending(now - 1800, True, 3600.0, 360.0)]
    counters = Counters(earlier)
    for _ in range(2):
        counters.ended("done", 1800.0, 90.0)
    counters.ended("dead")
    counters.batch(3, 4)
    counters.batch(2, 4)
    rates = counters.rates()
    assert rates.ended == 4 and rates.error_rate_percent == 25.0
    assert rates.real_time_factor_mean == pytest.approx(540 / 7200)
    assert rates.real_time_factor_p95 == pytest.approx(0.1)
    assert rates.batch_fill_percent == pytest.approx(62.5)
    assert rates.files_per_hour == pytest.approx(6, rel=0.01)
    assert rates.audio_hours_per_hour == pytest.approx(4, rel=0.01)
    assert counters.jobs == {"done": 2, "dead": 1} and counters.audio_s == 3600.0
