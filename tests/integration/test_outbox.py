"""The outbox in the database: written with the end of a job, read in order."""

import sqlite3
from pathlib import Path

import pytest
from sqlalchemy.exc import IntegrityError

from daemon.hooks.orders import COMMANDS, RECORDINGS, WEBHOOKS
from daemon.store.outbox import DROPPED, SENT, Lane, Order
from daemon.store.queries import Queries
from daemon.store.records import Output, timestamp
from daemon.store.store import Store
from tests.support import queue

PEOPLE = Lane("notify", "hooks.notify[0]")
COMMAND, MOVE, POST, TELL = (
    Order(COMMANDS, "done", ("run", "it")), Order(RECORDINGS, "move"), Order(WEBHOOKS, "done"), Order(PEOPLE, "done"),
)  # fmt: skip


def claimed(store: Store, name: str = "a.wav") -> int:
    queue(store, name)
    (job,) = store.claim(1)
    return job.id


def done(store: Store, *orders: Order, name: str = "a.wav") -> int:
    job_id = claimed(store, name)
    store.plan_outputs(job_id, [Output("txt", b"/root/\xff.txt", "00", 5)])
    store.finish(job_id, orders=orders)
    return job_id


def rows(path: Path) -> list[tuple[object, ...]]:
    connection = sqlite3.connect(path)
    try:
        return connection.execute("SELECT kind, event, state, reason, attempts FROM outbox ORDER BY id").fetchall()
    finally:
        connection.close()


@pytest.mark.guarantee(30)
def test_what_is_to_be_done_is_written_with_the_end_of_the_job_or_not_at_all(
    store: Store, path: Path, queries: Queries
) -> None:
    job_id = claimed(store)
    connection = sqlite3.connect(path)
    connection.execute("CREATE TRIGGER spoilt BEFORE INSERT ON outbox BEGIN SELECT RAISE(ABORT, 'spoilt'); END")
    connection.commit()
    with pytest.raises(IntegrityError, match="spoilt"):
        store.finish(job_id, orders=[POST])
    row = queries.job(job_id)
    assert row is not None and row["state"] == "running" and rows(path) == []
    connection.execute("DROP TRIGGER spoilt")
    connection.commit()
    connection.close()
    store.finish(job_id, orders=[POST])
    store.finish(job_id, orders=[POST])
    assert rows(path) == [("webhook", "done", "waiting", None, 0)], "a job ends once"


def test_a_job_that_fails_for_good_or_is_rejected_has_failed(store: Store, path: Path) -> None:
    failed = Order(WEBHOOKS, "failed")
    told: list[str] = []
    store.listen(lambda: told.append("something"))
    store.fail(claimed(store, "a.wav"), "X", "x", 60.0, [failed])
    assert rows(path) == [] and not told
    store.fail(claimed(store, "b.wav"), "X", "x", None, [failed])
    store.reject(claimed(store, "c.wav"), "Y", "no audio", [failed])
    letters = store.due(WEBHOOKS, 10)
    assert [(each.payload["state"], each.payload["error_kind"]) for each in letters] == [
        ("dead", "X"),
        ("rejected", "Y"),
    ]
    assert len(told) == 2


def test_a_letter_says_how_the_job_ended_and_where_its_files_are_now(store: Store) -> None:
    job_id = done(store, POST)
    (letter,) = store.due(WEBHOOKS, 10)
    assert letter.payload == {
        "event": "done", "delivery": letter.delivery, "job": job_id, "state": "done", "reason": None, "error_kind": None,
        "language": None, "duration_s": None, "model": "tiny.en", "finished_at": letter.payload["finished_at"],
        "root": "/root", "path": "a.wav", "path_bytes": b"a.wav".hex(), "text": r"/root/\xff.txt",
        "transcripts": [{"format": "txt", "path": r"/root/\xff.txt", "path_bytes": b"/root/\xff.txt".hex()}],
    }  # fmt: skip
    store.retry(job_id)
    (again,) = store.due(WEBHOOKS, 10)
    assert (again.payload["state"], again.delivery) == ("done", letter.delivery)


