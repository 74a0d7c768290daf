"""Transcripts are chosen by how they were made."""

import pytest

from daemon.chunk import Options
from daemon.store.job_queries import JobFilter
from daemon.store.quality_queries import Made, models_in
from daemon.store.queries import Queries
from daemon.store.records import Batch, MadeWith, timestamp_in
from daemon.store.store import Store
from tests.builders import result, seen, segment
from tests.support import queue


def done(store: Store, name: str, model: str = "tiny", *logprobs: float) -> int:
    queue(store, name)
    (job,) = store.claim(1)
    made_with = MadeWith(model, "int8", "cpu")
    store.begin(job.id, content_hash=name, duration_s=60.0, made_with=made_with, language="en")
    lines = [segment("a text", 10.0 * at, 10.0 * at + 10.0, avg_logprob=value) for at, value in enumerate(logprobs)]
    store.save([result(job.id, segments=tuple(lines))], Batch("cpu", 1, 1, 1, 60.0, 2.0))
    store.finish(job.id)
    return job.id


def test_transcripts_are_chosen_by_model_date_and_quality(store: Store, queries: Queries) -> None:
    tiny, sure = done(store, "a.wav", "tiny", -1.0, -0.4), done(store, "b.wav", "base", -0.1)
    mixed = done(store, "c.wav", "base, de: large-v3", -0.2)
    silent = done(store, "d.wav", "base")
    store.leave_alone([(seen("own.wav"), Options(), 0)], "came with a transcript of its own")

    def chosen(**made: object) -> list[int]:
        return [each.job_id for each in queries.made(Made(**made))]  # type: ignore[arg-type]

    assert chosen() == [tiny, sure, mixed, silent]
    assert chosen(model="tiny") == [tiny] and chosen(model="base") == [sure, mixed, silent]
    assert chosen(model="large-v3") == [mixed] and chosen(model="bas") == []
    assert chosen(before=timestamp_in(60)) == [tiny, sure, mixed, silent] and chosen(before=timestamp_in(-60)) == []
    assert chosen(below_quality=0.6) == [tiny] and chosen(below_quality=0.4) == [], "exp(-0.7) is 0.497"
    assert chosen(below_quality=0.0) == [] and chosen(below_quality=0.6, model="base") == []
    assert chosen(wanted=JobFilter(path=b"[ab].wav")) == [tiny, sure]


def test_models_of_a_job() -> None:
    assert models_in("base") == ["base"] and models_in("base, de: large-v3, fr: small") == ["base", "large-v3", "small"]


def test_the_speed_leaves_out_idle_time_and_counts_what_runs_at_once(store: Store, queries: Queries) -> None:
    assert queries.busy_speed() is None
    for _ in range(2):  # at the same time, as good as
        store.save([], Batch("cpu", 1, 1, 1, 60.0, 2.0))
    assert queries.busy_speed() == pytest.approx(60.0, rel=0.2)
