"""Pauses: while there is one, the dispatcher hands out nothing. Batches that run end; nothing is lost or charged."""

import logging
from datetime import datetime, time

from daemon.signals import Wakeup
from daemon.store.requests import BY_REQUEST
from daemon.store.store import Store

log = logging.getLogger(__name__)

HOURS = "hours"
REQUESTED = "by request; `transcribed resume` ends it"


class Pauses:
    """Why work is held up just now. Asked by the dispatcher; `hold` and `release` may be called from any thread.

    Args:
        hours: (from, to), local time, in which work is done; None for always.
        wakeup: makes the dispatcher look again.
    """

    def __init__(self, store: Store, hours: tuple[time, time] | None, wakeup: Wakeup) -> None:
        self._store = store
        self._hours = hours
        self._wakeup = wakeup
        before = store.pauses()
        # A request holds until it is taken back; what the other causes say, they will say again.
        self._wanted: dict[str, str] = {BY_REQUEST: before[BY_REQUEST]} if BY_REQUEST in before else {}
        self._told = before
        for reason in before.values():
            log.info("paused since before this start: %s", reason)

    def hold(self, cause: str, reason: str) -> None:
        """Pause; `reason` is for people."""
        self._wanted[cause] = reason
        self._wakeup.wake()

    def release(self, cause: str) -> None:
        """End the pause for this cause."""
        if self._wanted.pop(cause, None) is not None:
            self._wakeup.wake()

    @property
    def reason(self) -> str | None:
        """Why work is paused, for people; None if it is not."""
        return "; ".join(sorted(self._told.values())) or None

    def tick(self) -> bool:
        """Return whether there is a pause (called in every tick). Changes are recorded and logged."""
        if self._hours is not None:
            if within(datetime.now().time(), *self._hours):
                self._wanted.pop(HOURS, None)
            else:
                self._wanted[HOURS] = "outside the hours {:%H:%M}-{:%H:%M}".format(*self._hours)
        wanted = dict(self._wanted)
        if wanted != self._told:
            for cause in self._told.keys() - wanted.keys():
                self._store.resume(cause)
                log.info("no longer paused: %s", self._told[cause])
            for cause, reason in wanted.items():
                if cause not in self._told:
                    log.info("paused: %s", reason)
                if self._told.get(cause) != reason:
                    self._store.pause(cause, reason)
            self._told = wanted
        return bool(wanted)


def within(now: time, first: time, last: time) -> bool:
    """Tell whether a time of day lies from `first` to before `last`, perhaps over midnight."""
    return first <= now < last if first < last else now >= first or now < last
