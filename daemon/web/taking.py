"""Transcripts to take away: as a file of any format, as a document, or many of them as a zip file."""

import os
import re
from collections.abc import Generator, Iterator
from datetime import datetime
from enum import Enum
from io import RawIOBase
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

from fastapi import APIRouter, Form, HTTPException, Query, Request
from starlette.responses import Response, StreamingResponse

from daemon.chunk import BOTH, ENGLISH
from daemon.config.formats import FORMATS
from daemon.publish.formats import rendered
from daemon.publish.stored import stored_transcript
from daemon.publish.transcript import Transcript
from daemon.store.queries import Queries
from daemon.store.records import Job
from daemon.store.rows import JobDetail
from daemon.store.schema import DONE
from daemon.web.house import HouseOf, JobOf, Reader, Reads
from daemon.web.many import Ids, More, selected
from daemon.web.pages import DOCX, TAKEN
from daemon.web.shown import Shown
from daemon.web.translation import Message
from daemon.web.turns import InTurns, Turns

DOCX_TYPE = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
JOBS_MAX = 500
ZIPS_MAX = 20
"""So many zip files may be on their way at once."""
ZIPS_AT_ONCE = 2
"""Of those, so many are being worked on: there is little to win by more, and all others are served meanwhile."""
LEFT_OUT = "left-out.txt"
"""The file in a zip that says what is not in it, and why."""
NOT_IN_NAMES = re.compile(r'[\x00-\x1f\x7f\\:*?"<>|]')
"""What some systems do not allow for in the name of a file."""

TYPES = {"json": "application/json", "vtt": "text/vtt", "md": "text/markdown", "tsv": "text/tab-separated-values"}
"""What is served as something else than plain text."""

Format = Enum("Format", {form: form for form in FORMATS}, type=str)  # type: ignore[misc]
Kind = Enum("Kind", {form: form for form in TAKEN}, type=str)  # type: ignore[misc]
router = APIRouter()


@router.get("/api/jobs/{job_id}/transcript.docx", tags=["jobs"], response_class=Response)
def document(
    job: JobOf,
    queries: Reads,
    times: Annotated[bool, Query(description="Whether each paragraph has its time in the margin.")] = True,
) -> Response:
    """The transcript of a job that is done, as a document for Word and others."""
    return as_document(transcript_of_job(job, queries), times=times)


@router.get("/api/jobs/{job_id}/transcript.{form}", tags=["jobs"], response_class=Response)
def transcript(job: JobOf, form: Format, queries: Reads) -> Response:
    """The transcript of a job that is done, in any format."""
    return as_file(transcript_of_job(job, queries), form.value)


def as_document(whole: Transcript, *, times: bool = True) -> Response:
    """Return a transcript as a document, with or without its times."""
    name = quote(f"{os.path.splitext(os.path.basename(whole.job.path))[0]}.docx", safe="")
    headers = {"Content-Disposition": f"attachment; filename*=UTF-8''{name}"}
    return Response(_docx(whole, times=times), media_type=DOCX_TYPE, headers=headers)


def as_file(whole: Transcript, form: str) -> Response:
    """Return a transcript in one of the formats that are published."""
    content = rendered(whole, [form])[form]
    return Response(content, media_type=f"{TYPES.get(form, 'text/plain')}; charset=utf-8")


def transcript_of_job(job: JobDetail, queries: Queries) -> Transcript:
    """Return the transcript of a job.

    Raises:
        HTTPException: It has none yet.
    """
    record = queries.record(job["id"])
    if record is None or job["state"] != DONE:
        raise HTTPException(409, f"the job is {job['state']}, and has no transcript yet")
    return _transcript(queries, record)


