"""Stages on a real store: cut into steps, kept, gone on with, and never taken for those of another run."""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from daemon.chunk import Options, Segment
from daemon.publish.formats import render
from daemon.store.migrate import migrate
from daemon.store.records import Job, MadeWith, Result, Seen, StageProgress, StoredChunk
from daemon.store.store import Store
from daemon.transcribe import stages
from daemon.transcribe.stages import STAGES, Stage, StageRunner
from tests.unit.test_active_job import JOB


def begin() -> list[int]:
    return []


def step(state: list[int], chunk: StoredChunk) -> list[int]:
    return [*state, chunk.idx]


SEEN = Stage("seen", begin, step, result=lambda state: state)
"""Finds the numbers of the chunks in the order in which it has seen them."""
COUNTED = Stage("counted", begin, step, result=len)


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    monkeypatch.setattr(stages, "STAGES", (SEEN,))
    monkeypatch.setattr(stages, "CHUNKS_PER_STEP", 2)
    migrate(tmp_path / "jobs.db")
    opened = Store(tmp_path / "jobs.db")
    yield opened
    opened.close()


def claim(store: Store, name: str = "a.wav") -> Job:
    store.queue([(Seen("/root", name.encode(), "1:1:1:1:1", 10), Options(), 0)])
    (job,) = store.claim(1)
    return opened(store, job)


def opened(store: Store, job: Job, model: str = "tiny.en") -> Job:
    store.begin(job.id, content_hash="ab", duration_s=50.0, made_with=MadeWith(model, "int8", "cpu"), language="en")
    return job


def save(store: Store, job: Job, *idxs: int) -> None:
    segment = Segment(0.0, 1.0, "hello", -0.1, 0.0, 1.0, 0.0, "en")
    store.save([Result(job.id, idx, idx * 10.0, idx * 10.0 + 10, 1, 0, 0, 0, (segment,), (), 0.5) for idx in idxs])


def advance(store: Store, job: Job, runner: StageRunner | None = None) -> bool:
    """Take a step, and what follows from the last one; whether it was that."""
    finished = (runner or StageRunner(store)).advance(job.id)
    if finished is not None:
        store.plan_outputs(job.id, [], finished)
    return finished is not None


def kept(store: Store, job: Job) -> tuple[int, object]:
    progress = store.stages(job.id)["seen"]
    return progress.chunks_done, progress.result


@pytest.mark.parametrize(("chunks", "steps"), [(0, 1), (1, 1), (2, 1), (3, 2), (5, 3)])
def test_a_job_takes_as_many_steps_as_its_length_asks_for(store: Store, chunks: int, steps: int) -> None:
    job, runner = claim(store), StageRunner(store)
    save(store, job, *range(chunks))
    for _ in range(steps - 1):
        assert not advance(store, job, runner)
        assert runner.unfinished == (job.id,)
    assert advance(store, job, runner)
    assert runner.unfinished == ()
    assert kept(store, job) == (chunks, list(range(chunks)))


def test_every_stage_takes_its_step_and_their_progress_is_kept_together(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stages, "STAGES", (SEEN, COUNTED))
    job = claim(store)
    save(store, job, 0, 1, 2)
    assert not advance(store, job)
    assert store.stages(job.id) == {
        "seen": StageProgress("seen", 2, [0, 1]),
        "counted": StageProgress("counted", 2, [0, 1]),
    }
    assert advance(store, job)
    assert {name: stage.result for name, stage in store.stages(job.id).items()} == {"seen": [0, 1, 2], "counted": 3}


def test_a_stage_sees_the_text_of_its_chunks_in_order(store: Store) -> None:
    job = claim(store)
    lines = [Segment(number, number + 0.5, f"line {number}", -0.1, 0.0, 1.0, 0.0, "en") for number in range(3)]
    store.save(
        [
            Result(job.id, 1, 10.0, 20.0, 1, 0, 0, 0, (), (), 0.5),
            Result(job.id, 2, 20.0, 30.0, 1, 0, 0, 0, (lines[2],), (), 0.5),
            Result(job.id, 0, 0.0, 10.0, 1, 0, 0, 0, (lines[0], lines[1]), (), 0.5),
        ]
    )
    first, second, third = store.stored_chunks(job.id, 0, 10)
    assert first == StoredChunk(0, 0.0, 10.0, (lines[0], lines[1]))
    assert second == StoredChunk(1, 10.0, 20.0, ())
    assert third == StoredChunk(2, 20.0, 30.0, (lines[2],))
    assert store.stored_chunks(job.id, 1, 1) == [second]
    assert store.stored_chunks(job.id, 3, 1) == []


