"""Tells an address over HTTP, signed as Standard Webhooks are, so that libraries for these can check who it is from."""

import base64
import hashlib
import hmac
import http.client
import json
import ssl
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from urllib.parse import urlsplit

from daemon import __version__
from daemon.config.secret import read_secret
from daemon.config.settings import Hooks
from daemon.errors import Unavailable
from daemon.hooks.answers import Answer, Delivered, Later, Refused
from daemon.store.outbox import Letter

RETRY_AFTER_MAX_S = 3600.0
"""An address may ask for no longer wait than this."""
BUSY = frozenset({429, 502, 503, 504})
"""Answers that are about the address as a whole, not about one message."""
TRANSIENT = frozenset({408, 425, 429})
"""Answers below 500 after which the same message may be taken later."""


class Webhook:
    """Delivers letters by posting them.

    Neither proxies nor redirects are followed: a message goes where the configuration says, or nowhere.

    Args:
        hooks: The address, the file of the secret, and how long an answer may take.

    Raises:
        Unavailable: The secret cannot be read.
    """

    def __init__(self, hooks: Hooks) -> None:
        self._url = urlsplit(hooks.webhook_url)
        self._limit_s = hooks.webhook_seconds
        try:
            self._secret = read_secret(Path(hooks.webhook_secret_file))
        except ValueError as error:
            raise Unavailable(f"hooks.webhook_secret_file: {error}", "let the daemon's user read it") from error
        self._context = ssl.create_default_context()
        self._connection: http.client.HTTPConnection | None = None

    def __call__(self, letters: Sequence[Letter]) -> Answer:
        """Post one letter."""
        (letter,) = letters
        body = json.dumps(letter.payload, ensure_ascii=False).encode("utf-8", "backslashreplace")
        headers = {
            "Content-Type": "application/json",
            "User-Agent": f"transcribed/{__version__}",
            **signed(self._secret, letter.delivery, int(time.time()), body),
        }
        try:
            status, retry_after = self._post(body, headers)
        except (OSError, http.client.HTTPException, ValueError) as error:
            return Later(f"no answer from the webhook: {error or type(error).__name__}", concerns_all=True)
        return judged(status, retry_after)

    def abort(self) -> None:
        """End a request that is under way; may be called from any thread."""
        connection = self._connection
        if connection is not None and connection.sock is not None:
            with suppress(OSError):
                connection.sock.shutdown(2)

    def _post(self, body: bytes, headers: Mapping[str, str]) -> tuple[int, str | None]:
        host, port = self._url.hostname or "", self._url.port
        if self._url.scheme == "https":
            made: http.client.HTTPConnection = http.client.HTTPSConnection(
                host, port, timeout=self._limit_s, context=self._context
            )
        else:
            made = http.client.HTTPConnection(host, port, timeout=self._limit_s)
        self._connection = made
        # The time-out of a socket begins anew with every byte.
        timer = threading.Timer(self._limit_s, self.abort)
        timer.daemon = True
        timer.start()
        try:
            path = (self._url.path or "/") + (f"?{self._url.query}" if self._url.query else "")
            made.request("POST", path, body, dict(headers))
            answer = made.getresponse()
            return answer.status, answer.getheader("Retry-After")
        finally:
            timer.cancel()
            self._connection = None
            made.close()


def signed(secret: bytes, delivery: str, at_s: int, body: bytes) -> dict[str, str]:
    """Return the headers that show who a message is from, and when it was sent.

    Args:
        secret: What both sides know.
        delivery: The id of the message; it is the same each time that it is sent.
        at_s: Seconds since 1970.
        body: What is sent.
    """
    content = b".".join((delivery.encode(), str(at_s).encode(), body))
    signature = base64.b64encode(hmac.digest(secret, content, hashlib.sha256)).decode()
    return {"webhook-id": delivery, "webhook-timestamp": str(at_s), "webhook-signature": f"v1,{signature}"}


def judged(status: int, retry_after: str | None) -> Answer:
    """Return what an HTTP status means for a message."""
    if 200 <= status < 300:
        return Delivered()
    said = f"the webhook answered {status} {http.client.responses.get(status, '')}".rstrip()
    if status >= 500 or status in TRANSIENT:
        return Later(said, _seconds(retry_after), concerns_all=status in BUSY)
    if 300 <= status < 400:
        return Refused(f"{said}; redirects are not followed: set hooks.webhook_url to where it leads")
    return Refused(said)


def _seconds(retry_after: str | None) -> float | None:
    """Return the wait that `Retry-After` asks for, a number or a date; None if it asks for none."""
    if not retry_after:
        return None
    if retry_after.isascii() and retry_after.isdigit() and len(retry_after) < 10:
        wait_s = float(retry_after)
    else:
        try:
            wait_s = (parsedate_to_datetime(retry_after).astimezone(UTC) - datetime.now(UTC)).total_seconds()
        except (ValueError, OverflowError):
            return None
    return min(wait_s, RETRY_AFTER_MAX_S) if wait_s > 0 else None
