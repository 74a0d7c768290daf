"""A thread that delivers what waits in one lane of the outbox, so that no lane waits for another."""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from daemon.errors import Unavailable
from daemon.hooks.answers import Answer, BrokenOff, Delivered, Later, NotYet, Refused, Unwanted
from daemon.store.outbox import DROPPED, SENT, UNSENT, Lane, Letter
from daemon.store.store import Store

log = logging.getLogger(__name__)

POLL_S = 30.0
"""The outbox is looked at this often even if nothing says that it has changed."""
BLOCKED_S = 1.0
"""The same for what is due but has to come after something else."""
TROUBLE_S = 60.0
"""The pause after a mistake of the program itself."""

Deliver = Callable[[Sequence[Letter]], Answer]


@dataclass(frozen=True, slots=True)
class Pace:
    """How much is delivered at once, and how long is waited in between."""

    group: int = 1
    gap_s: float = 0.0
    """The least time between two deliveries, in which others gather."""
    first_wait_s: float = 5.0
    """After a failure; it doubles with each that follows."""
    wait_max_s: float = 300.0
    give_up_s: float = 3 * 86_400.0
    give_up_tries: int = 20
    """What could not be delivered for so long, and was tried so often, has failed: the daemon may have been off."""

    def wait_s(self, failures: int) -> float:
        """Return how long to wait after so many failures."""
        return min(self.wait_max_s, self.first_wait_s * 2.0 ** min(failures - 1, 30))


class Carrier(threading.Thread):
    """Delivers the letters of a lane in their order, and records what has come of each.

    Args:
        lane: The lane.
        store: Where the outbox is.
        deliver: Delivers some letters and returns what has come of it.
        pace: How fast.
        tell: Called when something has ended for which others may have waited.
    """

    def __init__(self, lane: Lane, store: Store, deliver: Deliver, pace: Pace, tell: Callable[[], object]) -> None:
        super().__init__(name=f"{lane.kind} {lane.address}".strip(), daemon=True)
        self._lane = lane
        self._store = store
        self._deliver = deliver
        self._pace = pace
        self._tell = tell
        self._woken = threading.Event()
        self._stopping = False
        self._hurried = False
        self._failures = 0
        """How often in a row a delivery has failed for a reason that concerns all of them."""
        self._paused_until = self._gap_until = 0.0
        self._said: str | None = None
        """What the log has last been told of failures."""

    def wake(self) -> None:
        """Look into the outbox now; may be called from any thread."""
        self._woken.set()

    def hurry(self) -> None:
        """Let nothing gather any more; may be called from any thread."""
        if not self._hurried:
            self._hurried = True
            self.wake()

    def stop(self) -> None:
        """Begin no further delivery."""
        self._stopping = True
        self.wake()

    def run(self) -> None:
        """Deliver until asked to stop."""
        while not self._stopping:
            self._woken.clear()
            try:
                wait_s = self._round()
            except Unavailable as error:
                log.debug("%s: %s", self.name, error)
                wait_s = TROUBLE_S
            except Exception:
                log.exception("%s: a delivery has failed in an unexpected way; it is tried again", self.name)
                wait_s = TROUBLE_S
            if wait_s and not self._stopping:
                self._woken.wait(wait_s)

    def _round(self) -> float:
        """Deliver what comes next, if anything is due, and return how long to wait."""
        until = max(self._paused_until, 0.0 if self._hurried else self._gap_until)
        if (left_s := until - time.monotonic()) > 0:
            return left_s
        letters = self._store.due(self._lane, self._pace.group)
        if not letters:
            due_s = self._store.next_due_delivery_s(self._lane)
            return POLL_S if due_s is None else min(max(due_s, BLOCKED_S), POLL_S)
        answer = self._deliver(letters)
        if isinstance(answer, Later):
            self._put_off(letters, answer)
        else:
            self._record(letters, answer)
        self._tell()
        return 0.0

    def _record(self, letters: Sequence[Letter], answer: Answer) -> None:
        ids = [letter.id for letter in letters]
        about = ", ".join(f"job {letter.job_id}" for letter in letters[:3]) + (" …" if len(letters) > 3 else "")
        match answer:
            case Delivered(note):
                self._failures, self._said = 0, None
                self._gap_until = time.monotonic() + self._pace.gap_s
                self._store.end_delivery(ids, SENT, note)
                log.debug("%s: delivered, %s", self.name, about)
            case Refused(reason):
                self._failures = 0
                self._store.end_delivery(ids, UNSENT, reason)
                log.warning("%s, %s: %s", self.name, about, reason)
            case Unwanted(reason):
                self._store.end_delivery(ids, DROPPED, reason)
                log.info("%s, %s: not done: %s", self.name, about, reason)
            case NotYet(reason, wait_s):
                self._store.postpone_delivery(ids, wait_s, reason)
            case BrokenOff():
                log.info("%s, %s: broken off; it is done again at the next start", self.name, about)

    def _put_off(self, letters: Sequence[Letter], answer: Later) -> None:
        reason = answer.reason
        if answer.concerns_all:
            self._failures = tries = self._failures + 1
            wait_s = answer.wait_s or self._pace.wait_s(tries)
            self._paused_until = time.monotonic() + wait_s
        else:
            self._failures, tries = 0, letters[0].attempts + 1
            wait_s = answer.wait_s or self._pace.wait_s(tries)
        level = logging.DEBUG if reason == self._said else logging.WARNING
        log.log(level, "%s, job %d: %s; trying again", self.name, letters[0].job_id, reason)
        self._said = reason
        self._store.put_off_delivery([letter.id for letter in letters], wait_s, reason)
        if tries >= self._pace.give_up_tries:
            self._give_up(reason, None if answer.concerns_all else letters[0].id)

    def _give_up(self, reason: str, letter_id: int | None) -> None:
        """End what has waited for too long: all of it, or one letter."""
        given_up = self._store.expire(self._lane, self._pace.give_up_s, f"gave up: {reason}", letter_id)
        if given_up:
            log.error("%s: gave up on %d deliveries: %s", self.name, given_up, reason)
