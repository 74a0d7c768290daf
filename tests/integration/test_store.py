"""The store on a real SQLite file: every change of a job's state, and claims by several processes."""

import multiprocessing
from multiprocessing.queues import Queue
from multiprocessing.synchronize import Event
from pathlib import Path

import pytest

from daemon.chunk import Options
from daemon.store.queries import Queries
from daemon.store.records import Batch, MadeWith, Output
from daemon.store.store import Store
from tests.builders import result, seen
from tests.support import queue


def states(path: Path) -> dict[str, str]:
    with Queries(path) as queries:
        return {row["path"]: row["state"] for row in queries.jobs(limit=1000)}


def test_a_job_from_first_sight_to_done(store: Store, path: Path) -> None:
    store.settle([seen("a.wav", "1:1:1:1:0")])
    assert states(path) == {"a.wav": "settling"}
    store.settle([seen("a.wav")])  # grown: still the same row
    queue(store, "a.wav")
    assert states(path) == {"a.wav": "queued"}
    (job,) = store.claim(5)
    assert (job.attempts, job.path_bytes, job.options) == (1, b"a.wav", Options())
    store.begin(job.id, content_hash="ab", duration_s=20.0, made_with=MadeWith("tiny.en", "int8", "cpu"), language="en")
    store.save([result(job.id), result(job.id, 1, "world")], Batch("cpu", 2, 4, 1, 20.0, 1.0))
    store.save([result(job.id, 1, "again")])  # a checkpoint that is there already stays as it is
    store.decoded(job.id, chunks_total=2, duration_s=20.0, speech_s=20.0, damaged=0)
    assert [segment.text for segment in store.transcript(job.id)] == ["hello", "world"]
    store.plan_outputs(job.id, [Output("txt", b"/root/a.txt", "00", 5)])
    store.finish(job.id)
    with Queries(path) as queries:
        row = queries.job(job.id)
    assert row is not None
    assert (row["state"], row["chunks_done"], row["processing_s"]) == ("done", 2, 1.0)
    assert row["outputs"][0]["published"] is True
    assert store.nothing_left()
    with Queries(path) as queries:
        queries.request_export([job.id], ["vtt"])
    assert not store.nothing_left(), "somebody has asked for something"
    assert len(store.take_requests()) == 1 and store.nothing_left()


def test_priority_then_order(store: Store) -> None:
    queue(store, "a.wav", "b.wav")
    queue(store, "c.wav", priority=9)
    assert [job.path for job in store.claim(2)] == ["c.wav", "a.wav"]
    assert [job.path for job in store.claim(2)] == ["b.wav"]


def test_failed_waits_dead_ends_and_retry_revives(store: Store, path: Path) -> None:
    queue(store, "a.wav")
    (job,) = store.claim(1)
    store.fail(job.id, "FailedRecording", "broken", retry_in_s=60)
    assert states(path) == {"a.wav": "failed"} and store.claim(1) == []
    store.retry(job.id)
    (job,) = store.claim(1)
    assert job.attempts == 1
    store.fail(job.id, "FailedRecording", "broken", retry_in_s=None)
    assert states(path) == {"a.wav": "dead"}
    with Queries(path) as queries:
        row = queries.job(job.id)
    assert row is not None and "broken" in (row["reason"] or "")


def test_what_is_nobodys_fault_costs_no_attempt(store: Store) -> None:
    queue(store, "a.wav")
    for give_back in (
        lambda job_id: store.release(job_id, "stopped"),
        lambda _job_id: store.release_orphans(),
        lambda job_id: store.postpone(job_id, 0, "disk full"),
    ):
        (job,) = store.claim(1)
        assert job.attempts == 1
        give_back(job.id)


def test_postponed_jobs_wait_and_say_why(store: Store) -> None:
    queue(store, "a.wav")
    (job,) = store.claim(1)
    store.postpone(job.id, 60, "disk full")
    assert store.claim(1) == []
    assert store.held_up() == "disk full"
    assert not store.nothing_left()
    store.try_again()
    assert store.held_up() is None and [job.path for job in store.claim(1)] == ["a.wav"]


def test_what_is_for_a_model_that_cannot_be_loaded_waits_also_if_it_had_failed(store: Store, path: Path) -> None:
    for name, model in (("failed.wav", "large"), ("full.wav", "large"), ("new.wav", "large"), ("main.wav", "base")):
        store.queue([(seen(name), Options(model=model), 0)])
    failed, full, *_ = store.claim(2)
    store.fail(failed.id, "FailedRecording", "the engine died of it", retry_in_s=-1)
    store.postpone(full.id, 600, "the disk is full")
    assert store.models_due(["large", "other"]) == {"large"}
    store.hold_up("large", 60, "large cannot be loaded")
    assert [job.path for job in store.claim(9)] == ["main.wav"] and store.models_due(["large"]) == set()
    with Queries(path) as queries:
        reasons = {row["path"]: (row["state"], row["reason"], row["attempts"]) for row in queries.jobs()}
    assert reasons["failed.wav"] == ("queued", "large cannot be loaded", 1), "its attempt stays charged"
    assert reasons["new.wav"] == ("queued", "large cannot be loaded", 0)
    assert reasons["full.wav"] == ("queued", "the disk is full", 0), "what waits for something else says so"
    store.finish(4)
    assert store.held_up() == "large cannot be loaded"


def test_cancelled_while_running_stays_cancelled(store: Store, path: Path) -> None:
    queue(store, "a.wav")
    (job,) = store.claim(1)
    store.cancel(job.id)
    store.finish(job.id)
    store.fail(job.id, "X", "late", None)
    assert states(path) == {"a.wav": "cancelled"}


def _claim_all(path: Path, start: Event, claimed: "Queue[int]") -> None:
    store = Store(path)
    start.wait()
    while jobs := store.claim(3):
        for job in jobs:
            claimed.put(job.id)
    store.close()


@pytest.mark.guarantee(6)
def test_three_processes_claim_400_jobs_once_each(store: Store, path: Path) -> None:
    queue(store, *(f"{number}.wav" for number in range(400)))
    context = multiprocessing.get_context("spawn")
    start, claimed = context.Event(), context.Queue()
    processes = [context.Process(target=_claim_all, args=(path, start, claimed)) for _ in range(3)]
    for process in processes:
        process.start()
    start.set()
    ids = [claimed.get(timeout=60) for _ in range(400)]
    for process in processes:
        process.join(30)
        assert process.exitcode == 0
    assert len(set(ids)) == 400 and claimed.empty()
