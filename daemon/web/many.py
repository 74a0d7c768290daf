"""Asks the daemon to do something with many jobs: those that were selected, or all that a filter matches."""

import re
from typing import Annotated, Literal
from urllib.parse import urlencode

from fastapi import APIRouter, Form
from starlette.responses import RedirectResponse, Response

from daemon.config.values import PRIORITY_MAX
from daemon.store.queries import Queries
from daemon.store.requests import acts_on, priority_command
from daemon.store.schema import DONE
from daemon.web.house import Reads, Writer
from daemon.web.pages import page
from daemon.web.shown import Shown

MORE_MAX = 20_000
"""Characters; some two thousand ids."""

Command = Literal["retry", "cancel", "pause", "resume", "priority", "nothing"]
"""Nothing is what the Enter key asks for."""
Ids = Annotated[list[int], Form(default_factory=list, max_length=1000)]
"""The jobs whose boxes are ticked."""
More = Annotated[str, Form(max_length=MORE_MAX, pattern=r"^[0-9,]*$")]
"""Ids, with commas, of jobs that were ticked and are no longer on the page."""
ID = re.compile(r"\d{1,18}", re.ASCII)

router = APIRouter(include_in_schema=False)


@router.post("/jobs/many")
def many(
    person: Writer,
    queries: Reads,
    command: Annotated[Command, Form()],
    job: Ids,
    more: More = "",
    everything: Annotated[bool, Form()] = False,
    sure: Annotated[bool, Form()] = False,
    priority: Annotated[int, Form(ge=-PRIORITY_MAX, le=PRIORITY_MAX)] = 0,
    here: Annotated[str, Form(max_length=9000)] = "",
) -> Response:
    """Ask for it, and go back to the page; before anything is done with all jobs, ask whether that is meant."""
    if command == "nothing":
        return RedirectResponse(f"/?{here}", 303)
    shown = Shown.parse(here)
    asked = priority_command(priority) if command == "priority" else command
    wanted = shown.filter(person)
    found = queries.matching(wanted) if everything else queries.among(selected(job, more), person.folders)
    meant = _meant(queries, asked, found, leave_done=everything and shown.state != DONE)
    if everything and meant and not sure:
        values = {"command": command, "priority": priority, "count": len(meant), "here": here}
        return page("sure.html", person, values)
    queries.request(asked, meant)
    told = urlencode({"did": command, "count": len(meant), "left": len(found) - len(meant)})
    return RedirectResponse(f"/?{here}&{told}" if here else f"/?{told}", 303)


def selected(job: list[int], more: str) -> list[int]:
    """Return the ids that were ticked, each once."""
    ids = [*job, *(int(each) for each in more.split(",") if ID.fullmatch(each))]
    return list(dict.fromkeys(each for each in ids if 0 < each < 1 << 63))


def _meant(queries: Queries, asked: str, ids: list[int], *, leave_done: bool) -> list[int]:
    """Return those of these jobs for which a request has a meaning.

    Args:
        queries: The database.
        asked: What is asked.
        ids: The jobs.
        leave_done: A transcript that is there is not made again, unless somebody has said so.
    """
    states = queries.states(ids)
    # Requests are done in their order, so what is asked already may change the state by then.
    changing = queries.asked(ids)
    allowed = {state for state in acts_on(asked) if not (leave_done and asked == "retry" and state == DONE)}
    return [job_id for job_id, state in states.items() if state in allowed or job_id in changing]
