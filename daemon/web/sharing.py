"""Links by which somebody without a login may read a transcript for some days: who may make them, and which work."""

import logging
import re
import secrets
from typing import Annotated

from fastapi import APIRouter, Body, HTTPException
from starlette.responses import Response

from daemon.config.web import SHARE_DAYS
from daemon.store.rows import JobDetail, JobRow
from daemon.store.schema import DONE
from daemon.store.shares import ShareRow
from daemon.web.guard import SHARED
from daemon.web.house import House, HouseOf, JobOf, Reads, Writer
from daemon.web.people import ANYBODY, Person, hash_of
from daemon.web.sessions import DAY_S

log = logging.getLogger(__name__)

TOKEN_BYTES = 32
TOKEN = re.compile(r"[A-Za-z0-9_-]{43}")
"""So many bytes in base64 for addresses."""
LINKS_MAX = 100
"""To one recording."""

router = APIRouter()


class Link(ShareRow):
    """A link to a transcript."""

    works: bool
    """False if whoever made it may no longer share the recording, or nobody may share anything."""


class NewLink(Link):
    """A link that was just made."""

    address: str
    """Where it leads, on this page. It is not kept, and never told again."""


@router.post("/api/jobs/{job_id}/shares", status_code=201, tags=["jobs"])
def share(
    job: JobOf,
    person: Writer,
    queries: Reads,
    house: HouseOf,
    days: Annotated[int, Body(ge=1, le=SHARE_DAYS, strict=True, description="How long it works; see share_days_max.")],
    with_recording: Annotated[bool, Body(strict=True, description="Whether the recording can be heard, too.")] = False,
) -> NewLink:
    """Make a link by which whoever has it may read a transcript, without a login, for some days."""
    most = house.settings.web.share_days_max
    if not most:
        reason = "links are not allowed here: [web] share_days_max in config.toml says for how many days one may work"
        raise HTTPException(403, reason)
    if days > most:
        raise HTTPException(422, f"days: {most} are the most, as [web] share_days_max in config.toml says")
    if job["state"] != DONE:
        raise HTTPException(409, f"the job is {job['state']}, and has no transcript yet")
    if len(queries.shares(job["id"])) >= LINKS_MAX:
        raise HTTPException(409, f"there are {LINKS_MAX} links to it already: withdraw one first")
    token = secrets.token_urlsafe(TOKEN_BYTES)
    made = queries.share(
        job["id"], hash_of(token), created_by=person.name, lasts_s=days * DAY_S, with_recording=with_recording
    )
    if made is None:
        raise HTTPException(404, f"there is no job {job['id']}")
    log.info("%s shares %s until %s", person.name or "the page", job["path"], made["expires_at"])
    return {**made, "works": True, "address": f"{SHARED}{token}"}


@router.get("/api/jobs/{job_id}/shares", tags=["jobs"])
def links(job: JobOf, person: Writer, queries: Reads, house: HouseOf) -> list[Link]:
    """The links to a transcript that have not expired, the newest first."""
    del person
    return [{**each, "works": works(house, each, job)} for each in queries.shares(job["id"])]


@router.delete("/api/jobs/{job_id}/shares/{share_id}", status_code=204, tags=["jobs"])
def withdraw(job: JobOf, share_id: int, person: Writer, queries: Reads) -> Response:
    """Withdraw a link: it works no more, at once."""
    if not (0 < share_id < 1 << 63 and queries.withdraw(job["id"], share_id)):
        raise HTTPException(404, f"there is no link {share_id} to this recording")
    log.info("%s withdraws a link to %s", person.name or "the page", job["path"])
    return Response(status_code=204)


def may_share(house: House, person: Person) -> bool:
    """Return whether somebody may make links."""
    return house.settings.web.share_days_max > 0 and not person.read_only


def works(house: House, link: ShareRow, job: JobRow) -> bool:
    """Return whether a link that has not expired works: whoever made it may still share the recording."""
    person = _maker(house, link["created_by"])
    if person is None or not may_share(house, person):
        return False
    return person.sees(job["root"], bytes.fromhex(job["path_bytes"]))


def opened(house: House, queries: Reads, token: str) -> tuple[ShareRow, JobDetail] | None:
    """Return the link with a token and the job that it leads to; None if it does not work, whyever."""
    link = queries.share_of(hash_of(token)) if TOKEN.fullmatch(token) else None
    job = queries.job(link["job_id"]) if link is not None else None
    return (link, job) if link is not None and job is not None and works(house, link, job) else None


def _maker(house: House, name: str) -> Person | None:
    """Return what somebody who once made a link may see and do now; None for who may not use the page any more."""
    known = house.users.names
    if not name:
        return ANYBODY if house.is_private and not known else None
    # Whom a proxy lets in, it alone knows.
    return house.users.person(name) if name in known or house.settings.web.proxy_header else None
