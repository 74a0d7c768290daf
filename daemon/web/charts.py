"""What the monitor has seen, as columns of numbers for plots."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Annotated

from fastapi import APIRouter, HTTPException, Query
from typing_extensions import TypedDict

from daemon.monitor.metrics import BY_NAME
from daemon.store.monitor_queries import Folded
from daemon.store.queries import Queries
from daemon.web.house import Overseer, Reads
from daemon.web.translation import Message

HOURS_MAX = 30 * 24
POINTS_MAX = 1000
"""More points than a screen has columns would show nothing more."""
BARS_FROM_HOURS = 24
"""A shorter time has too few whole hours to compare."""
GAP_FACTOR = 3.0
"""Points this many times further apart than usual have a gap between them, in which the daemon was not running."""
DRAWN = {
    "gpu_temperature_c": Message("GPU temperature"),
    "gpu_memory_percent": Message("GPU memory"),
    "gpu_load_percent": Message("GPU load"),
    "memory_percent": Message("Memory"),
    "cpu_percent": Message("CPU"),
    "cpu_temperature_c": Message("CPU temperature"),
    "batch_fill_percent": Message("Batch fill"),
    "audio_hours_per_hour": Message("Throughput"),
    "error_rate_percent": Message("Errors"),
}
"""The metrics that are plotted, from top to bottom, and their titles."""
UNITS = {"audio_hours_per_hour": Message("h of audio / h"), "error_rate_percent": Message("% of jobs")}
"""What the unit alone does not say."""

Column = list[float | None]
router = APIRouter()


class Summary(TypedDict):
    """A plot in four numbers."""

    last: float
    least: float
    mean: float
    largest: float


class Chart(TypedDict):
    """A metric over time; a value is null where nothing is known."""

    name: str
    title: str
    unit: str
    mean: Column
    least: Column | None
    """Null where every point is one sample."""
    largest: Column | None
    summary: Summary


class Charts(TypedDict):
    """Metrics over one axis of times, in seconds since 1970; those of which nothing is known are left out."""

    times: list[float]
    charts: list[Chart]


class Samples(Charts):
    """What the monitor has seen, and what was done in each hour."""

    since: float
    until: float
    step_s: float
    """Samples that are less than this apart are one point."""
    hourly: Charts
    """Only where at least a day is asked for."""


Hours = Annotated[float, Query(ge=1, le=HOURS_MAX, description="How many hours, up to 30 days.")]


@router.get("/api/samples", tags=["service"])
def samples(
    person: Overseer,
    queries: Reads,
    hours: Hours = 1,
    since: Annotated[datetime | None, Query(description="Where they begin, instead of that long ago.")] = None,
) -> Samples:
    """What the monitor has seen: columns of numbers over time. Longer times are averaged, to at most 1000 points."""
    del person
    return samples_of(queries, hours, since)


def samples_of(queries: Queries, hours: float, since: datetime | None = None) -> Samples:
    """Return what the monitor has seen in some hours, by default the last ones.

    Raises:
        HTTPException: The time is beyond what a calendar has.
    """
    length = timedelta(hours=hours)
    try:
        begin = datetime.now(UTC) - length if since is None else _utc(since)
        until = begin + length
    except (OverflowError, ValueError) as error:
        raise HTTPException(422, f"since: {error}") from error
    step_s = length.total_seconds() / POINTS_MAX
    folded = zip(DRAWN, queries.folded(list(DRAWN), begin, length), strict=True)
    known = {name: (last, whole) for name, (last, whole) in folded if last is not None}
    stretches = queries.stretches(list(known), begin, length, step_s)
    times = [each.at_s for each in stretches]
    is_averaged = any(each.taken > 1 for each in stretches)
    charts = [
        _chart(name, last, whole, [each.figures[at] for each in stretches], is_averaged=is_averaged)
        for at, (name, (last, whole)) in enumerate(known.items())
    ]
    return {
        "since": begin.timestamp(),
        "until": until.timestamp(),
        "step_s": step_s,
        **_with_gaps({"times": times, "charts": charts}),
        "hourly": _hourly(queries, begin, length) if hours >= BARS_FROM_HOURS else {"times": [], "charts": []},
    }


def _utc(moment: datetime) -> datetime:
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _chart(name: str, last: float, whole: Folded, points: Sequence[Folded], *, is_averaged: bool) -> Chart:
    return {
        "name": name,
        "title": DRAWN[name],
        "unit": UNITS.get(name, BY_NAME[name].unit),
        "mean": [_short(point.mean) for point in points],
        "least": [_short(point.least) for point in points] if is_averaged else None,
        "largest": [_short(point.largest) for point in points] if is_averaged else None,
        "summary": _summary(last, whole),
    }


def _summary(last: float, whole: Folded) -> Summary:
    least, mean, largest = (round(value or 0.0, 3) for value in (whole.least, whole.mean, whole.largest))
    return {"last": round(last, 3), "least": least, "mean": mean, "largest": largest}


def _short(value: float | None) -> float | None:
    return None if value is None else round(value, 3)


def _hourly(queries: Queries, begin: datetime, length: timedelta) -> Charts:
    """Return what was done in each hour, with a zero where nothing was done between two hours."""
    rows = {datetime.fromisoformat(row["hour"]).timestamp(): row for row in queries.hours(begin, length)}
    if not rows:
        return {"times": [], "charts": []}
    times = [float(at) for at in range(int(min(rows)), int(max(rows)) + 1, 3600)]
    audio = [round(rows[at]["audio_hours"] or 0.0, 3) if at in rows else 0.0 for at in times]
    errors = [round(100 * rows[at]["error_rate"], 3) if at in rows else None for at in times]
    return {
        "times": times,
        "charts": [
            _bars("audio_hours", Message("Done in each hour"), Message("h of audio"), audio),
            _bars("error_percent", Message("Errors in each hour"), Message("% of jobs"), errors),
        ],
    }


def _bars(name: str, title: str, unit: str, values: Sequence[float | None]) -> Chart:
    known = [value for value in values if value is not None]
    whole = Folded(sum(known) / len(known), min(known), max(known))
    return {
        "name": name, "title": title, "unit": unit, "mean": list(values), "least": None, "largest": None,
        "summary": _summary(known[-1], whole),
    }  # fmt: skip


def _with_gaps(drawn: Charts) -> Charts:
    """Return charts with a point without values in each gap, so that no line leads over it."""
    times = drawn["times"]
    steps = sorted(after - before for before, after in pairwise(times))
    if not steps:
        return drawn
    usual = steps[len(steps) // 2]
    gaps = [at + 1 for at, (one, two) in enumerate(pairwise(times)) if two - one > GAP_FACTOR * usual]

    for chart in drawn["charts"]:
        for values in filter(None, (chart["mean"], chart["least"], chart["largest"])):
            for at in reversed(gaps):
                values.insert(at, None)
    for at in reversed(gaps):
        times.insert(at, times[at - 1] + usual)
    return drawn