@pytest.mark.parametrize(
    "give_back",
    [
        lambda store, job: store.release(job.id, "stopped"),
        lambda store, _job: store.release_orphans(),
        lambda store, job: store.postpone(job.id, 0, "disk full"),
        lambda store, job: store.fail(job.id, "X", "x", retry_in_s=0.0),
    ],
    ids=["released", "orphaned", "postponed", "failed"],
)
def test_a_job_that_runs_again_goes_on_where_its_stages_were(
    store: Store, give_back: Callable[[Store, Job], object]
) -> None:
    job = claim(store)
    save(store, job, 0, 1, 2)
    assert not advance(store, job)
    give_back(store, job)
    (job,) = store.claim(1)
    opened(store, job)
    assert kept(store, job) == (2, None)
    assert advance(store, job)
    assert kept(store, job) == (3, [0, 1, 2])


def retried(store: Store, job: Job) -> None:
    store.fail(job.id, "X", "x", None)
    store.retry(job.id)
    (job,) = store.claim(1)
    opened(store, job)


@pytest.mark.parametrize(
    "anew",
    [
        retried,
        lambda store, job: store.restart(job.id),
        lambda store, job: opened(store, job, model="base"),
    ],
    ids=["retried", "cut otherwise", "another model"],
)
def test_a_job_that_begins_anew_begins_its_stages_anew(store: Store, anew: Callable[[Store, Job], object]) -> None:
    job = claim(store)
    save(store, job, 0, 1)
    assert advance(store, job)
    anew(store, job)
    assert store.stages(job.id) == {}
    save(store, job, 4)
    assert advance(store, job)
    assert kept(store, job) == (1, [4])


def test_chunks_that_are_found_only_when_the_job_runs_again_are_seen_too(store: Store) -> None:
    job = claim(store)
    save(store, job, 0)
    assert advance(store, job)
    save(store, job, 1, 2, 3)
    assert not advance(store, job)
    assert kept(store, job) == (3, None), "the result of a part is taken for that of the whole"
    assert advance(store, job)
    assert kept(store, job) == (4, [0, 1, 2, 3])


def test_the_same_content_has_the_same_results(store: Store) -> None:
    first = claim(store)
    save(store, first, 0, 1)
    advance(store, first)
    store.finish(first.id)
    second = claim(store, "b.wav")
    store.adopt(second.id, first.id)
    assert kept(store, second) == (2, [0, 1])
    assert advance(store, second)


def test_of_a_job_that_is_adopted_from_before_there_were_stages_they_are_computed(store: Store) -> None:
    first = claim(store)
    save(store, first, 0, 1, 2)
    store.finish(first.id)
    second = claim(store, "b.wav")
    store.adopt(second.id, first.id)
    assert store.stages(second.id) == {}
    assert not advance(store, second)
    assert advance(store, second)
    assert kept(store, second) == (3, [0, 1, 2])


def test_a_result_that_is_kept_is_not_computed_again(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    job = claim(store)
    save(store, job, 0)
    assert advance(store, job)
    monkeypatch.setattr(stages, "STAGES", (Stage("seen", begin, step, result=lambda _: pytest.fail("computed again")),))
    assert advance(store, job)


def test_a_short_job_writes_its_stages_only_with_what_it_publishes(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = claim(store)
    save(store, job, 0, 1)
    monkeypatch.setattr(store, "keep_stages", lambda *_: pytest.fail("a transaction of its own"))
    assert advance(store, job) and kept(store, job) == (2, [0, 1])


def test_a_job_that_is_dropped_is_not_waited_for(store: Store) -> None:
    job, runner = claim(store), StageRunner(store)
    save(store, job, 0, 1, 2)
    advance(store, job, runner)
    runner.drop(job.id)
    assert runner.unfinished == () and kept(store, job) == (2, None)


def test_no_stage_takes_a_key_that_the_json_has_already() -> None:
    names = [stage.name for stage in STAGES]
    assert len(names) == len(set(names))
    document = json.loads(render(replace(JOB, options=Options(formats=("json",))), [])["json"])
    assert document.keys().isdisjoint(names)
