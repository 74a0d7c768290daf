"""Sends alerts to people through Apprise, each address on a thread of its own so that none waits for another."""

import logging
import threading
import time
from collections.abc import Sequence
from queue import Empty, Full, Queue
from typing import Any

log = logging.getLogger(__name__)

RETRY_S = (5.0, 30.0, 120.0, 600.0, 1800.0)
"""The waits before the second to the last attempt, about three quarters of an hour in all."""
WAITING_MAX = 1000
"""How many messages may wait for an address that does not answer; more are dropped, and the log says so."""
QUIET = ("apprise", "urllib3", "requests", "requests_oauthlib", "oauthlib")
"""Their warnings and debug lines hold the address, and the address holds the password."""


def is_known(url: str) -> bool:
    """Return whether Apprise knows how to send a message to this URL."""
    return _service(url) is not None


class Recipient:
    """Somebody who is told something.

    Args:
        url: An Apprise URL that has been checked.
        place: Where the configuration has it; it is named so, for the URL holds secrets.
    """

    def __init__(self, url: str, place: str) -> None:
        self._service = _service(url)
        self.name = f"{place} ({self._service.service_name})"

    def told(self, title: str, body: str, kind: str) -> bool:
        """Send a message, and return whether it was accepted.

        Args:
            title: Its first line.
            body: Its text.
            kind: `success`, `warning` or another of Apprise's types.
        """
        try:
            return bool(self._service.notify(title=title, body=body, notify_type=kind))
        except Exception as error:  # a plugin may raise anything; its text may hold the address
            log.debug("%s: %s", self.name, type(error).__name__)
            return False


class Notifier:
    """Sends messages to every address.

    Args:
        urls: Apprise URLs that have been checked.
        retry_s: The waits between attempts.
    """

    def __init__(self, urls: Sequence[str], retry_s: Sequence[float] = RETRY_S) -> None:
        self._addresses = [_Address(index, url, retry_s) for index, url in enumerate(urls)]

    def send(self, title: str, body: str, *, firing: bool) -> None:
        """Queue a message for every address, and return at once."""
        for address in self._addresses:
            address.put((title, body, firing))

    def close(self, patience_s: float = 2.0) -> None:
        """Give the queued messages this long to be delivered, then end the threads."""
        until = time.monotonic() + patience_s
        for address in self._addresses:
            address.close(max(0.0, until - time.monotonic()))


class _Address(threading.Thread):
    """One address and what waits for it."""

    def __init__(self, index: int, url: str, retry_s: Sequence[float]) -> None:
        super().__init__(name=f"notify {index}", daemon=True)
        self._recipient = Recipient(url, f"monitor.notify[{index}]")
        self._retry_s = retry_s
        self._waiting: Queue[tuple[str, str, bool]] = Queue(WAITING_MAX)
        self._ending = threading.Event()
        self.start()

    def put(self, message: tuple[str, str, bool]) -> None:
        try:
            self._waiting.put_nowait(message)
        except Full:
            name = self._recipient.name
            log.error("%s: message dropped, because %d are already waiting: %s", name, WAITING_MAX, message[0])

    def close(self, patience_s: float) -> None:
        self._ending.set()
        self.join(patience_s)

    def run(self) -> None:
        while not (self._ending.is_set() and self._waiting.empty()):
            try:
                message = self._waiting.get(timeout=0.5)
            except Empty:
                continue
            self._deliver(message)

    def _deliver(self, message: tuple[str, str, bool]) -> None:
        for wait_s in (*self._retry_s, None):
            if self._sent(message):
                return
            if wait_s is None or self._ending.wait(wait_s):
                break
            log.warning("%s did not accept a message; trying again", self._recipient.name)
        log.error("%s did not accept a message, giving up: %s", self._recipient.name, message[0])

    def _sent(self, message: tuple[str, str, bool]) -> bool:
        title, body, firing = message
        return self._recipient.told(title, body, "warning" if firing else "success")


def _service(url: str) -> Any:
    """Return Apprise's object for a URL, or None. Importing Apprise takes 0.2 s, so this is done only when needed."""
    import apprise

    for name in QUIET:
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
    return apprise.Apprise.instantiate(url, suppress_exceptions=True)
