"""The service at this moment."""

import pytest

from daemon.store.queries import Queries
from daemon.store.records import Batch, MadeWith
from daemon.store.schema import STATES
from daemon.store.store import Store
from tests.builders import result
from tests.support import queue


def begin(store: Store, job_id: int, duration_s: float | None = 40.0) -> None:
    store.begin(
        job_id,
        content_hash="ab",
        duration_s=duration_s,
        made_with=MadeWith("tiny.en", "int8", "cpu"),
        language="en",
    )


def test_an_empty_database_counts_every_state(queries: Queries) -> None:
    status = queries.status()
    assert status["counts"] == dict.fromkeys(STATES, 0)
    assert status["backlog"]["files"] == 0
    assert status["running"] == [] and status["batch_fill"] is None


def test_how_far_a_running_job_is(store: Store, queries: Queries) -> None:
    queue(store, "a.wav")
    store.claim(1)
    begin(store, 1)
    store.save([result(1)], Batch("cpu", 1, 4, 1, 10.0, 0.5))
    (running,) = queries.status()["running"]
    assert (running["path"], running["chunks_done"], running["chunks_total"]) == ("a.wav", 1, None)
    assert running["audio_done_s"] == 10.0 and running["progress_percent"] == pytest.approx(25.0)
    assert queries.status()["batch_fill"] == 0.25


def test_what_waits_is_reckoned_from_what_is_done(store: Store, queries: Queries) -> None:
    queue(store, "a.wav", "b.wav", "c.wav")
    assert queries.backlog()["audio_s"] is None, "nothing tells how long they are"
    (first,) = store.claim(1)
    begin(store, first.id)
    store.decoded(first.id, chunks_total=1, duration_s=40.0, speech_s=40.0, damaged=0)
    store.save([result(first.id)], Batch("cpu", 1, 4, 1, 10.0, 0.5))
    store.finish(first.id)
    backlog = queries.backlog()
    assert (backlog["files"], backlog["bytes"]) == (2, 20)
    assert backlog["audio_s"] == pytest.approx(80.0), "as many seconds a byte as the one that is done"
    assert backlog["eta_s"] is not None and backlog["eta_s"] > 0


def test_only_alerts_that_people_should_know_of(store: Store, queries: Queries) -> None:
    store._write(
        lambda db: [
            db.exec_driver_sql(
                f"INSERT INTO alerts (rule, subject, state, since) VALUES ('r', '{state}', '{state}', 'x')"
            )
            for state in ("pending", "firing", "unknown", "resolved")
        ]
    )
    assert {row["state"] for row in queries.status()["alerts"]} == {"firing", "unknown"}
