"""Finished chunks as rows of a real SQLite file."""

import json
from contextlib import closing
from pathlib import Path
from sqlite3 import connect
from typing import Any

from daemon.chunk import Suppressed, Word
from daemon.store.records import Batch
from daemon.store.store import Store
from tests.builders import result, segment
from tests.support import queue


def rows(path: Path, query: str) -> list[Any]:
    with closing(connect(path)) as db:
        return db.execute(query).fetchall()


def test_chunks_of_several_jobs_are_saved_at_once_and_each_is_counted(store: Store, path: Path) -> None:
    queue(store, "a.wav", "b.wav")
    first, second = store.claim(2)
    spoken = segment("two words", words=(Word(0.0, 0.5, "two", 0.9), Word(0.5, 1.0, "words", 0.8)))
    store.save(
        [
            result(first.id, 0, "one"),
            result(second.id, 0, segments=(spoken, segment("预算")), translation=(segment("a budget"),), channel=2),
            result(first.id, 1, segments=(), suppressed=(Suppressed(0.0, 1.0, "thanks for watching", "no speech"),)),
        ],
        Batch("cpu", 2, 4, 2, 20.0, 0.5),
        Batch("cpu", 1, 4, 1, 10.0, 0.5),
        languages={second.id: ("zh", 0.9)},
    )
    assert rows(path, "SELECT id, chunks_done, processing_s, language FROM jobs ORDER BY id") == [
        (first.id, 2, 1.0, first.language), (second.id, 1, 0.5, "zh"),
    ]  # fmt: skip
    assert rows(path, "SELECT job_id, chunk, idx, channel, text, parted IS NULL FROM segments ORDER BY id") == [
        (first.id, 0, 0, 0, "one", 1), (second.id, 0, 0, 2, "two words", 1), (second.id, 0, 1, 2, "预算", 0),
    ]  # fmt: skip
    ((words,),) = rows(path, "SELECT words FROM segments WHERE words IS NOT NULL")
    assert json.loads(words)[1] == {"start_s": 0.5, "end_s": 1.0, "word": "words", "probability": 0.8}
    assert rows(path, "SELECT text FROM translations") == [("a budget",)]
    assert rows(path, "SELECT job_id, chunk, reason FROM suppressed") == [(first.id, 1, "no speech")]
    assert rows(path, "SELECT count(*), sum(size) FROM batches") == [(2, 3)]
    assert rows(path, "SELECT count(*) FROM segments_fts WHERE segments_fts MATCH 'words'") == [(1,)]


def test_a_chunk_that_is_there_stays_as_it_is(store: Store, path: Path) -> None:
    queue(store, "a.wav")
    (job,) = store.claim(1)
    store.save([result(job.id, 0, "first"), result(job.id, 0, "again")])
    store.save([result(job.id, 0, "once more"), result(job.id, 1, "new")])
    assert rows(path, "SELECT chunk, text FROM segments ORDER BY chunk") == [(0, "first"), (1, "new")]
    assert rows(path, "SELECT chunks_done, processing_s FROM jobs") == [(2, 1.0)]
