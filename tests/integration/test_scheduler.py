"""What runs at its times, whatever hangs and whatever the clock says."""

import threading
import time
from itertools import pairwise

import pytest

from daemon.maintenance.scheduler import Scheduler
from tests.support import wait_until


def test_a_task_that_hangs_holds_up_no_other_and_is_made_up_for_once() -> None:
    schedule, free = Scheduler(), threading.Event()
    quick: list[float] = []
    slow: list[float] = []

    def hang() -> None:
        slow.append(time.monotonic())
        free.wait(30)

    schedule.every(0.1, "slow", hang)
    schedule.every(0.1, "quick", lambda: quick.append(time.monotonic()))
    schedule.start()
    wait_until(lambda: len(quick) >= 10, 10, "ten runs")
    assert len(slow) == 1
    free.set()
    wait_until(lambda: len(slow) >= 3, 10, "the slow task going on")
    schedule.close()
    assert max(after - before for before, after in pairwise(quick)) < 5.0


def test_a_clock_that_is_set_back_by_a_day_does_not_silence_it(monkeypatch: pytest.MonkeyPatch) -> None:
    from datetime import timedelta

    runs: list[float] = []
    schedule = Scheduler()
    schedule.every(0.1, "task", lambda: runs.append(time.monotonic()))
    schedule.start()
    wait_until(lambda: len(runs) >= 2, 10, "two runs")
    # What APScheduler believes after the clock was set back: the next run is a day away.
    for job in schedule._scheduler.get_jobs():
        job.modify(next_run_time=job.next_run_time + timedelta(days=1))
    time.sleep(0.3)
    before = len(runs)
    time.sleep(0.5)
    assert len(runs) == before
    schedule.tick()  # no jump seen yet
    real = time.time
    monkeypatch.setattr("daemon.maintenance.scheduler.time.time", lambda: real() - 86_400)
    schedule.tick()
    wait_until(lambda: len(runs) > before + 2, 10, "runs after the jump")
    schedule.close()
