"""Queries about the service now: counts, what runs and how far it is, what waits and for how long."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import func, select

from daemon.store.job_queries import JobFilter, conditions
from daemon.store.monitor_queries import MonitorQueries
from daemon.store.records import timestamp_in
from daemon.store.rows import Backlog, LayoutRow, PauseRow, Progress, Status
from daemon.store.schema import DONE, RUNNING, STATES, WAITING, batches, chunks, jobs, layouts, pauses
from daemon.store.stage_queries import StageQueries

SPEED_WINDOW_S = 900
"""The end of the backlog is estimated from the speed of the batches of the last quarter of an hour."""
SAMPLE = 200
"""How many finished jobs, those queued last, are used to estimate the length of recordings that are not decoded yet, by
their size."""


class StatusQueries(MonitorQueries, StageQueries):
    """Reads about the service as a whole."""

    def status(self) -> Status:
        """Return the counts by state, what runs, and what waits with the time that it will take."""
        pid = self.pid
        fill = self._one(select(func.sum(batches.c.size) * 1.0 / func.sum(batches.c.capacity)))
        return {
            "daemon": {"running": pid is not None, "pid": pid},
            "counts": self.counts(),
            "suspect": int(self._one(select(func.count()).where(jobs.c.warnings.is_not(None)))),
            "running": self.running(),
            "backlog": self.backlog(),
            "layouts": self.layouts(),
            "batch_fill": None if fill is None else round(fill, 3),
            "pauses": self.pauses(),
            "alerts": [row for row in self.alerts(limit=50) if row["state"] in ("firing", "unknown")],
            "gpus": [] if pid is None else self.gpus(),
        }

    def counts(self, wanted: JobFilter | None = None) -> dict[str, int]:
        """Return how many jobs are in each state, of all or of those that a filter matches."""
        each = select(jobs.c.state, func.count()).where(*conditions(wanted or JobFilter()))
        found = dict(self._rows(each.group_by("state")))
        return dict.fromkeys(STATES, 0) | found

    def layouts(self) -> list[LayoutRow]:
        """List the layouts that were measured, the newest first."""
        return self._typed(LayoutRow, select(layouts).order_by(layouts.c.measured_at.desc()))

    def pauses(self) -> list[PauseRow]:
        """List why the daemon pauses, the oldest pause first."""
        return self._typed(PauseRow, select(pauses).order_by(pauses.c.since))

    def running(self) -> list[Progress]:
        """List the jobs that run, and how far they are."""
        return [self._progress(row) for row in self._rows(select(jobs).where(jobs.c.state == RUNNING))]

    def backlog(self) -> Backlog:
        """Return how many files and seconds of audio wait or run, and how long they take at the present speed."""
        open_jobs = self._rows(
            select(jobs.c.size_bytes, jobs.c.duration_s).where(jobs.c.state.in_((*WAITING, RUNNING)))
        )
        done_s = self._one(
            select(func.sum(chunks.c.end_s - chunks.c.start_s))
            .join(jobs, jobs.c.id == chunks.c.job_id)
            # What was done before a retry is done again.
            .where(jobs.c.state.in_((*WAITING, RUNNING)), jobs.c.content_hash.is_not(None))
        )
        sample = (
            select(jobs.c.duration_s, jobs.c.size_bytes)
            .where(jobs.c.state == DONE)
            # In this order they stand in the index; by their ids, all of them would have to be sorted first.
            .order_by(jobs.c.priority.desc(), jobs.c.queued_at.desc())
            .limit(SAMPLE)
            .subquery()
        )
        per_byte = self._one(select(func.sum(sample.c.duration_s) / func.sum(sample.c.size_bytes)))
        known = all(row.duration_s is not None for row in open_jobs)
        audio_s = None
        if known or per_byte is not None:
            audio_s = sum(row.size_bytes * per_byte if row.duration_s is None else row.duration_s for row in open_jobs)
            audio_s = max(0.0, audio_s - (done_s or 0.0))
        speed = self._speed()
        return {
            "files": len(open_jobs),
            "bytes": sum(row.size_bytes for row in open_jobs),
            "audio_s": None if audio_s is None else round(audio_s, 1),
            "eta_s": round(audio_s / speed, 1) if audio_s is not None and speed else None,
        }

    def _progress(self, row: Any) -> Progress:
        done = select(func.sum(chunks.c.end_s - chunks.c.start_s), func.max(chunks.c.end_s))
        ((done_s, reached_s),) = self._rows(done.where(chunks.c.job_id == row.id))
        done_s = done_s or 0.0
        elapsed_s = (datetime.now(UTC) - datetime.fromisoformat(row.started_at)).total_seconds()
        percent = None
        if row.chunks_total:
            percent = 100.0 * row.chunks_done / row.chunks_total
        elif row.duration_s and reached_s:
            percent = min(100.0, 100.0 * reached_s / row.duration_s)
        return {
            "id": row.id,
            "path": row.path,
            "started_at": row.started_at,
            "chunks_done": row.chunks_done,
            "chunks_total": row.chunks_total,
            "progress_percent": None if percent is None else round(percent, 1),
            "audio_done_s": round(done_s, 1),
            "times_real_time": round(done_s / elapsed_s, 1) if elapsed_s > 0 else None,
            "stages": self.stages(row.id),
        }

    def _speed(self) -> float | None:
        """Return the seconds of audio per second of wall time of the last batches; None if there were none lately."""
        recent = self._rows(
            select(batches.c.finished_at, batches.c.audio_s, batches.c.run_s).where(
                batches.c.finished_at >= timestamp_in(-SPEED_WINDOW_S)
            )
        )
        if not recent:
            return None
        ends = [datetime.fromisoformat(row.finished_at).timestamp() for row in recent]
        began = min(end - float(row.run_s) for end, row in zip(ends, recent, strict=True))
        return sum(float(row.audio_s) for row in recent) / max(0.1, max(ends) - began)
