"""The page and the API, put together."""

from http import HTTPStatus
from pathlib import Path

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp

from daemon import __version__
from daemon.config.settings import Settings
from daemon.errors import TranscribedError, Unavailable
from daemon.web import (
    api,
    charts,
    chunks,
    language_menu,
    many,
    openai,
    pages,
    playback,
    service_page,
    shared_page,
    sharing,
    taking,
    uploads,
    versions,
)
from daemon.web.desk import Desk
from daemon.web.feed import Feed
from daemon.web.guard import FOR_PROGRAMS, SHARED, Guard, is_private
from daemon.web.house import House
from daemon.web.people import Users
from daemon.web.problems import Problem, body
from daemon.web.sessions import Sessions, Tries
from daemon.web.shared import Shared
from daemon.web.translation import Message, shown
from daemon.web.turns import Turns
from daemon.web.unfinished import Unfinished
from daemon.web.upload_files import NoRoom
from daemon.web.waiting import Waiting

DESCRIPTION = "Recordings, jobs and transcripts. Every request to change something becomes a request to the daemon."

PARTS = (
    playback, charts, service_page, many, taking, versions, sharing, shared_page, api, uploads, openai, chunks,
    language_menu, pages,
)  # fmt: skip
"""In this order: of two routes that match an address, the first one answers."""

TITLES = {
    400: Message("Bad Request"),
    401: Message("Unauthorized"),
    403: Message("Forbidden"),
    404: Message("Not Found"),
    405: Message("Method Not Allowed"),
    409: Message("Conflict"),
    422: Message("Unprocessable Content"),
    503: Message("Service Unavailable"),
}
"""What the pages are called that tell what went wrong."""


def make_app(settings: Settings, host: str, desk: Desk | None = None) -> ASGIApp:
    """Return the whole application.

    Args:
        settings: As the daemon has them.
        host: The address that it listens on: the loopback needs no users.
        desk: Where the daemon is asked what is said in chunks; None where this is no page of a daemon.
    """
    users = Users(settings)
    sessions = Sessions(users, settings.web.session_days)
    app = FastAPI(
        title="transcribed",
        version=__version__,
        description=DESCRIPTION,
        docs_url=None,
        redoc_url=None,
        openapi_url="/api/openapi.json",
        lifespan=uploads.sweeping,
    )
    app.state.house = House(settings, users, sessions, Tries(), Shared(), is_private(host, settings.web))
    app.state.feed = Feed(settings.database_path)
    app.state.unfinished = Unfinished(settings)
    app.state.waiting = Waiting(settings.database_path)
    app.state.desk = desk
    app.state.zips = Turns(taking.ZIPS_MAX, taking.ZIPS_AT_ONCE)
    for part in PARTS:
        app.include_router(part.router)
    app.add_api_route("/healthz", _health, include_in_schema=False)
    app.mount("/static", StaticFiles(directory=Path(__file__).parent / "static"))
    app.add_exception_handler(TranscribedError, _on_error)
    app.add_exception_handler(HTTPException, _on_http_error)
    app.add_exception_handler(RequestValidationError, _on_wrong_request)
    return Guard(app, settings.web, host, users, sessions)


async def _health() -> dict[str, str]:
    """Tell that the page is served."""
    return {"status": "ok"}


def _on_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, TranscribedError)
    status = 507 if isinstance(error, NoRoom) else 503 if isinstance(error, Unavailable) else 400
    return _answer(request, status, error.message, error.hint)


def _on_http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    param = error.param if isinstance(error, Problem) else None
    answer = _answer(request, error.status_code, error.detail, param=param)
    answer.headers.update(error.headers or {})
    return answer


def _on_wrong_request(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    wrong = (f"{'.'.join(map(str, each['loc'][1:]))}: {each['msg']}" for each in error.errors())
    return _answer(request, 422, "; ".join(wrong))


def _answer(request: Request, status: int, message: str, hint: str = "", param: str | None = None) -> Response:
    path = request.url.path
    if path.startswith(FOR_PROGRAMS):
        return JSONResponse(body(path, status, message, hint, param), status)
    if path.startswith(SHARED):
        return shared_page.refusal(status)
    person = getattr(request.state, "person", None)
    phrase = HTTPStatus(status).phrase
    title = shown(TITLES.get(status, phrase))
    if message == phrase:
        message = Message("there is no such page")
    return pages.page("error.html", person, {"title": title, "message": message, "hint": hint}, status)