def test_a_command_goes_first_then_the_recording_then_the_rest(store: Store) -> None:
    done(store, COMMAND, MOVE, POST, TELL)
    lanes = (COMMANDS, RECORDINGS, WEBHOOKS, PEOPLE)

    def due() -> list[str]:
        return [lane.kind for lane in lanes if store.due(lane, 10)]

    assert due() == ["command"]
    (command,) = store.due(COMMANDS, 10)
    store.begin_delivery(command.id)
    assert due() == ["command"], "while it runs"
    store.end_delivery([command.id], SENT)
    assert due() == ["recording"]
    (move,) = store.due(RECORDINGS, 10)
    store.put_off_delivery([move.id], 60, "in use")
    assert due() == ["webhook", "notify"], "what was tried in vain holds up nothing"


@pytest.mark.guarantee(30)
def test_a_lane_is_in_order_for_each_job_and_no_lane_waits_for_another(store: Store) -> None:
    first = done(store, POST, TELL)
    store.retry(first)
    store.claim(1)
    store.finish(first, orders=[POST, TELL])
    second = done(store, POST, name="b.wav")
    (one, other) = store.due(WEBHOOKS, 10)
    assert (one.job_id, other.job_id) == (first, second)
    store.put_off_delivery([one.id], 60, "down")
    assert [each.job_id for each in store.due(WEBHOOKS, 10)] == [second]
    assert len(store.due(PEOPLE, 10)) == 1
    store.end_delivery([one.id], SENT)
    assert [each.job_id for each in store.due(WEBHOOKS, 10)] == [first, second]
    assert store.due(WEBHOOKS, 10)[0].id > one.id


def test_what_is_to_be_done_later_is_due_later_and_decided_anew_when_the_job_ends_again(
    store: Store, path: Path
) -> None:
    job_id = done(store, Order(RECORDINGS, "delete", delay_s=3600), POST)
    assert store.due(RECORDINGS, 10) == [] and len(store.due(WEBHOOKS, 10)) == 1
    wait_s = store.next_due_delivery_s(RECORDINGS)
    assert wait_s is not None and 3500 < wait_s <= 3600
    store.retry(job_id)
    store.claim(1)
    store.finish(job_id, orders=[MOVE])
    assert [row[:3] for row in rows(path)] == [
        ("recording", "delete", DROPPED), ("webhook", "done", "waiting"), ("recording", "move", "waiting"),
    ]  # fmt: skip


def test_what_waits_for_an_address_that_is_gone_is_dropped(store: Store, path: Path) -> None:
    done(store, COMMAND, TELL)
    assert store.drop_other_lanes([COMMANDS, RECORDINGS], "not configured") == 1
    assert [row[2] for row in rows(path)] == ["waiting", DROPPED]


def test_what_could_not_be_delivered_for_long_has_failed(store: Store, path: Path) -> None:
    done(store, POST)
    assert store.expire(WEBHOOKS, 3600, "down") == 0
    assert store.expire(WEBHOOKS, -1, "down for long", 99) == 0
    assert store.expire(WEBHOOKS, -1, "down for long") == 1
    assert rows(path) == [("webhook", "done", "failed", "down for long", 0)]


def test_what_is_left_is_told_but_for_what_is_to_be_done_much_later(store: Store) -> None:
    assert store.undelivered() is None
    done(store, Order(RECORDINGS, "delete", delay_s=3600))
    assert store.undelivered() is None
    done(store, POST, name="b.wav")
    (letter,) = store.due(WEBHOOKS, 1)
    store.put_off_delivery([letter.id], 60, "no answer")
    assert store.undelivered() == "1 delivery: no answer"


def test_the_index_finds_what_is_due(path: Path) -> None:
    connection = sqlite3.connect(path)
    plan = connection.execute(
        "EXPLAIN QUERY PLAN SELECT * FROM outbox WHERE state = 'waiting' AND kind = 'webhook' AND address = ''"
        " AND due_at <= ? ORDER BY id LIMIT 1", (timestamp(),),
    ).fetchall()  # fmt: skip
    connection.close()
    assert "ix_outbox_lane" in plan[0][-1] and len(plan) == 1, plan
