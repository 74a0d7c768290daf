"""What runs at its times: APScheduler, set so that nothing falls silent (docs/facts.md, fact 8)."""

import logging
import time
from collections.abc import Callable
from datetime import datetime, timedelta

from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.interval import IntervalTrigger

log = logging.getLogger(__name__)

CLOCK_JUMP_S = 2.0
"""Wall and monotonic clock drift apart by milliseconds; more than this, and the clock was set."""


class Scheduler:
    """Runs tasks, each at its interval on a thread of its own, so that none waits for another.

    A run that is late is made up for once, however late it is; a task that still runs is not started again.
    """

    def __init__(self) -> None:
        self._scheduler = BackgroundScheduler(timezone="UTC", daemon=True)
        self._ahead_s = time.time() - time.monotonic()
        logging.getLogger("apscheduler").setLevel(logging.ERROR)

    def every(self, seconds: float, name: str, task: Callable[[], object], *, first_s: float = 0.0) -> None:
        """Run a task every so many seconds, for the first time in `first_s` seconds."""
        self._scheduler.add_executor(ThreadPoolExecutor(1), name)
        self._scheduler.add_job(
            task,
            IntervalTrigger(seconds=seconds, timezone="UTC"),
            id=name,
            executor=name,
            next_run_time=_in(first_s),
            coalesce=True,
            max_instances=1,
            misfire_grace_time=None,
        )

    def start(self) -> None:
        """Begin to run the tasks."""
        self._scheduler.start()

    def tick(self) -> None:
        """Notice a clock that was set (called every second or so).

        APScheduler reckons with the wall clock, and would sleep for a day when that is set back by a day.
        """
        ahead_s = time.time() - time.monotonic()
        if abs(ahead_s - self._ahead_s) < CLOCK_JUMP_S:
            return
        log.info("the clock was set by %.0f s", ahead_s - self._ahead_s)
        self._ahead_s = ahead_s
        for job in self._scheduler.get_jobs():
            job.reschedule(IntervalTrigger(seconds=job.trigger.interval_length, timezone="UTC"))

    def close(self) -> None:
        """Begin no task any more; those that run are not waited for."""
        if self._scheduler.running:
            self._scheduler.shutdown(wait=False)


def _in(seconds: float) -> datetime:
    return datetime.now().astimezone() + timedelta(seconds=seconds)
