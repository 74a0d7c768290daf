"""Queries about what the monitor has kept: alerts and samples."""

import json

from sqlalchemy import or_, select

from daemon.store.read_access import ReadAccess
from daemon.store.records import timestamp_in
from daemon.store.rows import AlertRow, SampleRow
from daemon.store.schema import alerts, samples


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
