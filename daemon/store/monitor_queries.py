"""Queries about what the monitor has kept: alerts and samples."""

import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Integer, and_, cast, column, func, or_, select, table

from daemon.store.read_access import ReadAccess
from daemon.store.records import timestamp, timestamp_in
from daemon.store.rows import AlertRow, GpuRow, HourRow, SampleRow
from daemon.store.schema import alerts, samples

THROUGHPUT = table("throughput", *(column(name) for name in HourRow.__annotations__))
"""The view; a migration creates it."""
TAKEN = cast(func.strftime("%s", samples.c.sampled_at), Integer)
"""When a sample was taken, in seconds since 1970."""


class Folded(NamedTuple):
    """Some figures of one metric, folded; None where there is none."""

    mean: float | None
    least: float | None
    largest: float | None


class Stretch(NamedTuple):
    """The samples of a short time, as one."""

    at_s: float
    """The mean of their times, in seconds since 1970."""
    taken: int
    """How many there are."""
    figures: list[Folded]
    """One for each metric that was asked for."""


class MonitorQueries(ReadAccess):
    """Reads about the monitor."""

    def alerts(self, limit: int, *, ended: bool = False) -> list[AlertRow]:
        """List the newest alerts that are pending, firing or unknown; with `ended`, the resolved ones, too."""
        statement = select(alerts)
        if not ended:
            statement = statement.where(alerts.c.resolved_at.is_(None))
        newest = statement.order_by(alerts.c.resolved_at.is_(None).desc(), alerts.c.id.desc()).limit(limit)
        return self._typed(AlertRow, newest)

    def alerts_between(self, since_s: float) -> list[AlertRow]:
        """List the alerts that fired, except those resolved more than `since_s` seconds ago, oldest first."""
        lasted = or_(alerts.c.resolved_at.is_(None), alerts.c.resolved_at >= timestamp_in(-since_s))
        statement = select(alerts).where(alerts.c.fired_at.is_not(None), lasted)
        return self._typed(AlertRow, statement.order_by(alerts.c.fired_at))

    def samples(self, since_s: float) -> list[SampleRow]:
        """List the monitor's samples of the last `since_s` seconds, oldest first."""
        statement = select(samples).where(samples.c.sampled_at >= timestamp_in(-since_s)).order_by(samples.c.id)
        return [{**row._mapping, "detail": json.loads(row.detail)} for row in self._rows(statement)]

    def gpus(self) -> list[GpuRow]:
        """List the GPUs of this machine and of those of a cluster, as the newest sample has them."""
        newest = self._rows(select(samples.c.detail).order_by(samples.c.id.desc()).limit(1))
        listed = [gpu for row in newest for gpu in json.loads(row.detail).get("gpus", ())]
        # One of an older version has no machine.
        return [
            GpuRow(
                node=gpu.get("node", ""),
                index=gpu["index"],
                name=gpu["name"],
                uuid=gpu["uuid"],
                temperature_c=gpu.get("temperature_c"),
                load_percent=gpu.get("load_percent"),
                memory_percent=gpu.get("memory_percent"),
            )
            for gpu in listed
        ]

    def stretches(self, metrics: Sequence[str], since: datetime, length: timedelta, step_s: float) -> list[Stretch]:
        """List what the monitor saw in a time, oldest first; samples that are less than a step apart become one.

        Args:
            metrics: Columns of `samples`, or keys of its `detail`.
            since: The beginning.
            length: How long.
            step_s: The time is divided into steps of this length; those in which there is no sample are left out.
        """
        number = cast((TAKEN - since.timestamp()) / step_s, Integer)
        figures = [fold(_figure(name)) for name in metrics for fold in (func.avg, func.min, func.max)]
        statement = select(func.avg(TAKEN), func.count(), *figures).where(_taken(since, length)).group_by(number)
        return [
            Stretch(row[0], row[1], [Folded(*row[at : at + 3]) for at in range(2, len(row), 3)])
            for row in self._rows(statement.order_by(number))
        ]

    def folded(self, metrics: Sequence[str], since: datetime, length: timedelta) -> list[tuple[float | None, Folded]]:
        """Return for each metric its last known figure in a time, and all of them folded."""
        taken = _taken(since, length)
        newest = samples.c.sampled_at.desc()
        wanted: list[ColumnElement[Any]] = []
        for figure in map(_figure, metrics):
            last = select(figure).where(taken, figure.is_not(None)).order_by(newest).limit(1)
            wanted += [last.correlate(None).scalar_subquery(), func.avg(figure), func.min(figure), func.max(figure)]
        (row,) = self._rows(select(*wanted).where(taken))
        return [(row[at], Folded(*row[at + 1 : at + 4])) for at in range(0, len(row), 4)]

    def hours(self, since: datetime, length: timedelta) -> list[HourRow]:
        """List what was done in each hour of a time, oldest first, those left out in which nothing was."""
        first, end = timestamp(since)[:13], timestamp(since + length)[:16]
        wanted = select(THROUGHPUT).where(THROUGHPUT.c.hour >= first, THROUGHPUT.c.hour < end)
        return self._typed(HourRow, wanted.order_by(THROUGHPUT.c.hour))


def _figure(name: str) -> ColumnElement[Any]:
    """Return the figure of a metric in each sample, be it in a column of its own or in `detail`."""
    return samples.c[name] if name in samples.c else func.json_extract(samples.c.detail, f"$.{name}")


def _taken(since: datetime, length: timedelta) -> ColumnElement[bool]:
    return and_(samples.c.sampled_at >= timestamp(since), samples.c.sampled_at < timestamp(since + length))
