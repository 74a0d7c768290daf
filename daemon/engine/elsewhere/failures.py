"""What it means that a server cannot be reached, or answers with an error. Pure."""

import http.client
import json
import ssl
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

from daemon.engine.registry import FailedElsewhere
from daemon.processes.protocol import Server

BUSY = (429, 503)
BUSY_S, BUSY_MAX_S = 5.0, 600.0
"""How long a server that is busy is left alone if it does not say, and at most."""
GONE = (408, 425, 502, 504, 507, 520, 521, 522, 523, 524, 525, 526, 530)
"""Statuses that a server, or a proxy before it, gives whatever it is asked: it is not there, or not itself."""
SAID_MAX = 200
"""Characters of a server's own words that are repeated."""


def unreachable(server: Server, host: str, error: OSError | UnicodeError) -> FailedElsewhere:
    """Return the failure to connect."""
    why = getattr(error, "strerror", None) or str(error) or type(error).__name__
    hint = f"is {server.table}.url right, and the server on?"
    if isinstance(error, ssl.SSLCertVerificationError):
        why = f"its certificate is not trusted: {getattr(error, 'verify_message', why)}"
        hint = f"let {server.table}.ca_file name the certificate of the authority that has signed it"
    elif isinstance(error, ssl.SSLError):
        why = f"it does not speak TLS: {getattr(error, 'reason', None) or why}"
        hint = f"if it has none, {server.table}.url begins with http://"
    elif isinstance(error, TimeoutError):
        why = "it takes no connection"
    return FailedElsewhere(f"{host} cannot be reached: {why}", hint, is_away=True)


def broken(host: str, why: str) -> FailedElsewhere:
    """Return the failure of a request that was sent and has no whole answer; the chunk may be the reason."""
    return FailedElsewhere(f"{host} gave no answer that can be used: {why}")


def refused(
    server: Server, host: str, status: int, headers: Mapping[str, str], body: bytes, now: datetime
) -> FailedElsewhere:
    """Return what a status other than 200 means.

    Args:
        server: Where it comes from.
        host: Its name.
        status: The status.
        headers: By their names in small letters.
        body: Perhaps with words of the server's own.
        now: The time, for `Retry-After`.
    """
    answered = f"{host} answered {status} {http.client.responses.get(status, '')}".rstrip()
    if status in BUSY:
        return FailedElsewhere(answered, is_away=True, wait_s=wait_s(headers.get("retry-after", ""), now))
    if hint := _hint(server, status, headers):
        return FailedElsewhere(answered, hint, is_away=True)
    if status in GONE:
        return FailedElsewhere(answered, is_away=True)
    said = _said(body)
    return FailedElsewhere(f"{answered}: {said}" if said else answered)


def _hint(server: Server, status: int, headers: Mapping[str, str]) -> str:
    """Return the way out where it is the configuration, here or there, that is wrong; else ""."""
    if status in (401, 403):
        file = server.api_key_file
        return (
            f"{server.table}.api_key_file {file} holds no key that it knows"
            if file
            else (f"{server.table}.api_key_file must name a file with a key that it knows")
        )
    if status in (404, 405, 410, 501):
        return f"{server.table}.url must be where its API begins, which usually ends in /v1, not {server.url}"
    if status == 413:
        return (
            "it, or a proxy before it, must take requests of 1 MB, and of 66 MB where it is a daemon like this one: "
            "nginx calls that client_max_body_size"
        )
    if 300 <= status < 400:
        to = urlsplit(headers.get("location", "")).netloc or "another place"
        return f"redirects are not followed: let {server.table}.url name where it leads, on {printable(to)}"
    return ""


def wait_s(retry_after: str, now: datetime) -> float:
    """Return how long a server asks to be left alone, in seconds or until a date; BUSY_S if that cannot be read."""
    if retry_after.isascii() and retry_after.isdigit():
        asked = float(retry_after[:9])
    else:
        try:
            until = parsedate_to_datetime(retry_after)
        except (ValueError, OverflowError, IndexError):
            return BUSY_S
        asked = (until.replace(tzinfo=until.tzinfo or UTC) - now).total_seconds()
    return min(BUSY_MAX_S, max(1.0, asked))


def _said(body: bytes) -> str:
    """Return the server's own words about an error, in the shapes that are usual."""
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return ""
    for name in ("error", "detail", "message"):
        found = found.get(name, found) if isinstance(found, dict) else found
    return printable(found) if isinstance(found, str) else ""


def printable(text: str) -> str:
    """Return what of a text of somebody else's may stand in a log: one short line."""
    whole = "".join(each if each.isprintable() else " " for each in text[: SAID_MAX + 1])
    return whole if len(whole) <= SAID_MAX else f"{whole[:SAID_MAX]}…"
