"""Recordings that are dropped onto the page, by the tus protocol 1.0 (tus.io): what breaks off goes on later."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from email.utils import formatdate
from typing import Annotated, Any

from anyio import to_thread
from fastapi import APIRouter, Depends, FastAPI, HTTPException, Request
from fastapi.routing import APIRoute
from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse, Response

from daemon.errors import TranscribedError, Unavailable
from daemon.web.house import HouseOf, Writer
from daemon.web.inbox import Incoming
from daemon.web.unfinished import TooMany, Unfinished, Upload
from daemon.web.upload_files import Busy, NoRoom, NoUpload, TooLarge, WrongOffset

VERSION = "1.0.0"
EXTENSIONS = "creation,creation-with-upload,termination,expiration"
BODY = "application/offset+octet-stream"
BLOCK_BYTES = 1 << 20
"""What arrives is written in blocks of this size, or as it came."""
SYNC_BYTES = 256 << 20
"""So much, and it is on the disk before more is taken: at the end there is never much to wait for."""
IDLE_S = 60.0
"""When nothing comes for so long, the sender is away; another request may go on."""
SWEEP_S = 3600.0
METADATA_CHARS = 4096
STATUS: dict[type[TranscribedError], int] = {
    NoUpload: 404, WrongOffset: 409, TooLarge: 413, Busy: 423, TooMany: 429, NoRoom: 507, Unavailable: 503,
}  # fmt: skip

log = logging.getLogger(__name__)

Handler = Callable[[Request], Coroutine[Any, Any, Response]]


class TusRoute(APIRoute):
    """A route that speaks tus in its failures, too."""

    def get_route_handler(self) -> Handler:
        """Return what answers a request."""
        handle = super().get_route_handler()

        async def answered(request: Request) -> Response:
            try:
                if request.method not in ("GET", "OPTIONS") and request.headers.get("tus-resumable") != VERSION:
                    raise HTTPException(412, f"this server speaks tus {VERSION}: send Tus-Resumable: {VERSION}")
                answer = await handle(request)
            except HTTPException as error:
                answer = _failed(error.status_code, str(error.detail))
            except TranscribedError as error:
                answer = _failed(STATUS.get(type(error), 400), error.message, error.hint)
            answer.headers["Tus-Resumable"] = VERSION
            if answer.status_code == 412:
                answer.headers["Tus-Version"] = VERSION
            return answer

        return answered


def _failed(status: int, message: str, hint: str = "") -> Response:
    return JSONResponse({"error": {"message": message, "hint": hint}}, status)


router = APIRouter(prefix="/api/uploads", route_class=TusRoute, tags=["uploads"])


def _unfinished(request: Request) -> Unfinished:
    found: Unfinished = request.app.state.unfinished
    return found


UnfinishedOf = Annotated[Unfinished, Depends(_unfinished)]


@asynccontextmanager
async def sweeping(app: FastAPI) -> AsyncIterator[None]:
    """Look after unfinished uploads when the server starts, and every hour, as long as it runs."""

    async def sweep() -> None:
        while True:
            try:
                await to_thread.run_sync(app.state.unfinished.sweep)
            except Exception:  # A folder in a state that nobody has thought of; uploads go on.
                log.exception("cannot look after unfinished uploads; will try again in an hour")
            await asyncio.sleep(SWEEP_S)

    task = asyncio.create_task(sweep())
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


@router.options("", status_code=204, response_class=Response)
def abilities(house: HouseOf) -> Response:
    """What this server can do of the tus protocol."""
    most = str(house.settings.web.upload_max_bytes)
    return Response(
        status_code=204, headers={"Tus-Version": VERSION, "Tus-Extension": EXTENSIONS, "Tus-Max-Size": most}
    )


@router.get("")
def list_uploads(person: Writer, unfinished: UnfinishedOf) -> list[Upload]:
    """The uploads that you have begun and not ended."""
    return [upload for upload in unfinished.of(person) if upload.metadata]


@router.post("", status_code=201, response_class=Response)
async def create(request: Request, person: Writer, unfinished: UnfinishedOf) -> Response:
    """Begin an upload: `Upload-Length`, and `Upload-Metadata` with filename, folder, language, task (in base64)."""
    told = request.headers.get("upload-metadata", "")
    if len(told) > METADATA_CHARS:
        raise HTTPException(400, f"Upload-Metadata is longer than {METADATA_CHARS} characters")
    size = _number(request, "Upload-Length")
    with await to_thread.run_sync(unfinished.begin, person, size, told) as incoming:
        headers = {"Location": f"/api/uploads/{incoming.key}"}
        if request.headers.get("content-type") == BODY:
            try:
                headers |= await _received(request, incoming, unfinished)
            except (TranscribedError, HTTPException):
                # Nobody knows its address, so nobody could go on with it.
                await to_thread.run_sync(incoming.drop)
                raise
        else:
            headers |= _expires(incoming)
    return Response(status_code=201, headers=headers)


@router.head("/{key}", response_class=Response)
def offset(key: str, person: Writer, unfinished: UnfinishedOf) -> Response:
    """How much of an upload is there."""
    if (found := unfinished.finished(person, key)) is not None:
        size, told = found
        return Response(headers=_state(size, size, told))
    with unfinished.resume(person, key) as incoming:
        headers = _state(incoming.offset, incoming.wanted.size, incoming.wanted.told) | _expires(incoming)
        if incoming.is_whole:
            unfinished.finish(incoming)
    return Response(headers=headers)


@router.patch("/{key}", status_code=204, response_class=Response)
async def go_on(key: str, request: Request, person: Writer, unfinished: UnfinishedOf) -> Response:
    """Add to an upload, at its `Upload-Offset`; the recording gets its name once it is whole."""
    if request.headers.get("content-type") != BODY:
        raise HTTPException(415, f"send the bytes as {BODY}")
    at = _number(request, "Upload-Offset")
    with await to_thread.run_sync(unfinished.resume, person, key) as incoming:
        if at != incoming.offset:
            raise WrongOffset(f"the upload has {incoming.offset} bytes, and cannot go on at {at}", "ask for its offset")
        return Response(status_code=204, headers=await _received(request, incoming, unfinished))


@router.delete("/{key}", status_code=204, response_class=Response)
def cancel(key: str, person: Writer, unfinished: UnfinishedOf) -> Response:
    """Remove an upload that is not whole."""
    with unfinished.resume(person, key) as incoming:
        incoming.drop()
    return Response(status_code=204)


@router.post("/{key}", status_code=204, response_class=Response, include_in_schema=False)
async def overridden(key: str, request: Request, person: Writer, unfinished: UnfinishedOf) -> Response:
    """What is meant by `X-HTTP-Method-Override`, where something between allows GET and POST alone."""
    match request.headers.get("x-http-method-override", ""):
        case "PATCH":
            return await go_on(key, request, person, unfinished)
        case "DELETE":
            return await to_thread.run_sync(cancel, key, person, unfinished)
        case "HEAD":
            return await to_thread.run_sync(offset, key, person, unfinished)
    raise HTTPException(405, "use HEAD, PATCH or DELETE")


async def _received(request: Request, incoming: Incoming, unfinished: Unfinished) -> dict[str, str]:
    """Write the body of a request as it comes, and finish what is whole; return the headers of the answer."""
    length, left = request.headers.get("content-length", ""), (incoming.wanted.size or 0) - incoming.offset
    if length.isdigit() and int(length) > left:
        raise TooLarge(f"{length} bytes are more than the {left} that are left", "has the recording changed meanwhile?")
    idle = await _write(request, incoming)
    if incoming.is_whole:
        end = incoming.offset
        await to_thread.run_sync(unfinished.finish, incoming)
        return {"Upload-Offset": str(end)}
    if idle:
        raise HTTPException(408, f"nothing has come for {IDLE_S:.0f} s; what has arrived is kept")
    return {"Upload-Offset": str(incoming.offset)} | _expires(incoming)


async def _write(request: Request, incoming: Incoming) -> bool:
    """Write what comes until it ends, is broken off, or nothing comes for long, which is returned."""
    pending, synced, idle = bytearray(), incoming.offset, False
    stream = request.stream()
    try:
        while True:
            async with asyncio.timeout(IDLE_S):
                block = await anext(stream, None)
            if block is None:
                break
            pending += block
            if len(pending) >= BLOCK_BYTES:
                await to_thread.run_sync(incoming.write, incoming.offset, pending)
                pending = bytearray()
            if incoming.offset - synced >= SYNC_BYTES:
                await to_thread.run_sync(incoming.sync)
                synced = incoming.offset
    except ClientDisconnect:
        pass  # What has arrived is kept.
    except TimeoutError:
        idle = True
    await to_thread.run_sync(incoming.write, incoming.offset, pending)
    await to_thread.run_sync(incoming.sync)
    return idle


def _number(request: Request, name: str) -> int:
    text = request.headers.get(name, "")
    if not (text.isascii() and text.isdigit() and len(text) < 19):
        raise HTTPException(400, f"{name} must be a number of bytes")
    return int(text)


def _state(there: int, size: int | None, told: str) -> dict[str, str]:
    headers = {"Upload-Offset": str(there), "Cache-Control": "no-store"}
    if size is not None:
        headers["Upload-Length"] = str(size)
    return headers | ({"Upload-Metadata": told} if told else {})


def _expires(incoming: Incoming) -> dict[str, str]:
    return {"Upload-Expires": formatdate(incoming.ends_at, usegmt=True)}
