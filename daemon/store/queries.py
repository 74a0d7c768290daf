"""What people ask jobs.db: reads, and the small rows that ask the daemon for something."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from sqlalchemy import Select, func, insert, or_, select
from sqlalchemy.exc import OperationalError

from daemon.errors import Unavailable
from daemon.store import database
from daemon.store.records import timestamp, timestamp_in
from daemon.store.schema import (
    DEAD,
    DONE,
    REJECTED,
    RUNNING,
    STATES,
    WAITING,
    alerts,
    batches,
    chunks,
    jobs,
    layouts,
    outputs,
    pauses,
    requests,
    samples,
    segments,
)

SPEED_WINDOW_S = 900
"""The speed that the backlog's end is reckoned with is that of the batches of the last quarter of an hour."""
SAMPLE = 200
"""Finished jobs whose seconds per byte are taken for those that are not decoded yet."""


class Queries:
    """Reads jobs.db while a daemon may be running on it.

    Raises:
        Unavailable: there is no database yet, or it is not to be read.
    """

    def __init__(self, path: Path) -> None:
        if not path.is_file():
            raise Unavailable(f"there is no database at {path} yet", "start the daemon: transcribed run")
        self._path = path
        self._engine = database.open_engine(path, read_only=True)

    def __enter__(self) -> Self:
        return self

    def close(self) -> None:
        self._engine.dispose()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
        if isinstance(error, OperationalError):
            if "no such" in str(error.orig):
                raise Unavailable(
                    f"{self._path} has another schema than this version reads ({error.orig})",
                    "run the daemon once, which upgrades it, or use the version that wrote it",
                ) from error
            raise database.unavailable(self._path, error) from error

    @property
    def pid(self) -> int | None:
        """Of the daemon that works on it; None if none does."""
        return database.running_pid(self._path)

    def status(self) -> dict[str, Any]:
        """Counts by state, what runs, and what waits with the time that it will take."""
        counts = dict.fromkeys(STATES, 0)
        counts |= dict(self._rows(select(jobs.c.state, func.count()).group_by("state")))
        pid = self.pid
        fill = self._one(select(func.sum(batches.c.size) * 1.0 / func.sum(batches.c.capacity)))
        return {
            "daemon": {"running": pid is not None, "pid": pid},
            "counts": counts,
            "running": [self._progress(row) for row in self._rows(select(jobs).where(jobs.c.state == RUNNING))],
            "backlog": self.backlog(),
            "layouts": [_plain(row) for row in self._rows(self._layouts())],
            "batch_fill": None if fill is None else round(fill, 3),
            "pauses": [_plain(row) for row in self._rows(select(pauses).order_by(pauses.c.since))],
            "alerts": [row for row in self.alerts(limit=50) if row["state"] in ("firing", "unknown")],
        }

    def alerts(self, limit: int, *, ended: bool = False) -> list[dict[str, Any]]:
        """The newest alerts: pending, firing and unknown ones, with `ended` the resolved ones too."""
        statement = select(alerts).order_by(alerts.c.resolved_at.is_(None).desc(), alerts.c.id.desc()).limit(limit)
        if not ended:
            statement = statement.where(alerts.c.resolved_at.is_(None))
        return [_plain(row) for row in self._rows(statement)]

    def alerts_between(self, since_s: float) -> list[dict[str, Any]]:
        """Alerts that fired and were not over before `since_s` seconds ago, oldest first."""
        start = timestamp_in(-since_s)
        lasted = or_(alerts.c.resolved_at.is_(None), alerts.c.resolved_at >= start)
        statement = select(alerts).where(alerts.c.fired_at.is_not(None), lasted).order_by(alerts.c.fired_at)
        return [_plain(row) for row in self._rows(statement)]

    def samples(self, since_s: float) -> list[dict[str, Any]]:
        """The monitor's samples of the last so many seconds, oldest first; `detail` is read from its JSON."""
        statement = select(samples).where(samples.c.sampled_at >= timestamp_in(-since_s)).order_by(samples.c.id)
        return [{**row._mapping, "detail": json.loads(row.detail)} for row in self._rows(statement)]

    def _layouts(self) -> Select[Any]:
        names = ("model", "device", "compute_type", "workers", "cpu_threads", "batch_size", "machine", "measured_at")
        return select(*(layouts.c[name] for name in names)).order_by(layouts.c.measured_at.desc())

    def jobs(self, states: Sequence[str] = (), limit: int = 50) -> list[dict[str, Any]]:
        """The newest jobs, of some states."""
        statement = select(jobs).order_by(jobs.c.id.desc()).limit(limit)
        if states:
            statement = statement.where(jobs.c.state.in_(states))
        return [_plain(row) for row in self._rows(statement)]

    def job(self, job_id: int) -> dict[str, Any] | None:
        """All about one job: its row, its files and its text."""
        rows = self._rows(select(jobs).where(jobs.c.id == job_id))
        if not rows:
            return None
        files = select(outputs.c.format, outputs.c.path, outputs.c.sha256, outputs.c.bytes, outputs.c.published)
        lines = select(segments.c.start_s, segments.c.end_s, segments.c.text)
        return {
            **_plain(rows[0]),
            "outputs": [_plain(row) for row in self._rows(files.where(outputs.c.job_id == job_id))],
            "segments": [
                _plain(row)
                for row in self._rows(lines.where(segments.c.job_id == job_id).order_by(segments.c.chunk, "idx"))
            ],
        }

    def failed_since(self, since: str) -> int:
        """How many jobs have come to a bad end since a time."""
        ended = select(func.count()).where(jobs.c.state.in_((DEAD, REJECTED)), jobs.c.finished_at >= since)
        return int(self._one(ended))

    def request(self, command: str, job_ids: Sequence[int]) -> list[int]:
        """Ask the daemon to do something with jobs; those that exist."""
        found = [row.id for row in self._rows(select(jobs.c.id).where(jobs.c.id.in_(job_ids)))]
        self._ask(command, found)
        return found

    def request_all(self, command: str) -> None:
        """Ask the daemon to do something that is about no job."""
        self._ask(command, [None])

    def _ask(self, command: str, job_ids: Sequence[int | None]) -> None:
        writer = database.open_engine(self._path)
        try:
            with writer.begin() as db:
                for job_id in job_ids:
                    db.execute(insert(requests).values(command=command, job_id=job_id, requested_at=timestamp()))
        except OperationalError as error:
            raise database.unavailable(self._path, error) from error
        finally:
            writer.dispose()

    def _progress(self, row: Any) -> dict[str, Any]:
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
        }

    def backlog(self) -> dict[str, Any]:
        """Files and seconds of audio that wait or run, and how long they take at the present speed."""
        open_jobs = self._rows(
            select(jobs.c.size_bytes, jobs.c.duration_s).where(jobs.c.state.in_((*WAITING, RUNNING)))
        )
        done_s = self._one(
            select(func.sum(chunks.c.end_s - chunks.c.start_s))
            .join(jobs, jobs.c.id == chunks.c.job_id)
            .where(jobs.c.state.in_((*WAITING, RUNNING)))
        )
        sample = (
            select(jobs.c.duration_s, jobs.c.size_bytes)
            .where(jobs.c.state == DONE)
            .order_by(jobs.c.id.desc())
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

    def _speed(self) -> float | None:
        """Seconds of audio per second of wall time, from the batches that ran last."""
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

    def _rows(self, statement: Select[Any]) -> Sequence[Any]:
        with self._engine.connect() as db:
            return db.execute(statement).all()

    def _one(self, statement: Select[Any]) -> Any:
        with self._engine.connect() as db:
            return db.execute(statement).scalar()


def _plain(row: Any) -> dict[str, Any]:
    """A row for JSON: bytes, which are for machines that open files, as hexadecimal."""
    return {key: value.hex() if isinstance(value, bytes) else value for key, value in row._mapping.items()}
