"""Several chunks a request, from daemons that have recordings to the engines of this one."""

from typing import Any

from anyio import to_thread
from fastapi import APIRouter, Request
from starlette.requests import ClientDisconnect
from starlette.responses import Response

from daemon.guests.checks import Malformed
from daemon.guests.line import Kind, Reply
from daemon.guests.request import MEDIA_TYPE, PROTOCOL, unpacked
from daemon.web.desk import Desk
from daemon.web.house import Reader, Writer
from daemon.web.openai_answer import JSON
from daemon.web.problems import Problem

HELD_MAX_BYTES = 256 << 20
"""Of requests that are not answered yet."""
BUSY_S = 2
GONE = 499
"""The status where the client has gone away: nobody reads it."""
BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "description": f"Protocol {PROTOCOL}: docs/engines.md.",
        "content": {MEDIA_TYPE: {"schema": {"type": "string", "format": "binary"}}},
    }
}

router = APIRouter(prefix="/v1", tags=["chunks"])


@router.get("/chunks")
async def show_abilities(request: Request, person: Reader) -> Response:
    """What the engine can do, for a daemon that wants to send chunks; 404: they are taken as recordings only."""
    reply = await _desk(request).ask(Kind.ABILITIES, request.is_disconnected, person.name)
    return _answered(reply)


@router.post("/chunks", openapi_extra=BODY)
async def transcribe_chunks(request: Request, person: Writer) -> Response:
    """Hear what is said in chunks of recordings. Nothing of them is kept."""
    desk = _desk(request)
    if request.headers.get("content-type", "") != MEDIA_TYPE:
        raise Problem(415, f"this must be {MEDIA_TYPE}")
    size = int(request.headers.get("content-length", "0"))
    if desk.held_bytes + size > HELD_MAX_BYTES:
        raise _later(429, "too much waits already", BUSY_S)
    desk.held_bytes += size
    try:
        body = await request.body()
        await to_thread.run_sync(unpacked, body)
        return _answered(await desk.ask(Kind.CHUNKS, request.is_disconnected, person.name, body))
    except ClientDisconnect:
        return Response(status_code=GONE)
    except Malformed as error:
        raise Problem(400, str(error)) from error
    finally:
        desk.held_bytes -= size


def _desk(request: Request) -> Desk:
    desk: Desk | None = request.app.state.desk
    if desk is None:
        raise Problem(404, "this page is served by itself, and its daemon takes no chunks by it: see web.listen")
    return desk


def _answered(reply: Reply | None) -> Response:
    if reply is None:
        return Response(status_code=GONE)
    if reply.status == 200:
        return Response(reply.body, media_type=JSON)
    raise _later(reply.status, reply.body.decode("utf-8", "replace"), reply.wait_s)


def _later(status: int, message: str, wait_s: int) -> Problem:
    problem = Problem(status, message, again=wait_s > 0)
    if wait_s:
        problem.headers = {"Retry-After": str(wait_s)}
    return problem
