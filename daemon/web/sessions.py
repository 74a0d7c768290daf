"""Sessions in signed cookies, and how often somebody may try a password."""

import time
from collections import OrderedDict
from threading import Lock, Semaphore

from itsdangerous import BadSignature, URLSafeTimedSerializer

from daemon.web.people import Person, Users

COOKIE = "transcribed"
DAY_S = 86_400
TRIES, TRIES_S = 5, 300.0
"""So many wrong passwords for a name within this time, and the next one has to wait until it is over."""
NAMES_MAX = 10_000
"""Names are remembered: more than can be tried in that time."""
AT_ONCE, BUSY_S = 2, 1.0
"""Passwords that are tried at the same time, for each takes 32 MB; who comes then has to wait."""


class Sessions:
    """Who is logged in. Nothing is kept here: the cookie says it, signed, and a new password ends it.

    Args:
        users: Whose sessions.
        days: How long a session lasts.
    """

    def __init__(self, users: Users, days: float) -> None:
        self._users = users
        self.lasts_s = int(days * DAY_S)

    def begin(self, person: Person) -> str:
        """Return the cookie of a session that begins."""
        return str(self._serializer().dumps([person.name, self._users.stamp(person.name)]))

    def person(self, cookie: str) -> Person | None:
        """Return whose session this is; None if it has ended, or is none of ours."""
        if not self._users.key:
            return None
        try:
            name, stamp = self._serializer().loads(cookie, max_age=self.lasts_s)
        except (BadSignature, ValueError, TypeError):
            return None
        return self._users.person(name) if stamp is not None and stamp == self._users.stamp(name) else None

    def _serializer(self) -> URLSafeTimedSerializer:
        return URLSafeTimedSerializer(self._users.key, salt="session")


class Tries:
    """How often somebody may try a password."""

    def __init__(self) -> None:
        self._tried: OrderedDict[str, list[float]] = OrderedDict()
        self._turn = Lock()
        self._places = Semaphore(AT_ONCE)

    def begin(self, name: str) -> float:
        """Begin to try a password, which counts as wrong until it has succeeded; or return how long to wait, in s."""
        with self._turn:
            since = time.monotonic() - TRIES_S
            recent = [at for at in self._tried.get(name, ()) if at > since]
            if len(recent) >= TRIES:
                return recent[0] - since
            if not self._places.acquire(blocking=False):
                return BUSY_S
            self._tried[name] = [*recent, time.monotonic()]
            self._tried.move_to_end(name)
            while len(self._tried) > NAMES_MAX:
                self._tried.popitem(last=False)
        return 0.0

    def end(self, name: str, *, succeeded: bool) -> None:
        """Note what has come of it."""
        self._places.release()
        if succeeded:
            with self._turn:
                self._tried.pop(name, None)
