"""The API for programs: jobs, search, what is going on."""

from enum import Enum
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, HTTPException, Query, Request
from starlette.responses import StreamingResponse

from daemon.config.values import PRIORITY_MAX
from daemon.store.job_queries import START
from daemon.store.requests import acts_on, priority_command
from daemon.store.rows import AlertRow, JobDetail, JobPage
from daemon.store.schema import STATES
from daemon.store.search_queries import Hit
from daemon.web.feed import Feed
from daemon.web.house import JobOf, Reader, Reads, Writer, filter_for
from daemon.web.searching import Sought

MANY = 500

router = APIRouter(prefix="/api")
State = Enum("State", {state: state for state in STATES}, type=str)  # type: ignore[misc]
Command = Literal["cancel", "retry", "pause", "resume"]


@router.get("/jobs", tags=["jobs"])
def list_jobs(
    person: Reader,
    queries: Reads,
    state: Annotated[list[State] | None, Query(description="Only jobs in these states.")] = None,
    path: Annotated[str, Query(max_length=4096, description="A part of the path, or a pattern for it.")] = "",
    limit: Annotated[int, Query(ge=1, le=MANY)] = 50,
    cursor: Annotated[str, Query(max_length=40, description="`next` of the page before.")] = START,
) -> JobPage:
    """Some of the jobs, the newest first."""
    states = tuple(each.value for each in state or ())
    try:
        return queries.page(filter_for(person, states, path), limit=limit, cursor=cursor)
    except ValueError as error:
        raise HTTPException(422, str(error)) from error


@router.get("/jobs/{job_id}", tags=["jobs"])
def show_job(job: JobOf) -> JobDetail:
    """Everything about a job, its text included."""
    return job


@router.post("/jobs/{job_id}/{command}", status_code=202, tags=["jobs"])
def request(job: JobOf, command: Command, person: Writer, queries: Reads) -> dict[str, str]:
    """Ask the daemon to do something with a job; it does so within a second, once it runs."""
    del person
    if job["state"] not in acts_on(command):
        raise HTTPException(409, f"a job that is {job['state']} cannot be asked to {command}")
    queries.request(command, [job["id"]])
    return {"requested": command}


@router.put("/jobs/{job_id}/priority/{priority}", status_code=202, tags=["jobs"])
def prioritize(job: JobOf, priority: int, person: Writer, queries: Reads) -> dict[str, str]:
    """Ask for another priority of a job that waits."""
    del person
    if abs(priority) > PRIORITY_MAX:
        raise HTTPException(422, f"the priority must be from {-PRIORITY_MAX} to {PRIORITY_MAX}")
    queries.request(priority_command(priority), [job["id"]])
    return {"requested": f"priority {priority}"}


@router.get("/search", tags=["search"])
def search(
    person: Reader,
    queries: Reads,
    sought: Annotated[Sought, Depends()],
    limit: Annotated[int, Query(ge=1, le=MANY)] = 20,
) -> list[Hit]:
    """Lines of transcripts that have all of these words, those transcribed last first."""
    return sought.hits(person, queries, limit)


@router.get("/alerts", tags=["service"])
def alerts(person: Reader, queries: Reads, ended: bool = False) -> list[AlertRow]:
    """What is wrong: alerts that are pending, firing or unknown; with `ended`, resolved ones, too.

    They name folders, and so are for those who see all of them.
    """
    return [] if person.folders else queries.alerts(MANY, ended=ended)


@router.get("/events", tags=["service"], response_class=StreamingResponse)
def events(person: Reader, request: Request) -> StreamingResponse:
    """An event `change` whenever something has changed, at most every second (server-sent events)."""
    del person
    feed: Feed = request.app.state.feed
    if feed.is_full:
        raise HTTPException(503, "too many are listening already: try again later", {"Retry-After": "60"})
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingResponse(feed.listen(), media_type="text/event-stream", headers=headers)
