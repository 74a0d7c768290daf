"""Queries over how and when transcripts were made, for `transcribed retranscribe`."""

import math
import re
from dataclasses import dataclass, field

from sqlalchemy import func, select

from daemon.store.job_queries import JobFilter, conditions
from daemon.store.read_access import ReadAccess
from daemon.store.schema import DONE, batches, jobs, segments

BATCHES = 500
"""The speed is that of so many batches."""


@dataclass(frozen=True, slots=True)
class Made:
    """How the transcripts that are wanted were made; what is None does not matter."""

    wanted: JobFilter = field(default_factory=JobFilter)
    model: str | None = None
    """By this model, alone or with others."""
    before: str | None = None
    """Finished before this time."""
    below_quality: float | None = None
    """The mean probability of their tokens, from 0 to 1, is lower than this."""


@dataclass(frozen=True, slots=True)
class Transcribed:
    """A finished transcript."""

    job_id: int
    root: str
    path_bytes: bytes
    model: str
    duration_s: float


class QualityQueries(ReadAccess):
    """Reads how transcripts were made."""

    def made(self, made: Made) -> list[Transcribed]:
        """Return the newest finished transcript of each recording, if it was made like this, the oldest first."""
        newest = select(func.max(jobs.c.id)).where(jobs.c.state == DONE).group_by(jobs.c.root, jobs.c.path_bytes)
        columns = (jobs.c.id, jobs.c.root, jobs.c.path_bytes, jobs.c.model, jobs.c.duration_s)
        # What came with a transcript of its own has no hash, and was never listened to.
        done = (jobs.c.state == DONE, jobs.c.content_hash.is_not(None), jobs.c.id.in_(newest))
        statement = select(*columns).where(*done, *conditions(made.wanted)).order_by(jobs.c.id)
        if made.before is not None:
            statement = statement.where(jobs.c.finished_at < made.before)
        if made.below_quality is not None:
            lasts_s = segments.c.end_s - segments.c.start_s
            mean = func.sum(segments.c.avg_logprob * lasts_s) / func.sum(lasts_s)
            limit = math.log(made.below_quality) if made.below_quality > 0 else -math.inf
            unsure = select(segments.c.job_id).group_by(segments.c.job_id).having(mean < limit)
            statement = statement.where(jobs.c.id.in_(unsure))
        found = [
            Transcribed(row.id, row.root, row.path_bytes, row.model, row.duration_s or 0.0)
            for row in self._rows(statement)
        ]
        return [each for each in found if made.model is None or made.model in models_in(each.model)]

    def busy_speed(self) -> float | None:
        """Return the seconds of audio per second of the last batches, idle time left out; None if there are none."""
        last = select(func.julianday(batches.c.finished_at).label("day"), batches.c.run_s, batches.c.audio_s).order_by(
            batches.c.id.desc()
        )
        spans = sorted(
            (row.day * 86_400 - row.run_s, row.day * 86_400, row.audio_s) for row in self._rows(last.limit(BATCHES))
        )
        busy_s, until = 0.0, -math.inf
        for start, end, _ in spans:
            busy_s += max(0.0, end - max(start, until))
            until = max(until, end)
        return sum(audio_s for *_, audio_s in spans) / busy_s if busy_s > 0 else None


def models_in(made_with: str) -> list[str]:
    """Return the models that the column `model` names: one, or `base, de: large-v3` with those for some languages."""
    return [re.sub(r"^[a-z]{2,3}: ", "", each) for each in made_with.split(", ")]
