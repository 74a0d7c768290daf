"""What every request passes: which names the page is served under, other sites, and who somebody is."""

import ipaddress
import re
from collections.abc import Mapping
from urllib.parse import quote

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import HTTPConnection
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from daemon.config.web import Web, user_name
from daemon.errors import TranscribedError
from daemon.guests.request import REQUEST_MAX_BYTES
from daemon.web.cross_origin import answered, is_open, preflight
from daemon.web.people import ANYBODY, Person, Users
from daemon.web.problems import body
from daemon.web.sessions import COOKIE, Sessions
from daemon.web.translation import VARIES_BY, answering, catalog

OPEN = ("/login", "/language", "/static/", "/healthz")
"""What needs no login."""
SHARED = "/shared/"
"""Below this are links to transcripts, which whoever has them may open; who that is makes no difference."""
FOR_PROGRAMS = ("/api/", "/v1/")
"""Where an answer is for a program."""
PASSED_ON = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip")
"""What a proxy adds."""
LARGE = ("/api/uploads", "/v1/audio/")
BODY_BYTES_MAX = 1_000_000
"""Of any other request, but for a whole transcript."""
TRANSCRIPT = re.compile(r"/api/jobs/\d+/versions")
TRANSCRIPT_BYTES_MAX = 8_000_000
"""A day of speech has five."""
CHUNKS = "/v1/chunks"
READS = ("GET", "HEAD", "OPTIONS")
BEARER = "Bearer "
BY_TOKEN = {"WWW-Authenticate": "Bearer"}
NEEDS_A_TOKEN = "send a token: Authorization: Bearer tr-... (transcribed web user add NAME --token PURPOSE)"
OWN_SITE = ("same-origin", "none")
"""What browsers say of where a request comes from: from the page itself, or from the address bar."""

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; media-src 'self' blob:; "
        "connect-src 'self'; font-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(self)",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}
OF_SHARED = {"Referrer-Policy": "no-referrer", "X-Robots-Tag": "noindex, nofollow, noarchive"}
"""What is different below SHARED, where the address is the secret."""


