"""The pages that people see. They work without a script; scripts bring what changes, and the player."""

import json
import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Form, HTTPException, Query, Request
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.responses import HTMLResponse, RedirectResponse, Response

from daemon import __version__
from daemon.config.formats import FORMATS
from daemon.config.languages import LANGUAGES
from daemon.config.values import PRIORITY_MAX
from daemon.publish.formats import transcript_of
from daemon.store.queries import Queries
from daemon.store.requests import acts_on
from daemon.store.schema import DONE
from daemon.store.search_queries import Hit
from daemon.web import translation
from daemon.web.api import Command
from daemon.web.drop_zone import drop_zone
from daemon.web.house import PATIENCE_S, House, HouseOf, JobOf, Reader, Reads, Writer
from daemon.web.people import Person
from daemon.web.playback import is_video
from daemon.web.searching import Sought
from daemon.web.sessions import COOKIE
from daemon.web.sharing import may_share
from daemon.web.shown import Shown, folders
from daemon.web.speaking import speaking
from daemon.web.translation import Message
from daemon.web.versions import may_be_changed, row_of

HERE = Path(__file__).parent
HITS = 100
UNSURE = -0.8
"""Lines whose words the model gave less than this on average (natural logarithm) are shaded; good speech has -0.3."""
DOCX = "docx"
TAKEN = (*FORMATS, DOCX)
"""The formats in which transcripts can be taken away."""
COMMANDS = ("retry", "cancel", "pause", "resume")

