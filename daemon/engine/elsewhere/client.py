"""One request after another to a server, within a time and a size, over a connection of its own."""

import http.client
import socket
import ssl
import threading
from collections.abc import Mapping
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

from daemon import __version__
from daemon.config.secret import read_key
from daemon.engine.elsewhere.failures import broken, refused, unreachable
from daemon.engine.registry import FailedElsewhere
from daemon.errors import Unavailable
from daemon.processes.protocol import Server

CONNECT_S = 10.0
"""A machine that does not take a connection within this time is not there."""
ANSWER_MAX_BYTES = 4 << 20
"""The words and tokens of a chunk of 30 s are 30 kB."""
READ_BYTES = 1 << 16
SILENT_S, PROBES, PROBE_S = 15, 3, 5
"""A connection over which nothing has come for so long is probed so often: a machine that has lost its power or its
cable shows within half a minute, however long an answer may take."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server has answered."""

    status: int
    headers: Mapping[str, str]
    """By their names in small letters."""
    body: bytes


class Client:
    """Speaks with one server; may be used by several threads at once.

    Nothing is sent to another host: redirects are answers like any other, and the proxies of the environment are not
    asked.

    Args:
        server: Where it is, and what it is to be shown.

    Raises:
        Unavailable: The key or the certificates cannot be read.
    """

    def __init__(self, server: Server) -> None:
        self.server = server
        parts = urlsplit(server.url)
        self._tls = _tls(server) if parts.scheme == "https" else None
        usual_port = http.client.HTTPS_PORT if self._tls else http.client.HTTP_PORT
        self.host, self._port, self._path = parts.hostname or "", parts.port or usual_port, parts.path
        self._headers = {"User-Agent": f"transcribed/{__version__}", "Accept": "application/json"}
        self._key = _key(server)
        if self._key:
            self._headers["Authorization"] = f"Bearer {self._key}"

    def get(self, path: str, limit_s: float) -> Answer:
        """Return the answer to a GET.

        Raises:
            FailedElsewhere: There is none, or no whole one within the time.
        """
        return self._ask("GET", path, None, {}, limit_s)

    def post(self, path: str, form: tuple[bytes, str], limit_s: float) -> Answer:
        """Return the answer to a form, which is its bytes and their type.

        Raises:
            FailedElsewhere: There is none, or no whole one within the time.
        """
        body, kind = form
        return self._ask("POST", path, body, {"Content-Type": kind}, limit_s)

    def hidden(self, text: str) -> str:
        """Return a text of the server without the key, should it repeat it."""
        return text.replace(self._key, "…") if self._key else text

    def refused(self, answer: Answer) -> FailedElsewhere:
        """Return what an answer with another status than 200 means, without the key, should the server repeat it."""
        failure = refused(self.server, self.host, answer.status, answer.headers, answer.body, datetime.now(UTC))
        return FailedElsewhere(
            self.hidden(failure.message), failure.hint, is_away=failure.is_away, wait_s=failure.wait_s
        )

    def _ask(self, method: str, path: str, body: bytes | None, headers: Mapping[str, str], limit_s: float) -> Answer:
        connection = self._connection()
        try:
            connection.connect()
        except (OSError, UnicodeError) as error:
            connection.close()
            raise unreachable(self.server, self.host, error) from error
        line: socket.socket = connection.sock
        # The time-out of a socket begins anew with every byte: what counts is the timer.
        line.settimeout(limit_s + CONNECT_S)
        _probe(line)
        ended = threading.Event()
        timer = threading.Timer(limit_s, _end, (line, ended))
        timer.daemon = True
        timer.start()
        try:
            everything = {**self._headers, **headers, "Connection": "close"}
            connection.request(method, self._path + path, body, everything)
            with closing(connection.getresponse()) as answer:
                return _read(answer)
        except (OSError, http.client.HTTPException, ValueError) as error:
            why = f"no whole answer within {limit_s:.0f} s" if ended.is_set() else str(error) or type(error).__name__
            raise broken(self.host, why) from error
        finally:
            timer.cancel()
            connection.close()

    def _connection(self) -> http.client.HTTPConnection:
        if self._tls is None:
            return http.client.HTTPConnection(self.host, self._port, timeout=CONNECT_S)
        return http.client.HTTPSConnection(self.host, self._port, timeout=CONNECT_S, context=self._tls)


def _read(answer: http.client.HTTPResponse) -> Answer:
    """Return a whole answer.

    Raises:
        ValueError: It is too long, or ends too early.
    """
    parts, size = [], 0
    while data := answer.read(READ_BYTES):
        parts.append(data)
        size += len(data)
        if size > ANSWER_MAX_BYTES:
            raise ValueError(f"its answer is longer than {ANSWER_MAX_BYTES >> 20} MB")
    if answer.length:
        raise ValueError(f"its answer ends {answer.length} bytes too early")
    return Answer(answer.status, {name.lower(): value for name, value in answer.getheaders()}, b"".join(parts))


def _end(line: socket.socket, ended: threading.Event) -> None:
    ended.set()
    with suppress(OSError):
        # Not by the method of a TLS socket, which takes away what another thread reads with.
        socket.socket.shutdown(line, socket.SHUT_RDWR)


def _probe(line: socket.socket) -> None:
    line.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    line.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, SILENT_S)
    line.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, PROBE_S)
    line.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, PROBES)
    # What is sent and not acknowledged is not probed: it has a time of its own.
    line.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 1000 * (SILENT_S + PROBES * PROBE_S))


def _tls(server: Server) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=server.ca_file or None)
    except (OSError, ValueError) as error:
        raise Unavailable(
            f"{server.table}.ca_file: {server.ca_file} cannot be used: {error}",
            "it must hold the certificate of your own authority, in PEM",
        ) from error


def _key(server: Server) -> str:
    if not server.api_key_file:
        return ""
    try:
        return read_key(Path(server.api_key_file))
    except ValueError as error:
        raise Unavailable(f"{server.table}.api_key_file: {error}", "let the daemon's user read it") from error
