"""What it means that a server cannot be reached, or answers with an error."""

import errno
import socket
import ssl
from datetime import UTC, datetime

import pytest

from daemon.engine.elsewhere.failures import BUSY_MAX_S, BUSY_S, SAID_MAX, printable, refused, unreachable, wait_s
from daemon.engine.registry import FailedElsewhere
from daemon.processes.protocol import Server

NOW = datetime(2026, 1, 1, 12, 0, 0, tzinfo=UTC)
SERVER = Server("engines[1]", "https://box/v1", "/etc/key")


def answered(status: int, body: bytes = b"", server: Server = SERVER, **headers: str) -> FailedElsewhere:
    return refused(server, "box", status, {name.replace("_", "-"): value for name, value in headers.items()}, body, NOW)


@pytest.mark.parametrize(
    ("asks", "seconds"),
    [
        ("", BUSY_S), ("7", 7.0), ("0", 1.0), ("soon", BUSY_S), ("-5", BUSY_S), ("1.5", BUSY_S), ("9" * 400, BUSY_MAX_S),
        ("Thu, 01 Jan 2026 12:00:30 GMT", 30.0), ("Thu, 01 Jan 2026 11:00:00 GMT", 1.0),
        ("Thu, 01 Jan 2026 12:01:00 -0000", 60.0), ("Thu, 01 Jan 99999999999 12:00:00 GMT", BUSY_S),
    ],
)  # fmt: skip
def test_a_server_says_for_how_long_it_is_busy(asks: str, seconds: float) -> None:
    assert wait_s(asks, NOW) == seconds


@pytest.mark.parametrize("status", [429, 503])
def test_one_that_is_busy_is_left_alone(status: int) -> None:
    failure = answered(status, retry_after="3")
    assert failure.is_away and failure.wait_s == 3.0


@pytest.mark.parametrize(
    ("status", "hint"),
    [
        (401, "engines[1].api_key_file /etc/key holds no key that it knows"), (403, "api_key_file"),
        (404, "engines[1].url must be where its API begins, which usually ends in /v1"), (405, "/v1"),
        (413, "client_max_body_size"), (302, "redirects are not followed"), (308, "redirects are not followed"),
        (502, ""), (504, ""), (507, ""), (408, ""),
    ],
)  # fmt: skip
def test_what_is_so_whatever_it_is_given_is_no_fault_of_a_chunk(status: int, hint: str) -> None:
    failure = answered(status, b'{"error": {"message": "it says so"}}')
    assert failure.is_away and not failure.wait_s
    assert f"box answered {status}" in failure.message and hint in failure.hint


def test_who_has_no_key_is_told_where_to_put_one() -> None:
    assert "api_key_file must name a file" in answered(401, server=Server("engines[0]", "http://box/v1")).hint


def test_a_redirect_is_told_without_what_it_may_hold() -> None:
    failure = answered(307, location="https://other.example/v1?token=hunter2")
    assert "on other.example" in failure.hint and "hunter2" not in str(failure)


@pytest.mark.parametrize("status", [400, 409, 415, 422, 500])
@pytest.mark.parametrize(
    "body",
    [
        b'{"error": {"message": "too odd"}}',
        b'{"error": "too odd"}',
        b'{"detail": "too odd"}',
        b'{"message": "too odd"}',
    ],
)
def test_what_may_be_about_the_chunk_is_told_in_the_words_of_the_server(status: int, body: bytes) -> None:
    failure = answered(status, body)
    assert not failure.is_away and failure.message.endswith(": too odd")


@pytest.mark.parametrize("body", [b"", b"<html>", b"[1]", b'{"detail": [{"loc": 1}]}', b"[" * 100_000, b"\xff"])
def test_words_that_cannot_be_read_are_left_out(body: bytes) -> None:
    assert answered(500, body).message == "box answered 500 Internal Server Error"


def test_the_words_of_others_are_one_short_line() -> None:
    assert printable("a\nb\x1b[31m") == "a b [31m"
    assert len(printable("x" * 9_999)) == SAID_MAX + 1


@pytest.mark.parametrize(
    ("error", "says", "hint"),
    [
        (ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused"), "Connection refused", "url right"),
        (socket.gaierror(-2, "Name or service not known"), "Name or service not known", "url right"),
        (TimeoutError("timed out"), "it takes no connection", "url right"),
        (UnicodeError("label too long"), "label too long", "url right"),
        (ssl.SSLError(1, "[SSL: WRONG_VERSION_NUMBER] wrong version number"), "does not speak TLS", "http://"),
        (ssl.SSLCertVerificationError(1, "self-signed certificate"), "certificate is not trusted", "ca_file"),
    ],
)
def test_a_server_that_cannot_be_reached_is_away(error: OSError, says: str, hint: str) -> None:
    failure = unreachable(SERVER, "box", error)
    assert failure.is_away and says in failure.message and hint in failure.hint
