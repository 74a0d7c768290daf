"""The service as a whole: alerts, pauses, what was measured, and plots of what the monitor has seen."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Form, Query
from starlette.responses import RedirectResponse, Response
from typing_extensions import TypedDict

from daemon.store.queries import Queries
from daemon.store.requests import BY_REQUEST
from daemon.web.charts import HOURS_MAX, Hours, samples_of
from daemon.web.house import Overseer, Reads, Writer
from daemon.web.pages import page
from daemon.web.translation import Message

ALERTS = 50
RANGES = {
    1: Message("last hour"),
    24: Message("last day"),
    7 * 24: Message("last week"),
    30 * 24: Message("last 30 days"),
}
"""What may be chosen, in hours."""

Ask = Literal["pause", "resume"]
router = APIRouter()


class Asked(TypedDict):
    """What was asked of the daemon, and whether there is one now."""

    requested: Ask
    daemon_running: bool


@router.post("/api/pause", status_code=202, tags=["service"])
def pause(person: Overseer, writer: Writer, queries: Reads) -> Asked:
    """Ask the daemon to hold all work; it does so within a second, once it runs."""
    del person, writer
    return _ask(queries, "pause")


@router.post("/api/resume", status_code=202, tags=["service"])
def resume(person: Overseer, writer: Writer, queries: Reads) -> Asked:
    """Ask the daemon to go on with all work; it does so within a second, once it runs."""
    del person, writer
    return _ask(queries, "resume")


def _ask(queries: Queries, ask: Ask) -> Asked:
    queries.request_all(ask)
    return {"requested": ask, "daemon_running": queries.pid is not None}


@router.get("/service", include_in_schema=False)
def service(
    person: Overseer,
    queries: Reads,
    hours: Hours = 1,
    asked: Annotated[Ask | None, Query()] = None,
) -> Response:
    """The page."""
    drawn = samples_of(queries, hours)
    values = {
        "charts": [*drawn["charts"], *drawn["hourly"]["charts"]],
        "ranges": RANGES,
        "asked": asked,
        "layouts": queries.layouts(),
    }
    return page("service.html", person, _now(queries, hours) | values)


@router.get("/service/now", include_in_schema=False)
def now(person: Overseer, queries: Reads, hours: Hours = 1) -> Response:
    """The part of it that changes."""
    return page("service_now.html", person, _now(queries, hours))


@router.post("/service/{ask}", include_in_schema=False)
def request_and_return(
    ask: Ask, person: Overseer, writer: Writer, queries: Reads, hours: Annotated[float, Form(ge=1, le=HOURS_MAX)] = 1
) -> Response:
    """Ask for a pause or its end, and go back to the page."""
    del person, writer
    queries.request_all(ask)
    return RedirectResponse(f"/service?hours={hours:g}&asked={ask}", 303)


def _now(queries: Queries, hours: float) -> dict[str, Any]:
    pauses = queries.pauses()
    alerts = queries.alerts(ALERTS, ended=True)
    return {
        "hours": hours,
        "daemon_runs": queries.pid is not None,
        "pauses": pauses,
        "is_held": any(pause["cause"] == BY_REQUEST for pause in pauses),
        "open_alerts": [alert for alert in alerts if alert["resolved_at"] is None],
        "ended_alerts": [alert for alert in alerts if alert["resolved_at"] is not None],
    }
