"""What a running job leaves behind as it goes."""

import sqlite3
from pathlib import Path

from daemon.store.records import ChunkDone, MadeWith
from daemon.store.store import Store
from tests.builders import result
from tests.support import queue


def test_another_model_starts_anew(store: Store) -> None:
    queue(store, "a.wav")
    (job,) = store.claim(1)
    store.begin(job.id, content_hash="ab", duration_s=20.0, made_with=MadeWith("tiny.en", "int8", "cpu"), language="en")
    store.save([result(job.id)])
    store.begin(job.id, content_hash="ab", duration_s=20.0, made_with=MadeWith("tiny.en", "int8", "cpu"), language="en")
    assert store.chunks_done(job.id) == {0: ChunkDone(0.0, 10.0, "")}
    store.begin(job.id, content_hash="ab", duration_s=20.0, made_with=MadeWith("base", "int8", "cpu"), language=None)
    assert store.chunks_done(job.id) == {} and store.transcript(job.id) == []


def test_full_text_search_follows_the_segments(store: Store, path: Path) -> None:
    queue(store, "a.wav")
    (job,) = store.claim(1)
    store.save([result(job.id, text="the annual budget")])
    connection = sqlite3.connect(path)
    find = "SELECT count(*) FROM segments_fts WHERE segments_fts MATCH 'budget'"
    assert connection.execute(find).fetchone() == (1,)
    store.retry(job.id)
    store.fail(job.id, "X", "x", None)
    store.retry(job.id)
    assert connection.execute(find).fetchone() == (1,), "it is still found until its turn comes"
    store.claim(1)
    store.begin(job.id, content_hash="x", duration_s=9.0, made_with=MadeWith("tiny.en", "int8", "cpu"), language="en")
    assert connection.execute(find).fetchone() == (0,)
    connection.close()


def test_the_waveform_goes_with_what_was_computed(store: Store) -> None:
    queue(store, "a.wav")
    (job,) = store.claim(1)
    for levels in (b"\x01\x02", b"\x01\x02\x03"):
        store.decoded(job.id, chunks_total=1, duration_s=1.0, speech_s=1.0, damaged=0, waveform=levels)
        assert store.waveform(job.id) == levels
    queue(store, "b.wav")
    (copy,) = store.claim(1)
    store.adopt(copy.id, job.id)
    assert store.waveform(copy.id) == b"\x01\x02\x03"
    store.restart(copy.id)
    assert store.waveform(copy.id) == b""
