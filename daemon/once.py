"""When `run --once` ends: everything is done, or nothing can go on."""

import logging
import time
from dataclasses import dataclass

from daemon.errors import Unavailable
from daemon.hooks.postman import Postman
from daemon.store.store import Store
from daemon.transcribe.dispatcher import Dispatcher
from daemon.transcribe.pauses import Pauses
from daemon.watch.scanner import Scanner

log = logging.getLogger(__name__)

TELL_S = 10.0
"""After so long a wait is no longer the usual one until a file has settled, and is told."""


@dataclass(slots=True)
class Once:
    """Asked in every round of the loop whether to end.

    Args:
        wait_s: How long to wait for a pause to end, for a program to close a recording, or for the last delivery.
    """

    store: Store
    dispatcher: Dispatcher
    pauses: Pauses
    scanner: Scanner
    postman: Postman
    wait_s: float
    gave_up: str | None = None
    """What it waited for in vain, for people."""
    since: float | None = None
    """Since when it waits, on the monotonic clock."""
    told: bool = False
    delivering_since: float | None = None
    """Since when nothing is left but what is to be delivered, on the monotonic clock."""

    def finished(self) -> bool:
        """Return whether to end.

        Raises:
            Unavailable: The environment holds up everything that is left.
        """
        if not self.scanner.compared:
            return False
        if self.dispatcher.only_follows:
            if self.store.nothing_left():
                return self._delivered()
            if held_up := self.store.held_up():
                raise Unavailable(f"cannot go on: {held_up}", "the work that is left is kept for the next run")
        return self._waited(self._obstacle())

    def _delivered(self) -> bool:
        """Return whether everything is delivered, or has been waited for long enough: the rest is for the next run."""
        left = self.store.undelivered()
        if left is None:
            return True
        self.postman.hurry()
        now = time.monotonic()
        self.delivering_since = self.delivering_since or now
        if not self.told and now - self.delivering_since > TELL_S:
            self.told = True
            log.warning("waiting, for %g s at most, for %s", self.wait_s, left)
        if now - self.delivering_since <= self.wait_s:
            return False
        log.warning("not delivered yet, and left for the next run: %s", left)
        return True

    def _waited(self, obstacle: str | None) -> bool:
        """Return whether there has been an obstacle for too long."""
        now = time.monotonic()
        if obstacle is None:
            self.since, self.told = None, False
            return False
        self.since = self.since or now
        if not self.told and now - self.since > TELL_S:
            self.told = True
            log.warning("waiting, for %g s at most: %s", self.wait_s, obstacle)
        if now - self.since <= self.wait_s:
            return False
        self.gave_up = obstacle
        return True

    def _obstacle(self) -> str | None:
        """Return what keeps the work from going on that does not end by itself; None if there is nothing."""
        if reason := self.pauses.reason:
            return f"work is paused: {reason}"
        if trouble := self.dispatcher.trouble:
            return trouble
        return self.store.unsettled() if self.dispatcher.only_follows else None