@router.post("/api/transcripts.zip", tags=["jobs"], response_class=StreamingResponse)
@router.post("/jobs/zip", include_in_schema=False)
def transcripts(
    request: Request,
    house: HouseOf,
    person: Reader,
    queries: Reads,
    job: Ids,
    form: Annotated[list[Kind], Form(alias="format", default_factory=list, max_length=len(TAKEN))],
    more: More = "",
    everything: Annotated[bool, Form(description="All that `here` matches, instead of `job`.")] = False,
    here: Annotated[str, Form(max_length=9000, description="A filter as the queue's page has it.")] = "",
) -> InTurns:
    """The transcripts of up to 500 jobs as a zip file; a file in it says which are not there, and why."""
    shown = Shown.parse(here)
    ids = queries.matching(shown.filter(person)) if everything else selected(job, more)
    if not ids:
        raise HTTPException(422, Message("no job was selected"))
    if len(ids) > JOBS_MAX:
        reason = Message(
            "{count} jobs are too many for a zip file: {most} are the most at once", count=len(ids), most=JOBS_MAX
        )
        raise HTTPException(422, reason)
    names = list(dict.fromkeys(each.value for each in form)) or [FORMATS[0]]
    seen = queries.among(ids, person.folders)
    states = queries.states(seen)
    left_out = [f"{each}: there is no such job" for each in ids if each not in states]
    left_out += [f"{each}: the job is {state}" for each, state in states.items() if state != DONE]
    done = [each for each, state in states.items() if state == DONE]
    if not done:
        raise HTTPException(409, Message("there is no transcript to take: {why}", why="; ".join(left_out)[:500]))
    headers = {"Content-Disposition": 'attachment; filename="transcripts.zip"'}
    pieces = _zipped(house.database, done, names, left_out)
    turns: Turns = request.app.state.zips
    return InTurns(turns, pieces, media_type="application/zip", headers=headers)


def _transcript(queries: Queries, record: Job) -> Transcript:
    stages = {stage["name"]: stage["result"] for stage in queries.stages(record.id)}
    return stored_transcript(queries, record, stages)


def _docx(transcript: Transcript, *, times: bool = True) -> bytes:
    # The library is needed for nothing else.
    from daemon.publish.docx_file import docx

    return docx(transcript, times=times)


def _zipped(database: Path, ids: list[int], names: list[str], left_out: list[str]) -> Generator[bytes, None, None]:
    """Yield a zip file as it is made: subtitles of hundreds of hours take minutes, and proxies do not wait so long."""
    sink = _Sink()
    with Queries(database) as queries, ZipFile(sink, "w", ZIP_DEFLATED) as packed:
        found = {each: queries.record(each) for each in ids}
        left_out += [f"{each}: the job has gone meanwhile" for each, record in found.items() if record is None]
        records = [record for record in found.values() if record is not None]
        for record, stem in zip(records, _stems(records), strict=True):
            for name, content in _files(_transcript(queries, record), names):
                packed.writestr(_entry(f"{stem}.{name}"), content)
            yield sink.taken()
        if left_out:
            packed.writestr(_entry(LEFT_OUT), "\n".join(left_out) + "\n")
    yield sink.taken()


class _Sink(RawIOBase):
    """What was written since somebody looked. It cannot go back, so that a zip file is written from front to end."""

    def __init__(self) -> None:
        self._written: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self._written.append(bytes(data))
        return len(data)

    def taken(self) -> bytes:
        whole = b"".join(self._written)
        self._written.clear()
        return whole


def _files(transcript: Transcript, names: list[str]) -> Iterator[tuple[str, bytes]]:
    yield from rendered(transcript, [name for name in names if name != DOCX]).items()
    if DOCX in names:
        yield DOCX, _docx(transcript)


def _stems(records: list[Job]) -> Iterator[str]:
    """Yield what the files of each transcript are called in a zip, before the dot: no two are the same."""
    several = len({record.root for record in records}) > 1
    taken = {os.path.splitext(LEFT_OUT)[0]}
    for record in records:
        path = _harmless(f"{os.path.basename(record.root)}/{record.path}" if several else record.path)
        for stem in (os.path.splitext(path)[0], path, f"{path} ({record.id})"):
            # Some systems make no difference between small letters and capitals.
            names = {stem.casefold()}
            if record.options.task == BOTH:
                names.add(f"{stem.casefold()}.{ENGLISH}")
            if not names & taken:
                break
        taken |= names
        yield stem


def _harmless(path: str) -> str:
    """Return a path that leads nowhere but down, with names that all systems allow for."""
    parts = (NOT_IN_NAMES.sub("_", part).strip().rstrip(". ") for part in path.split("/"))
    return "/".join(part for part in parts if part) or "recording"


def _entry(name: str) -> ZipInfo:
    entry = ZipInfo(name, datetime.now().timetuple()[:6])
    entry.compress_type, entry.external_attr = ZIP_DEFLATED, 0o644 << 16
    return entry
