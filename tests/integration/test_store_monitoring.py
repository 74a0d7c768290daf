"""What the monitor keeps: alerts from pending to resolved, the queue, endings, verifications."""

import sqlite3
from pathlib import Path
from typing import Any

import pytest

from daemon.store.monitoring import History
from daemon.store.store import Store
from tests.support import queue

KEY = ("memory", "service")


def alerts(path: Path) -> list[tuple[Any, ...]]:
    with sqlite3.connect(path) as db:
        return db.execute(
            "SELECT state, value, text, fired_at IS NOT NULL, resolved_at IS NOT NULL FROM alerts"
        ).fetchall()


def test_an_alert_is_one_row_from_pending_to_resolved(history: History, path: Path) -> None:
    history.change_alerts([(*KEY, "pending", 91.23456789, "high")])
    assert alerts(path) == [("pending", "91.2346", "high", 0, 0)]
    assert history.open_alerts() == [(*KEY, False)]
    history.change_alerts([(*KEY, "firing", 92.0, "higher")])
    assert alerts(path) == [("firing", "92", "higher", 1, 0)] and history.open_alerts() == [(*KEY, True)]
    history.change_alerts([(*KEY, "unknown", None, "it cannot be read")])
    assert alerts(path) == [("unknown", "92", "it cannot be read", 1, 0)], "the last value that was known"
    history.change_alerts([(*KEY, "resolved", 50.0, "over")])
    assert alerts(path) == [("resolved", "50", "over", 1, 1)] and history.open_alerts() == []


def test_one_that_never_fired_leaves_no_row(history: History, path: Path) -> None:
    history.change_alerts([(*KEY, "pending", 1.0, "")])
    history.change_alerts([(*KEY, "ok", 0.0, "")])
    assert alerts(path) == []


def test_the_end_of_an_alert_that_is_not_known_is_none(history: History, path: Path) -> None:
    history.change_alerts([(*KEY, "resolved", 0.0, ""), (*KEY, "ok", 0.0, "")])
    history.change_alerts([])
    assert alerts(path) == []


def test_the_same_alert_again_is_another_row(history: History, path: Path) -> None:
    for state in ("firing", "resolved", "firing"):
        history.change_alerts([(*KEY, state, 1.0, "")])
    assert [row[0] for row in alerts(path)] == ["resolved", "firing"]


def test_the_oldest_that_could_run_now(history: History, store: Store) -> None:
    assert history.queue().work_waits is False
    queue(store, "a.wav", "b.wav", "c.wav")
    (first,) = store.claim(1)
    assert (history.queue().waiting, history.queue().running, history.queue().oldest_id) == (2, 1, 2)
    store.postpone(first.id, 3600, "disk full")
    assert history.queue().oldest_id == 2 and history.queue().waiting == 3
    for job in store.claim(2):
        store.postpone(job.id, 3600, "disk full")
    assert history.queue().oldest_id is None and not history.queue().work_waits


def test_endings_of_the_last_while(history: History, store: Store, path: Path) -> None:
    queue(store, "a.wav", "b.wav", "c.wav", "old.wav")
    for job in store.claim(4):
        store.decoded(job.id, chunks_total=1, duration_s=60.0, speech_s=50.0, damaged=0)
        store.finish(job.id) if job.path != "b.wav" else store.fail(job.id, "X", "broken", None)
    with sqlite3.connect(path) as db:
        db.execute("UPDATE jobs SET finished_at = '2020-01-01T00:00:00.000Z' WHERE path = 'old.wav'")
    found = sorted(history.ended_since(3600), key=lambda each: not each[1])
    assert [(good, audio_s) for _, good, audio_s, _ in found] == [(True, 60.0), (True, 60.0), (False, 60.0)]
    assert all(0 <= ago_s < 60 for ago_s, *_ in found)


def test_nothing_is_known_of_a_database_without_samples(history: History) -> None:
    assert history.last_detail() == {} and history.first_sampled_at() is None
    assert history.accuracy_percent("tiny.en") is None and history.verified_at("tiny.en") is None


@pytest.mark.parametrize(("wer", "reference", "kept"), [(4.0, 4.0, 100.0), (52.0, 4.0, 50.0)])
def test_accuracy_is_what_is_kept_of_that_of_float32(
    history: History, path: Path, wer: float, reference: float, kept: float
) -> None:
    columns = (
        "verified_at, model, compute_type, device, audio_s, wer, reference_wer, agreement, speed_up, peak_mb,"
        " reference_peak_mb, passed"
    )
    with sqlite3.connect(path) as db:
        for rate in (99.0, wer):
            db.execute(
                f"INSERT INTO verifications ({columns}) VALUES ('x', 'base', 'int8', 'cpu', 1, ?, ?, 1, 1, 1, 1, 1)",
                (rate, reference),
            )
    assert history.accuracy_percent("base") == pytest.approx(kept)
    assert history.accuracy_percent("tiny.en") is None
