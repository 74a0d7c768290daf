"""Programs that run in a browser engine, such as plug-ins of Obsidian, may use /v1 from elsewhere with a token. Pure.

A token is nothing that a browser sends by itself, so no other site can use somebody's without knowing it; cookies, and
the rights of whoever is on this machine, count for nothing in such a request.
"""

from collections.abc import Mapping

from starlette.requests import HTTPConnection
from starlette.responses import Response

from daemon.web.problems import OPENAI

ALLOWED = {"Access-Control-Allow-Origin": "*", "Access-Control-Expose-Headers": "Location, X-Job"}
PREFLIGHT = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Methods": "GET, POST",
    "Access-Control-Allow-Private-Network": "true",
    "Access-Control-Max-Age": "7200",
}
HEADERS_BYTES_MAX = 2000


def preflight(request: HTTPConnection, method: str) -> Response | None:
    """Return the answer to a browser that asks whether it may send a request; None if it asks nothing of this kind."""
    if method != "OPTIONS" or not is_open(request) or "access-control-request-method" not in request.headers:
        return None
    # Clients send headers of their own beside Authorization, such as X-Stainless-Lang.
    asked = request.headers.get("access-control-request-headers", "")[:HEADERS_BYTES_MAX]
    return Response(status_code=204, headers=PREFLIGHT | {"Access-Control-Allow-Headers": asked})


def is_open(request: HTTPConnection) -> bool:
    """Return whether a request is for what may be used from elsewhere."""
    return request.url.path.startswith(OPENAI)


def answered(request: HTTPConnection, status: int, has_token: bool) -> Mapping[str, str]:
    """Return the headers without which a browser would not show an answer to the program that asked.

    Args:
        request: What was asked.
        status: The status of the answer.
        has_token: Whether the program has sent a token of ours; others only learn that they need one.
    """
    is_shown = "origin" in request.headers and is_open(request) and (has_token or status == 401)
    return ALLOWED if is_shown else {}
