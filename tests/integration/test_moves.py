"""Recordings whose file is touched, renamed or moved while its content stays the same."""

import sqlite3
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.exc import IntegrityError

from daemon.store.queries import Queries
from daemon.store.records import MadeWith, Output
from daemon.store.rows import JobRow
from daemon.store.store import Store
from tests.builders import result, seen
from tests.support import queue

MADE_WITH = MadeWith("tiny.en", "int8", "cpu")
FIRST, TOUCHED = "1:2:3:4:5", "1:2:3:9:9"


def done(store: Store, name: str = "a.wav", content: str = "ab") -> int:
    """A recording that is done, with a transcript."""
    queue(store, name)
    (job,) = store.claim(1)
    begin(store, job.id, content)
    store.save([result(job.id)])
    store.plan_outputs(job.id, [Output("txt", b"/root/a.txt", "00", 5)])
    store.finish(job.id)
    return job.id


def begin(store: Store, job_id: int, content: str) -> None:
    store.begin(job_id, content_hash=content, duration_s=20.0, made_with=MADE_WITH, language="en")


def touched(store: Store, name: str = "a.wav", version: str = TOUCHED) -> int:
    """The same path with another fingerprint, as far as to its decoder."""
    store.settle([seen(name, version)])
    store.queue([(seen(name, version), store.job(1).options, 0)])
    (job,) = store.claim(1)
    return job.id


def rows(queries: Queries) -> list[JobRow]:
    return list(reversed(queries.jobs(limit=100)))


def test_a_touched_recording_stays_the_job_that_is_done(store: Store, queries: Queries) -> None:
    first = done(store)
    before = queries.job(first)
    assert store.merge_touched(touched(store), "ab") == first
    after = queries.job(first)
    assert before is not None and after == {**before, "fingerprint": TOUCHED}
    assert len(rows(queries)) == 1 and store.nothing_left()
    assert store.known("/root", {b"a.wav": TOUCHED})[b"a.wav"].fingerprint == TOUCHED


def test_other_content_is_a_job_of_its_own(store: Store, queries: Queries) -> None:
    done(store)
    assert store.merge_touched(touched(store), "cd") is None
    assert [(row["state"], row["fingerprint"]) for row in rows(queries)] == [("done", FIRST), ("running", TOUCHED)]


def test_the_content_of_the_version_before_the_last_is_new_content(store: Store) -> None:
    done(store)
    second = touched(store)
    begin(store, second, "cd")
    store.finish(second)
    assert store.merge_touched(touched(store, version="1:2:3:11:11"), "ab") is None


def test_another_path_is_another_recording(store: Store) -> None:
    done(store)
    assert store.merge_touched(touched(store, "b.wav"), "ab") is None


@pytest.mark.parametrize("how", ["retried", "published", "cancelled"])
def test_a_job_that_was_retried_or_has_published_or_runs_no_more_is_left_alone(store: Store, how: str) -> None:
    done(store)
    job = touched(store)
    if how == "retried":
        store.cancel(job)
        store.retry(job)
        assert store.claim(1)[0].retried
    elif how == "published":
        store.plan_outputs(job, [Output("txt", b"/root/a.txt", "11", 5)])
    else:
        store.cancel(job)
    assert store.merge_touched(job, "ab") is None


def test_a_merge_is_all_or_nothing(store: Store, path: Path, queries: Queries) -> None:
    done(store)
    job = touched(store)
    spoil(path, "CREATE TRIGGER spoilt BEFORE UPDATE ON jobs BEGIN SELECT RAISE(ABORT, 'spoilt'); END")
    before = rows(queries)
    with pytest.raises(IntegrityError, match="spoilt"):
        store.merge_touched(job, "ab")
    assert rows(queries) == before and len(before) == 2


def spoil(path: Path, statement: str, *parameters: Any) -> None:
    connection = sqlite3.connect(path)
    connection.execute(statement, parameters)
    connection.commit()
    connection.close()