def is_loopback(host: str) -> bool:
    """Return whether only programs on this machine reach an address."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


def is_for_others(host: str, web: Web) -> bool:
    """Return whether a page is meant for others than whoever is on this machine.

    So it is where it has a name or users, even on the loopback: a proxy may stand in front of it.

    Args:
        host: The address that it listens on.
        web: The names and users that are configured.
    """
    return not is_loopback(host) or bool(web.hosts or web.users)


def is_private(host: str, web: Web) -> bool:
    """Return whether a page is for whoever is on this machine, as long as nobody has a password.

    Args:
        host: The address that it listens on.
        web: The names, users and proxy that are configured.
    """
    return not is_for_others(host, web) and not web.proxy_header


class Guard:
    """Lets requests through that may pass, and says whose they are: `request.state.person`.

    Args:
        app: What it guards.
        web: Under which names it is served, and which proxy is believed.
        host: The address that it listens on.
        users: Who has a password or a token; where nobody has, and it is served to this machine alone, anybody may.
        sessions: Who is logged in.
    """

    def __init__(self, app: ASGIApp, web: Web, host: str, users: Users, sessions: Sessions) -> None:
        self._app = app
        self._hosts = {"localhost", "127.0.0.1", "[::1]", host, *web.hosts}
        self._header = web.proxy_header
        self._is_private = is_private(host, web)
        self._users = users
        self._sessions = sessions

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through, or answer it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        try:
            with answering(HTTPConnection(scope), scope["method"]):
                await self._answer(scope, receive, send)
        except TranscribedError as error:
            reason = f"{error.message}; {error.hint}" if error.hint else error.message
            await _refusal(HTTPConnection(scope), 503, reason)(scope, receive, send)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = HTTPConnection(scope)
        path, has_token = request.url.path, self._has_token(request)
        answer: ASGIApp | Response = self._refused(request, scope["method"], has_token) or self._app
        is_shared = path.startswith(SHARED)
        if answer is self._app:
            person = None if is_shared else self._person(request)
            if person is None and not is_shared and not path.startswith(OPEN):
                answer = _asked_to_log_in(request, scope["method"])
            request.state.person = person

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in (HEADERS | OF_SHARED if is_shared else HEADERS).items():
                    headers.setdefault(name, value)
                headers.update(answered(request, message["status"], has_token))
                if headers.get("content-type", "").startswith("text/html"):
                    headers["Content-Language"] = catalog().tag
                    headers.add_vary_header(VARIES_BY)
                headers.setdefault("Cache-Control", "no-store" if not path.startswith("/static/") else "no-cache")
            await send(message)

        await answer(scope, receive, with_headers)

    def _refused(self, request: HTTPConnection, method: str, has_token: bool) -> Response | None:
        """Return why a request may not pass, whoever it is from; or what a browser may send.

        The names are checked because of DNS rebinding: another site's name may lead to this machine.
        """
        asked = request.headers.get("host", "")
        name = asked.rpartition(":")[0] if asked.rpartition(":")[2].isdigit() and not asked.endswith("]") else asked
        if name.lower() not in self._hosts:
            return _refusal(
                request, 400, f"this page is not served under the name {name!r}: add it to web.hosts in config.toml"
            )
        if (answer := preflight(request, method)) is not None:
            return answer
        if method not in READS and not has_token and not _is_own(request.headers, asked):
            if is_open(request):
                return _refusal(request, 401, f"the request comes from another site: {NEEDS_A_TOKEN}", BY_TOKEN)
            return _refusal(request, 403, "the request comes from another site")
        length = request.headers.get("content-length", "0")
        most = _most_bytes(request.url.path)
        is_large = "transfer-encoding" in request.headers or not length.isdigit() or int(length) > most
        if is_large and not request.url.path.startswith(LARGE):
            return _refusal(request, 413, f"this request may have at most {most} bytes, and must say how many")
        return None

    def _has_token(self, request: HTTPConnection) -> bool:
        """Return whether a request comes with a token of ours, for what may be used from other sites with one."""
        given = request.headers.get("authorization", "")
        return is_open(request) and given.startswith(BEARER) and self._of_token(given) is not None

    def _of_token(self, given: str) -> Person | None:
        return self._users.with_token(given.removeprefix(BEARER).strip())

    def _person(self, request: HTTPConnection) -> Person | None:
        """Return whose request it is; None for nobody's."""
        given = request.headers.get("authorization", "")
        if given.startswith(BEARER):
            return self._of_token(given) or self._without(request)
        if self._header:
            return self._of_proxy(request)
        if (cookie := request.cookies.get(COOKIE)) and (person := self._sessions.person(cookie)):
            return person
        return self._without(request)

    def _of_proxy(self, request: HTTPConnection) -> Person | None:
        """Return who it is by what a proxy on this machine says; from elsewhere anybody could say so."""
        name = request.headers.get(self._header, "").strip().lower()
        if not name or request.client is None or not is_loopback(request.client.host):
            return None
        try:
            return self._users.person(user_name(name))
        except ValueError:
            return None

    def _without(self, request: HTTPConnection) -> Person | None:
        """Return who may use the page without saying who it is: whoever is on this machine, while nobody has to."""
        is_passed_on = any(name in request.headers for name in PASSED_ON)
        return ANYBODY if self._is_private and not is_passed_on and not self._users.names else None


def _most_bytes(path: str) -> int:
    """Return how large a request may be that is no upload."""
    if path == CHUNKS:
        return REQUEST_MAX_BYTES
    return TRANSCRIPT_BYTES_MAX if TRANSCRIPT.fullmatch(path) else BODY_BYTES_MAX


def _is_own(headers: Headers, host: str) -> bool:
    """Return whether a request that changes something is from the page itself, or from no browser."""
    if (site := headers.get("sec-fetch-site")) is not None:
        return site in OWN_SITE
    origin = headers.get("origin")
    return origin is None or origin.partition("://")[2] == host


def _refusal(request: HTTPConnection, status: int, reason: str, headers: Mapping[str, str] | None = None) -> Response:
    return JSONResponse(body(request.url.path, status, reason), status, headers)


def _asked_to_log_in(request: HTTPConnection, method: str) -> Response:
    if request.url.path.startswith(FOR_PROGRAMS) or method not in READS:
        return _refusal(request, 401, f"log in, or {NEEDS_A_TOKEN}", BY_TOKEN)
    wanted = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    return RedirectResponse(f"/login?next={quote(wanted, safe='/')}", 303)