router = APIRouter(include_in_schema=False)
templates = Environment(
    loader=FileSystemLoader(HERE / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def clock(seconds: float | None) -> str:
    """Return a length, or a place in a recording, as 1:02:03 or 2:03."""
    if seconds is None:
        return ""
    minutes, second = divmod(int(seconds), 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours}:{minute:02}:{second:02}" if hours else f"{minute}:{second:02}"


def moment(time: str | None) -> str:
    """Return a time of the database for people."""
    return "" if time is None else f"{time[:16].replace('T', ' ')} UTC"


def commands_for(state: str) -> list[str]:
    """Return what may be asked of a job."""
    return [command for command in COMMANDS if state in acts_on(command)]


def marked(text: str, places: list[tuple[int, int]]) -> list[tuple[str, bool]]:
    """Return the parts of a text, and whether each of them was looked for."""
    parts, at = [], 0
    for start, end in places:
        parts += [(text[at:start], False), (text[start:end], True)]
        at = end
    return [part for part in [*parts, (text[at:], False)] if part[0]]


templates.filters |= {"clock": clock, "moment": moment, "commands": commands_for}
templates.globals |= {
    **translation.FOR_TEMPLATES,
    "version": __version__,
    "marked": marked,
    "is_video": is_video,
    "priority_max": PRIORITY_MAX,
    "formats": TAKEN,
}


def page(name: str, person: Person | None, values: Mapping[str, Any], status: int = 200) -> HTMLResponse:
    """Return a page."""
    return HTMLResponse(text(name, person, values), status)


def text(name: str, person: Person | None, values: Mapping[str, Any]) -> str:
    """Return a page, or a part of one, as HTML."""
    return templates.get_template(name).render(person=person, **values)


@router.get("/")
def queue(
    person: Reader,
    queries: Reads,
    house: HouseOf,
    shown: Annotated[Shown, Depends()],
    did: Annotated[str, Query(pattern="^[a-z]{0,20}$")] = "",
    count: Annotated[int, Query(ge=0)] = 0,
    left: Annotated[int, Query(ge=0)] = 0,
) -> Response:
    """What runs and waits, and what has been done; and what was just asked of many jobs."""
    asked = {"folders": folders(house.settings, person), "did": did, "count": count, "left": left}
    drop = drop_zone(house.settings, person)
    return page("queue.html", person, {**_queue(person, queries, shown), **asked, "drop": drop})


@router.get("/now")
def now(request: Request, house: HouseOf, person: Reader, shown: Annotated[Shown, Depends()]) -> Response:
    """The part of that page that changes; everybody who looks asks for it after each change."""

    def make() -> str:
        # Only the first who asks after a change needs the database, and to open it takes longer than all the rest.
        with Queries(house.database, PATIENCE_S) as queries:
            return text("now.html", person, _queue(person, queries, shown))

    change: int = request.app.state.feed.number
    question = (person.folders, person.read_only, shown, translation.language())
    return HTMLResponse(house.shared.get(question, change, make))


def _queue(person: Person, queries: Queries, shown: Shown) -> dict[str, Any]:
    try:
        found = queries.page(shown.filter(person), limit=50, cursor=shown.cursor)
    except ValueError as error:
        raise HTTPException(422, Message("there is no such page of the queue: begin with the first one")) from error
    return {
        "jobs": found["jobs"],
        "older": shown.query(cursor=found["next"]) if found["next"] else "",
        "shown": shown,
        "running": {each["id"]: each for each in queries.running()},
        "counts": queries.counts(shown.filter(person, in_any_state=True)),
        "backlog": None if person.folders else queries.backlog(),
        "daemon_runs": queries.pid is not None,
        "pauses": queries.pauses(),
        # They name folders.
        "alerts": []
        if person.folders
        else [row for row in queries.alerts(limit=50) if row["state"] in ("firing", "unknown")],
    }


@router.post("/jobs/{job_id}/{command}")
def request(
    job: JobOf, command: Command, person: Writer, queries: Reads, here: Annotated[str, Form(max_length=9000)] = ""
) -> Response:
    """Ask the daemon to do something with a job, and go back to the page."""
    del person
    if command in commands_for(job["state"]):
        queries.request(command, [job["id"]])
    return RedirectResponse(f"/?{here}" if here else f"/jobs/{job['id']}", 303)


@router.get("/jobs/{job_id}")
def reader(job: JobOf, person: Reader, queries: Reads, house: HouseOf) -> Response:
    """A recording with its transcript."""
    record, version = queries.record(job["id"]), queries.edition(job["id"])
    if record is None:
        raise HTTPException(404)  # it has gone meanwhile
    said, names = queries.transcript(job["id"]), queries.names(job["id"])
    whole = transcript_of(record, said, version=version, names=names)
    values = {
        "job": job,
        "at": f"/api/jobs/{job['id']}",
        "stem": os.path.splitext(os.path.basename(job["path"]))[0],
        "plays": True,
        "may_share": may_share(house, person),
        "share_days_max": house.settings.web.share_days_max,
        **speaking(replace(whole, recognized=queries.recognized(job["id"])), queries.translation(job["id"])),
        "edited": None if version is None else row_of(version),
        "can_edit": not person.read_only and may_be_changed(job, version),
        "suppressed": queries.suppressed(job["id"]),
        "unsure": UNSURE,
        "is_done": job["state"] == DONE,
        "warnings": json.loads(job["warnings"] or "[]"),
    }
    return page("reader.html", person, values)


@router.get("/search")
def search(house: HouseOf, person: Reader, queries: Reads, sought: Annotated[Sought, Depends()]) -> Response:
    """Lines in which something was said."""
    hits: list[Hit] = []
    trouble = ""
    if sought.q.strip():
        try:
            hits = sought.hits(person, queries, HITS)
        except HTTPException as error:
            trouble = error.detail
    choices = {"folders": folders(house.settings, person), "languages": sorted(LANGUAGES)}
    return page("search.html", person, {"sought": sought, "hits": hits, "trouble": trouble, "most": HITS, **choices})


# -- who is who ----------------------------------------------------------------------------------------------


@router.get("/login")
def ask(next: Annotated[str, Query(max_length=9000)] = "/") -> Response:
    """Ask for a name and a password."""
    return page("login.html", None, {"wanted": inside(next), "trouble": ""})


@router.post("/login")
def log_in(
    request: Request,
    house: HouseOf,
    name: Annotated[str, Form(max_length=64)],
    password: Annotated[str, Form(max_length=1024)],
    next: Annotated[str, Form(max_length=9000)] = "/",
) -> Response:
    """Begin a session."""
    wanted = inside(next)
    if (wait_s := house.tries.begin(name)) > 0:
        trouble = Message("too many passwords were tried: try again in {time} minutes", time=clock(wait_s + 1))
        answer = page("login.html", None, {"wanted": wanted, "trouble": trouble}, 429)
        answer.headers["Retry-After"] = str(int(wait_s) + 1)
        return answer
    person = None
    try:
        person = house.users.with_password(name, password)
    finally:
        house.tries.end(name, succeeded=person is not None)
    if person is None:
        trouble = Message("this name and password do not go together")
        return page("login.html", None, {"wanted": wanted, "trouble": trouble}, 403)
    return _with_session(RedirectResponse(wanted, 303), house, person, secure=is_secure(request))


@router.post("/logout")
def log_out() -> Response:
    """End the session of this browser."""
    answer = RedirectResponse("/login", 303)
    answer.delete_cookie(COOKIE, httponly=True, samesite="lax")
    return answer


def _with_session(answer: Response, house: House, person: Person, *, secure: bool) -> Response:
    # Lax, so that a link in a mail leads to the page; other sites' requests that change something are refused anyway.
    sessions = house.sessions
    answer.set_cookie(
        COOKIE, sessions.begin(person), max_age=sessions.lasts_s, httponly=True, samesite="lax", secure=secure
    )
    return answer


def is_secure(request: Request) -> bool:
    """Return whether a browser asks by TLS, perhaps of a proxy in front; then its cookies go no other way."""
    return request.headers.get("x-forwarded-proto", request.url.scheme) == "https"


def inside(address: str) -> str:
    """Return an address of this page; another one leads to its start."""
    is_own = address.startswith("/") and not address.startswith(("//", "/\\")) and "\\" not in address
    return address if is_own and address.isprintable() else "/"
