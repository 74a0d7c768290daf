"""The API that other programs already speak: `/v1/audio/transcriptions` and `/v1/audio/translations` of OpenAI's."""

import os
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from anyio import CancelScope, to_thread
from fastapi import APIRouter, Request
from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse, Response, StreamingResponse

from daemon.config.settings import Settings
from daemon.errors import TranscribedError, Unavailable
from daemon.store.queries import Queries
from daemon.store.records import Job, StoredChunk
from daemon.store.schema import CANCELLED, DEAD, DONE, IGNORED, REJECTED, VANISHED
from daemon.web.arrived import Arrived, tell_complete
from daemon.web.feed import SIGN_OF_LIFE_S, STILL_HERE
from daemon.web.forms import FILE, read_form
from daemon.web.house import House, HouseOf, Reader, Writer
from daemon.web.inbox import Incoming, folders_for
from daemon.web.openai_answer import Said, answer, event
from daemon.web.openai_page import FORM
from daemon.web.openai_request import ALIASES, Wanted, recording_name, wanted
from daemon.web.people import Person
from daemon.web.problems import OPENAI, Problem, body
from daemon.web.upload_files import NoRoom
from daemon.web.waiting import FORGOTTEN, Waiting

SEEN_S = 5.0
"""How long who wants no answer yet waits for the number of the job."""
AT_ONCE = 20
"""So many recordings of one person may be on their way here at the same time."""
CHUNKS = 500
"""How many new chunks are told at once."""
ASYNC = "respond-async"
GONE = 499
"""The status where the client has gone away: nobody reads it."""
STATUS = {REJECTED: 400, DEAD: 500, CANCELLED: 409, IGNORED: 409, VANISHED: 409, FORGOTTEN: 409}
HINTS = {
    REJECTED: "", DEAD: "transcribed jobs retry tries it once more",
    CANCELLED: "somebody cancelled it", IGNORED: "", VANISHED: "the recording was taken away",
    FORGOTTEN: "it was removed before it was read",
}  # fmt: skip

router = APIRouter(prefix="/v1", tags=["openai"])


@router.get("/models")
def list_models(house: HouseOf, person: Reader) -> dict[str, Any]:
    """The models that a request may name; every other name means the first of them."""
    del person
    return {"object": "list", "data": [_model(name) for name in _models(house.settings)]}


@router.get("/models/{name:path}")
def show_model(name: str, house: HouseOf, person: Reader) -> dict[str, Any]:
    """A model."""
    del person
    if name not in _models(house.settings):
        raise Problem(404, f"there is no model {name[:100]!r}", "model")
    return _model(name)


def _models(settings: Settings) -> list[str]:
    return list(dict.fromkeys([settings.model.name, *settings.folder_models, *ALIASES]))


def _model(name: str) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": 0, "owned_by": "transcribed"}


@router.post("/audio/transcriptions", openapi_extra=FORM)
async def transcriptions(request: Request, house: HouseOf, person: Writer) -> Response:
    """Transcribe a recording, in its language. It becomes a job like any other; `X-Job` is its number."""
    return await _answered(request, house, person, "transcribe")


@router.post("/audio/translations", openapi_extra=FORM)
async def translations(request: Request, house: HouseOf, person: Writer) -> Response:
    """Translate a recording into English, likewise."""
    return await _answered(request, house, person, "translate")


class _Upload:
    """Takes the recording of a request; it may begin only where it would be transcribed."""

    def __init__(self, request: Request, settings: Settings, person: Person, waiting: Waiting) -> None:
        self._settings, self._person, self._waiting = settings, person, waiting
        self._is_patient = is_async(request)
        length = request.headers.get("content-length", "")
        self._at_most = int(length) if length.isdigit() else 0
        self.incoming: Incoming | None = None

    async def begin(self, name: str, media_type: str) -> None:
        """Take a recording of this name and type."""
        if not self._is_patient:
            await self._waiting.check()
        name = recording_name(name, media_type)
        self.incoming = await to_thread.run_sync(self._begin, _folder(self._settings, self._person), name)

    def _begin(self, folder: Path, name: str) -> Incoming:
        try:
            return Incoming.begin(
                folder, name, None, settings=self._settings, person=self._person.name, at_most=self._at_most
            )
        except TranscribedError as error:
            if type(error) is TranscribedError:
                raise Problem(400, str(error), FILE) from error
            raise

    async def write(self, data: bytes) -> None:
        """Take more of it."""
        assert self.incoming is not None
        await to_thread.run_sync(self.incoming.write, self.incoming.offset, data)

    async def finish(self, asked: Wanted) -> Path:
        """Make a recording of what has come."""
        assert self.incoming is not None
        if not self.incoming.offset:
            raise Problem(400, "the recording is empty", FILE)
        self.incoming.wanted.options.update(asked.options)
        return await to_thread.run_sync(self._finish, self.incoming)

    def _finish(self, incoming: Incoming) -> Path:
        path = incoming.finish()
        tell_complete(self._settings, incoming.version)
        return path

    def drop(self) -> None:
        """Remove what is no recording yet."""
        if self.incoming is not None:
            self.incoming.drop()


def _folder(settings: Settings, person: Person) -> Path:
    """Return the folder for what somebody's programs send.

    Raises:
        Problem: There is none.
    """
    folders = folders_for(settings, person)
    if settings.web.api_folder:
        wanted_one = Path(settings.web.api_folder)
        if not person.folders or any(wanted_one.is_relative_to(folder) for folder in person.folders):
            return wanted_one
    if not folders:
        raise Problem(403, f"{person.name} may drop recordings into no watched folder: see web.users in config.toml")
    return folders[0]


