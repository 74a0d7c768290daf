"""Recordings whose file is touched, renamed or moved while its content stays the same."""

import sqlite3
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.exc import IntegrityError

from daemon.chunk import Options
from daemon.store.queries import Queries
from daemon.store.records import ChunkDone, MadeWith, Moved, Output, Whereabouts, Written
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


def test_versions_that_were_touched_again_before_they_were_opened_leave_no_row(store: Store, queries: Queries) -> None:
    queue(store, "a.wav")
    store.vanish([store.claim(1)[0].id], "of an earlier time")
    store.queue([(seen("a.wav", "1:2:3:5:5"), Options(), 0)])
    (job,) = store.claim(1)
    begin(store, job.id, "ab")
    store.finish(job.id)
    store.changed(touched(store, version="1:2:3:8:8"))
    queue(store, "b.wav")
    store.claim(1)
    assert store.merge_touched(touched(store), "ab") == job.id
    assert [(row["path"], row["state"]) for row in rows(queries)] == [
        ("a.wav", "vanished"), ("a.wav", "done"), ("b.wav", "running"),
    ]  # fmt: skip


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


RENAMED = "1:2:3:4:99"


def moved(store: Store, job_id: int, name: str = "b.wav", **fields: Any) -> None:
    store.follow(
        [Moved(**{"job_id": job_id, "seen": seen(name, RENAMED), "options": Options(), "priority": 0, **fields})]
    )


def test_jobs_are_found_by_the_inode_of_their_file_newest_first_but_not_while_they_settle(store: Store) -> None:
    first = done(store)
    store.queue([(seen("b.wav", "1:2:3:4:7"), Options(), 0), (seen("c.wav", "1:2:3:44:5"), Options(), 0)])
    store.settle([seen("d.wav", "1:2:3:4:8")])
    found = store.by_inode([RENAMED, "5:5:5:5:5"])
    assert {inode: [(job.path_bytes, job.state) for job in jobs] for inode, jobs in found.items()} == {
        RENAMED: [(b"b.wav", "queued"), (b"a.wav", "done")]
    }
    assert replace(found[RENAMED][1], options="") == Whereabouts(first, "/root", b"a.wav", FIRST, "done")
    assert store.by_inode(["1:2:3:5:5", "2:2:3:4:5"]) == {}
    store.record(seen("d.wav", "1:2:3:4:8"), Options(), 0)
    grown = store.by_inode(["1:2:9:9:9", "1:3:3:4:8"])
    assert {version: [(job.path_bytes, job.state) for job in jobs] for version, jobs in grown.items()} == {
        "1:2:9:9:9": [(b"d.wav", "recording")]
    }


def test_the_index_finds_them(path: Path, store: Store) -> None:
    store.by_inode([RENAMED])
    connection = sqlite3.connect(path)
    plan = connection.execute(
        "EXPLAIN QUERY PLAN SELECT id FROM jobs WHERE (fingerprint BETWEEN ? AND ? OR fingerprint BETWEEN ? AND ?)"
        " AND state NOT IN ('settling', 'ignored') ORDER BY id DESC", ("1:", "1;", "2:", "2;"),
    ).fetchall()  # fmt: skip
    connection.close()
    assert sum("ix_jobs_fingerprint" in step[-1] for step in plan) == 2, plan


def test_a_job_that_is_done_takes_its_transcript_along(store: Store, queries: Queries) -> None:
    job = done(store)
    before = queries.job(job)
    moved(store, job, files={"txt": b"/root/b.txt"}, options=Options(language="de"), priority=5)
    after = queries.job(job)
    assert before is not None and after == {
        **before, "path": "b.wav", "path_bytes": b"b.wav".hex(), "fingerprint": RENAMED,
        "outputs": [{**before["outputs"][0], "path": "/root/b.txt"}],
    }  # fmt: skip
    assert (
        store.owner(b"/root/b.txt") == Written("00", "/root", b"b.wav", 1, False)
        and store.owner(b"/root/a.txt") is None
    )
    moved(store, job, "c.wav", reason="its transcript stays")
    row = queries.job(job)
    assert row is not None and (row["path"], row["reason"]) == ("c.wav", "its transcript stays")


@pytest.mark.parametrize("language", ["auto", "de"])
def test_a_waiting_job_keeps_its_chunks_unless_other_options_apply_to_its_new_place(
    store: Store, queries: Queries, language: str
) -> None:
    queue(store, "a.wav")
    (job,) = store.claim(1)
    store.save([], languages={job.id: ("fr", 0.9)})
    store.save([result(job.id)])
    store.release(job.id, "released")
    moved(store, job.id, options=Options(language=language), priority=7)
    row = queries.job(job.id)
    assert row is not None and (row["state"], row["priority"], row["path"]) == ("queued", 7, "b.wav")
    kept = {0: ChunkDone(0.0, 10.0, "")} if language == "auto" else {}
    assert store.chunks_done(job.id) == kept and row["language"] == ("fr" if kept else "de")
    (job,) = store.claim(1)
    assert (job.path_bytes, job.fingerprint, job.options.language) == (b"b.wav", RENAMED, language)


def test_a_running_job_keeps_its_options_and_is_published_where_its_file_is(store: Store) -> None:
    queue(store, "a.wav")
    (job,) = store.claim(1)
    moved(store, job.id, options=Options(language="de"))
    now = store.job(job.id)
    assert (now.path_bytes, now.fingerprint, now.options) == (b"b.wav", RENAMED, Options())


def test_what_had_vanished_is_queued_again_with_its_chunks(store: Store, queries: Queries) -> None:
    queue(store, "a.wav")
    (job,) = store.claim(1)
    store.save([result(job.id)])
    store.vanish([job.id], "the file is gone")
    moved(store, job.id)
    row = queries.job(job.id)
    assert row is not None and (row["state"], row["reason"], row["attempts"]) == ("queued", "found again", 0)
    assert store.chunks_done(job.id) == {0: ChunkDone(0.0, 10.0, "")} and store.claim(1)[0].path_bytes == b"b.wav"


def test_what_was_on_its_way_to_the_new_path_is_replaced(store: Store, queries: Queries) -> None:
    job = done(store)
    store.settle([seen("b.wav", "1:7:7:7:7")])
    moved(store, job)
    assert [(row["id"], row["path"], row["state"]) for row in rows(queries)] == [(job, "b.wav", "done")]
    assert store.known("/root", {b"b.wav": RENAMED})[b"b.wav"].job_id == job


def test_an_older_job_that_moved_in_is_known_by_its_version(store: Store, queries: Queries) -> None:
    first = done(store)
    queue(store, "b.wav", root="/root")
    second = store.claim(1)[0].id
    moved(store, first)
    assert store.known("/root", {b"b.wav": RENAMED})[b"b.wav"].job_id == first
    assert store.known("/root", {b"b.wav": "0:0:0:0:0"})[b"b.wav"].job_id == second
    for version, job in ((RENAMED, first), (None, second), ("0:0:0:0:0", second)):
        row = queries.newest("/root", b"b.wav", version)
        assert row is not None and row["id"] == job


def spoil(path: Path, statement: str, *parameters: Any) -> None:
    connection = sqlite3.connect(path)
    connection.execute(statement, parameters)
    connection.commit()
    connection.close()
