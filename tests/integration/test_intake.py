"""Paths on their way into the queue."""

import sqlite3
from pathlib import Path

import pytest

from daemon.chunk import Options
from daemon.store.queries import Queries
from daemon.store.store import Store
from daemon.store.versions import Line
from tests.builders import seen
from tests.support import queue


@pytest.mark.guarantee(4)
def test_one_row_for_each_version(store: Store, path: Path) -> None:
    for _ in range(3):
        store.settle([seen("a.wav")])
        queue(store, "a.wav")
    store.settle([seen("a.wav", "1:1:2:2:2")])
    connection = sqlite3.connect(path)
    assert connection.execute("SELECT count(*) FROM jobs").fetchone() == (2,)
    connection.close()


def test_what_was_refused_is_forgotten_once_it_is_so_no_longer(store: Store, queries: Queries) -> None:
    store.set_aside([
        (seen("slides.pdf", "other"), "ignored", "not named like a recording"),
        (seen("2024.wav", "special"), "rejected", "a folder, not a recording"),
        (seen("pipe.wav", "special"), "rejected", "a named pipe"),
    ])  # fmt: skip
    queue(store, "bad.wav")
    (job,) = store.claim(1)
    store.reject(job.id, "BadRecording", "not media")
    store.forget_refused("/root", lambda path: path == b"pipe.wav")
    assert {row["path"] for row in queries.jobs(limit=9)} == {"pipe.wav", "bad.wav"}


def test_a_recording_that_is_left_alone_is_done_and_can_be_retried(store: Store, queries: Queries) -> None:
    for version in ("1:2:3:4:5", "1:2:3:4:6"):
        store.settle([seen("a.wav", version)])
        store.leave_alone([(seen("a.wav", version), Options(language="de"), 3)], "has a transcript already")
    (row,) = queries.jobs()
    assert (row["state"], row["reason"], row["fingerprint"]) == ("done", "has a transcript already", "1:2:3:4:6")
    assert store.nothing_left() and store.claim(1) == []
    store.retry(row["id"])
    (job,) = store.claim(1)
    assert (job.options.language, job.priority) == ("de", 3)


def test_what_somebody_has_written_for_a_recording_that_is_left_alone_stays(store: Store, queries: Queries) -> None:
    store.leave_alone([(seen("a.wav", "1:2:3:4:5"), Options(), 0)], "has a transcript already")
    (before,) = queries.jobs(limit=9)
    queries.save_version(before["id"], 0, "ada", [Line(0.0, 1.0, "mine", 0.0, 0.0, 0.0, 0.0, "en", edited=True)])
    store.leave_alone([(seen("a.wav", "1:2:3:4:6"), Options(), 0)], "has a transcript already")
    assert [line.text for line in queries.transcript(before["id"])] == ["mine"]
    assert len(queries.jobs(limit=9)) == 2
