"""What the handlers of requests share: the database, who is asking, and what they may see."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

from anyio import Semaphore
from fastapi import Depends, HTTPException, Request
from fastapi.concurrency import contextmanager_in_threadpool

from daemon.config.settings import Settings
from daemon.store.job_queries import JobFilter
from daemon.store.queries import Queries
from daemon.store.rows import JobDetail
from daemon.web.people import Person, Users
from daemon.web.sessions import Sessions, Tries
from daemon.web.shared import Shared
from daemon.web.translation import Message

PATIENCE_S = 3.0
"""The daemon writes for milliseconds; whoever waits longer for it keeps a thread from all the others."""
READING_MAX = 40
"""Requests that have the database open at the same time, as many as there are threads; others wait for their turn."""


@dataclass(frozen=True, slots=True)
class House:
    """What a server is made of; `request.app.state.house`."""

    settings: Settings
    users: Users
    sessions: Sessions
    tries: Tries
    shared: Shared
    is_private: bool
    """Whether it is for whoever is on this machine, as long as nobody has a password."""
    reading: Semaphore = field(default_factory=lambda: Semaphore(READING_MAX))

    @property
    def database(self) -> Path:
        """The database file."""
        return self.settings.database_path


def _house(request: Request) -> House:
    house: House = request.app.state.house
    return house


def _reader(request: Request) -> Person:
    person: Person | None = request.state.person
    if person is None:
        raise HTTPException(401, Message("log in first"))
    return person


def _writer(person: "Reader") -> Person:
    if person.read_only:
        raise HTTPException(403, Message("{person} may read, and change nothing", person=person.name))
    return person


def _overseer(person: "Reader") -> Person:
    if person.folders:
        reason = Message("{person} sees some folders only, and this is about all of them", person=person.name)
        raise HTTPException(403, reason)
    return person


async def _queries(house: "HouseOf") -> AsyncIterator[Queries]:
    # All that came would open the database before the first is done with it, and a thousand take 300 MB.
    async with house.reading, contextmanager_in_threadpool(Queries(house.database, PATIENCE_S)) as queries:
        yield queries


HouseOf = Annotated[House, Depends(_house)]
Reader = Annotated[Person, Depends(_reader)]
"""Somebody who may look."""
Writer = Annotated[Person, Depends(_writer)]
"""Somebody who may change something."""
Overseer = Annotated[Person, Depends(_overseer)]
"""Somebody who sees all folders, and so the service as a whole."""
Reads = Annotated[Queries, Depends(_queries, scope="function")]
"""The database, until the handler has returned: who reads the answer slowly keeps no place."""


def _job(job_id: int, person: Reader, queries: Reads) -> JobDetail:
    """Return a job that somebody may see; others do not exist for them."""
    job = queries.job(job_id) if 0 < job_id < 1 << 63 else None
    if job is None or not person.sees(job["root"], bytes.fromhex(job["path_bytes"])):
        raise HTTPException(404, Message("there is no job {job}", job=job_id))
    return job


JobOf = Annotated[JobDetail, Depends(_job)]
"""The job in the address, if the person may see it."""


def filter_for(person: Person, states: tuple[str, ...] = (), path: str = "") -> JobFilter:
    """Return the filter for the jobs that somebody may see.

    Args:
        person: Who.
        states: Only jobs in one of these; empty for all.
        path: A part of the path or a pattern for it; empty for any.
    """
    pattern = path if any(char in path for char in "*?[") else f"*{path}*"
    return JobFilter(states=states, path=pattern.encode() if path else None, within=person.folders)