def is_async(request: Request) -> bool:
    """Return whether a program wants no answer but to know where there will be one (RFC 7240)."""
    preferences = request.headers.get("prefer", "").lower().split(",")
    return any(preference.partition(";")[0].strip() == ASYNC for preference in preferences)


async def _answered(request: Request, house: House, person: Person, task: str) -> Response:
    waiting: Waiting = request.app.state.waiting
    upload = _Upload(request, house.settings, person, waiting)
    headers = request.headers
    if waiting.arriving[person.name] >= AT_ONCE:
        raise Problem(429, f"{AT_ONCE} recordings are on their way already: send this one later", again=True)
    waiting.arriving[person.name] += 1
    try:
        fields = await read_form(
            headers.get("content-type", ""), headers.get("content-length"), request.stream(), upload,
            house.settings.web.upload_max_gb,
        )  # fmt: skip
        asked = wanted(fields, task, house.settings)
        arrived = await to_thread.run_sync(Arrived.at, house.settings, await upload.finish(asked))
    except ClientDisconnect:
        return Response(status_code=GONE)
    except NoRoom as error:
        raise Problem(507, f"{error.message}; free space there, and send it again", FILE) from error
    except FileNotFoundError as error:
        raise Problem(409, "somebody has taken the recording away", FILE) from error
    finally:
        waiting.arriving[person.name] -= 1
        with CancelScope(shield=True):
            await to_thread.run_sync(upload.drop)
    try:
        return await _job_answered(request, house.database, arrived, asked)
    except Unavailable as error:
        # The recording is there, so that sending it again would have it transcribed twice.
        raise Problem(503, f"{error}; the recording is kept, and is transcribed then") from error


async def _job_answered(request: Request, database: Path, arrived: Arrived, asked: Wanted) -> Response:
    waiting: Waiting = request.app.state.waiting
    if is_async(request):
        try:
            await waiting.check()
            return _accepted(await waiting.job(arrived, SEEN_S), arrived)
        except Unavailable:  # The recording waits in its folder until there is a daemon.
            return _accepted(None, arrived)
    job_id = await waiting.job(arrived, given_up=request.is_disconnected)
    if job_id is None:
        return Response(status_code=GONE)
    if asked.is_streamed:
        told = {"Cache-Control": "no-store", "X-Accel-Buffering": "no", "X-Job": str(job_id)}
        return StreamingResponse(_streamed(waiting, database, job_id, asked), 200, told, "text/event-stream")
    async with aclosing(waiting.states(job_id)) as states:
        async for _ in states:
            if await request.is_disconnected():
                return Response(status_code=GONE)
    content, media_type = await to_thread.run_sync(_whole, database, job_id, asked)
    return Response(content, media_type=media_type, headers={"X-Job": str(job_id)})


def _accepted(job_id: int | None, arrived: Arrived) -> Response:
    """Tell where the job is; one that the daemon has not seen yet is found by its path."""
    where = os.path.join(os.fsencode(arrived.root), arrived.path)
    address = f"/api/jobs/{job_id}" if job_id is not None else f"/api/jobs?{urlencode({'path': where})}"
    headers = {"Location": address, "Preference-Applied": ASYNC}
    return JSONResponse({"job": job_id, "address": address}, 202, headers)


def _whole(database: Path, job_id: int, asked: Wanted) -> tuple[bytes, str]:
    """Return the answer for a job that has ended.

    Raises:
        Problem: It was not transcribed.
    """
    with Queries(database) as queries:
        row = queries.record(job_id)
        state = queries.states([job_id]).get(job_id, FORGOTTEN)
        if row is not None and state == DONE:
            version = queries.edition(job_id)
            return answer(row, queries.transcript(job_id), asked, version, queries.names(job_id))
        detail = queries.job(job_id)
    reason = (detail and (detail["reason"] or detail["error"])) or HINTS.get(state, "")
    hint = HINTS.get(state, "") if state == DEAD else ""
    raise Problem(STATUS.get(state, 409), f"job {job_id} is {state}: {reason}{f'; {hint}' if hint else ''}", FILE)


async def _streamed(waiting: Waiting, database: Path, job_id: int, asked: Wanted) -> AsyncGenerator[bytes]:
    """Yield the text as it grows, and in the end as a whole."""
    said, told_at = Said(), 0.0
    try:
        async with aclosing(waiting.states(job_id)) as states:
            async for _ in states:
                more = await to_thread.run_sync(_new, database, job_id, said)
                if more or time.monotonic() - told_at >= SIGN_OF_LIFE_S:
                    told_at = time.monotonic()
                    yield event({"type": "transcript.text.delta", "delta": more}) if more else STILL_HERE
        plain = Wanted(form="text", options=asked.options)
        content, _ = await to_thread.run_sync(_whole, database, job_id, plain)
        text = content.decode().removesuffix("\n")
        if rest := said.rest(text):
            yield event({"type": "transcript.text.delta", "delta": rest})
        yield event({"type": "transcript.text.done", "text": text})
    except (Problem, TranscribedError) as error:
        status, message = (error.status_code, str(error.detail)) if isinstance(error, Problem) else (503, str(error))
        yield event({"type": "error", **body(OPENAI, status, message)})


def _new(database: Path, job_id: int, said: Said) -> str:
    """Return what has been added to a text since the last time."""
    with Queries(database) as queries:
        job: Job | None = queries.record(job_id)
        chunks: list[StoredChunk] = queries.stored_chunks(job_id, said.chunks, CHUNKS)
    return said.more(job, chunks) if job is not None else ""
