"""Corrections: the versions of a transcript, which people save, and which they can go back to."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Annotated, NotRequired

from fastapi import APIRouter, HTTPException, Path
from pydantic import BaseModel, ConfigDict, Field
from typing_extensions import TypedDict

from daemon.chunk import Segment
from daemon.publish.corrections import LINES_MAX, Typed, corrected
from daemon.publish.formats import transcript_of
from daemon.store.queries import Queries
from daemon.store.records import Job
from daemon.store.rows import JobDetail
from daemon.store.schema import DONE
from daemon.store.versions import MACHINE, Line, Superseded, Version
from daemon.web.house import JobOf, Reads, Writer

Number = Annotated[int, Path(ge=0, lt=1 << 31, description="0 is the machine's.")]
router = APIRouter(prefix="/api/jobs/{job_id}/versions", tags=["jobs"])


class LineRow(TypedDict):
    """A line of a version."""

    start_s: float
    end_s: float
    text: str
    channel: int
    language: str
    speaker: NotRequired[str]
    """Only where it is known who speaks."""


class VersionRow(TypedDict):
    """A version of a transcript; the machine's has no author, and was not saved."""

    version: int
    saved_at: str | None
    author: str | None
    as_machine: bool


class WholeVersion(VersionRow):
    """A version of a transcript with its lines."""

    lines: list[LineRow]


class NewLine(BaseModel):
    """A line as it is to be."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)
    start_s: float = Field(ge=0)
    end_s: float = Field(gt=0)
    text: str
    channel: int = Field(0, ge=0, le=1000)
    language: str = Field("", max_length=20, pattern="^[A-Za-z0-9-]*$")
    speaker: str = Field("", pattern="^(S[1-9][0-9]{0,3})?$", description="S1, S2, …; without it, as it was.")


class Based(BaseModel):
    """What a change is based on."""

    model_config = ConfigDict(extra="forbid")
    based_on: int = Field(ge=0, lt=1 << 31, description="The newest version that is known; 0 if nobody has saved one.")


class NewVersion(Based):
    """A version as it is to be saved."""

    lines: list[NewLine] = Field(max_length=LINES_MAX)


@router.get("")
def saved(job: JobOf, queries: Reads) -> list[VersionRow]:
    """The versions that people have saved, the newest first."""
    return [row_of(version) for version in queries.saved_versions(job["id"])]


@router.get("/current")
def current(job: JobOf, queries: Reads) -> WholeVersion:
    """The version that counts."""
    newest = next(iter(queries.saved_versions(job["id"])), None)
    return {**row_of(newest), "lines": _rows(_lines_now(_record(job, queries), queries))}


@router.get("/{number}")
def one(job: JobOf, number: Number, queries: Reads) -> WholeVersion:
    """A version with its lines."""
    version = _version(job, number, queries)
    return {**row_of(version), "lines": _rows(_lines_of(_record(job, queries), version, queries))}


@router.post("", status_code=201)
def save(job: JobOf, new: NewVersion, person: Writer, queries: Reads) -> VersionRow:
    """Save a version. The files are written again within a second, once the daemon runs; search finds it at once."""
    record = _may_change(job, queries)
    typed = [Typed(**line.model_dump()) for line in new.lines]
    try:
        lines = corrected(typed, _lines_now(record, queries), record)
    except ValueError as error:
        raise HTTPException(422, str(error)) from error
    return _save(queries, record.id, new.based_on, person.name, lines)


@router.post("/{number}/restore", status_code=201)
def restore(job: JobOf, number: Number, based: Based, person: Writer, queries: Reads) -> VersionRow:
    """Let an earlier version count again, or the machine's: it is saved as a new one."""
    record = _may_change(job, queries)
    version = _version(job, number, queries)
    lines: list[Line] | None = None
    if version is not None and not version.as_machine:
        earlier = [Typed.of(line) for line in _lines_of(record, version, queries)]
        # A later retry may have mixed the channels, or have parted them.
        channels = {line.channel for line in earlier}
        lines = corrected(earlier, _machines_lines(record, queries), record, channels)
    return _save(queries, record.id, based.based_on, person.name, lines)


def row_of(version: Version | None) -> VersionRow:
    """Return a version as the API has it; None is the machine's."""
    if version is None:
        return {"version": MACHINE, "saved_at": None, "author": None, "as_machine": True}
    values = asdict(version)
    return {"version": values.pop("number"), **values, "author": version.author or None}  # type: ignore[typeddict-item]


def may_be_changed(job: JobDetail, version: Version | None) -> bool:
    """Return whether there is a transcript that can be corrected: a whole one, or one that somebody has saved.

    Args:
        job: The job.
        version: The version of its transcript that counts; None if it is the machine's.
    """
    return job["state"] == DONE or version is not None


def _record(job: JobDetail, queries: Queries) -> Job:
    record = queries.record(job["id"])
    if record is None:
        raise HTTPException(404, f"job {job['id']} has gone meanwhile")
    return record


def _may_change(job: JobDetail, queries: Queries) -> Job:
    if not may_be_changed(job, queries.edition(job["id"])):
        raise HTTPException(409, f"the job is {job['state']}, and has no transcript yet that could be corrected")
    return _record(job, queries)


def _version(job: JobDetail, number: int, queries: Queries) -> Version | None:
    """Return a version that somebody has saved; None for the machine's."""
    if number == MACHINE:
        return None
    for version in queries.saved_versions(job["id"]):
        if version.number == number:
            return version
    raise HTTPException(404, f"there is no version {number} of the transcript of job {job['id']}")


def _lines_now(record: Job, queries: Queries) -> Sequence[Segment]:
    if queries.edition(record.id) is not None:
        return queries.transcript(record.id)
    return _machines_lines(record, queries)


def _machines_lines(record: Job, queries: Queries) -> Sequence[Segment]:
    return transcript_of(record, queries.machine_lines(record.id)).segments


def _lines_of(record: Job, version: Version | None, queries: Queries) -> Sequence[Segment]:
    if version is None or version.as_machine:
        return _machines_lines(record, queries)
    return queries.version_lines(record.id, version.number) or ()


def _save(queries: Queries, job_id: int, based_on: int, author: str, lines: Sequence[Line] | None) -> VersionRow:
    try:
        return row_of(queries.save_version(job_id, based_on, author, lines))
    except Superseded as error:
        newest = error.newest
        who = f" by {newest.author}" if newest.author else ""
        raise HTTPException(
            409,
            f"version {newest.number} was saved meanwhile{who}, at {newest.saved_at}: look at it, and base yours on it",
        ) from error
    except ValueError as error:
        raise HTTPException(422, str(error)) from error


def _rows(lines: Sequence[Segment]) -> list[LineRow]:
    return [_row(line) for line in lines]


def _row(line: Segment) -> LineRow:
    row: LineRow = {
        "start_s": line.start_s, "end_s": line.end_s, "text": line.text, "channel": line.channel,
        "language": line.language,
    }  # fmt: skip
    return {**row, "speaker": line.speaker} if line.speaker else row
