"""Requests of programs that run in a browser engine."""

import pytest
from starlette.requests import HTTPConnection

from daemon.web.cross_origin import HEADERS_BYTES_MAX, answered, preflight

ELSEWHERE = {"origin": "app://obsidian.md", "access-control-request-method": "POST"}


def request(path: str, **headers: str) -> HTTPConnection:
    raw = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return HTTPConnection({"type": "http", "path": path, "query_string": b"", "headers": raw, "server": ("h", 80)})


def test_a_browser_is_told_what_it_may_send() -> None:
    asked = request("/v1/models", **ELSEWHERE, access_control_request_headers="authorization, x-stainless-lang")
    found = preflight(asked, "OPTIONS")
    assert found is not None and found.status_code == 204
    assert found.headers["access-control-allow-headers"] == "authorization, x-stainless-lang"
    assert "access-control-allow-credentials" not in found.headers
    long = preflight(request("/v1/models", **ELSEWHERE, access_control_request_headers="a" * 9000), "OPTIONS")
    assert long is not None and len(long.headers["access-control-allow-headers"]) == HEADERS_BYTES_MAX


@pytest.mark.parametrize(
    ("path", "method", "headers"),
    [("/api/jobs", "OPTIONS", ELSEWHERE), ("/v1/models", "GET", ELSEWHERE), ("/v1/models", "OPTIONS", {})],
)
def test_other_requests_are_no_questions(path: str, method: str, headers: dict[str, str]) -> None:
    assert preflight(request(path, **headers), method) is None


@pytest.mark.parametrize(
    ("path", "status", "has_token", "is_shown"),
    [
        ("/v1/models", 200, True, True), ("/v1/models", 401, False, True), ("/v1/models", 200, False, False),
        ("/v1/models", 403, False, False), ("/api/jobs", 200, True, False), ("/", 401, False, False),
    ],
)  # fmt: skip
def test_only_who_has_a_token_is_shown_more_than_that_it_needs_one(
    path: str, status: int, has_token: bool, is_shown: bool
) -> None:
    assert bool(answered(request(path, **ELSEWHERE), status, has_token)) == is_shown
    assert not answered(request(path), status, has_token), "who runs in no browser needs none of this"
