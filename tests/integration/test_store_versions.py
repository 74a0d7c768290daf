"""Versions in the database, however many there are and however long their lines."""

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import event

from daemon.config.settings import Settings
from daemon.errors import Unavailable
from daemon.monitor.counters import Counters
from daemon.store.full_text import query
from daemon.store.queries import Queries
from daemon.store.reading import Reading
from daemon.store.records import MadeWith
from daemon.store.search_queries import Asked
from daemon.store.store import Store
from daemon.store.versions import GROUP, Line
from daemon.transcribe import outcome
from daemon.watch.resolver import Resolver
from tests.builders import result
from tests.support import queue

pytestmark = pytest.mark.guarantee(31)

LINE = Line(0.0, 1.0, "as it was said", 0.0, 0.0, 0.0, 0.0, "en", edited=True)


def done(store: Store, name: str) -> int:
    """Take a recording to done; return its job."""
    queue(store, name)
    (job,) = store.claim(1)
    store.begin(job.id, content_hash=None, duration_s=9.0, made_with=MadeWith("tiny.en", "int8", "cpu"), language="en")
    store.save([result(job.id, 0, "what the machine heard")])
    store.finish(job.id)
    return job.id


READS: dict[str, tuple[Callable[[Any], object], str]] = {
    "the round of the dispatcher": (lambda store: store.unpublished(), "ix_versions_unpublished"),
    "whether anything is left": (lambda store: store.nothing_left(), "ix_versions_unpublished"),
    "the round, of names": (lambda store: store.unpublished(), "ix_speakers_renamed"),
    "whether any is left": (lambda store: store.nothing_left(), "ix_speakers_renamed"),
    "whose a file is": (lambda store: store.owner(b"/root/a.txt"), "ix_versions_current (job_id=?)"),
    "a search": (lambda queries: queries.search(Asked(query(["said"]))), "ix_versions_current (job_id=?)"),
}


@pytest.mark.parametrize("name", READS)
def test_versions_are_looked_up_by_index_and_their_lines_not_read(store: Store, queries: Queries, name: str) -> None:
    read, index = READS[name]
    reader: Reading = queries if name == "a search" else store
    asked: list[tuple[str, Any]] = []

    def note(_db: object, _cursor: object, statement: str, parameters: Any, _context: object, _many: object) -> None:
        if "FROM versions" in statement:
            asked.append((statement, parameters))

    event.listen(reader._engine, "before_cursor_execute", note)  # type: ignore[attr-defined]
    read(reader)
    event.remove(reader._engine, "before_cursor_execute", note)  # type: ignore[attr-defined]
    (found,) = asked
    with queries._engine.connect() as db:
        plan = [row[3] for row in db.exec_driver_sql(f"EXPLAIN QUERY PLAN {found[0]}", found[1])]
    assert [step for step in plan if index in step], plan


def test_a_new_version_leaves_those_that_count_no_more_unwritten(store: Store, queries: Queries) -> None:
    job_id = done(store, "a.wav")
    for number in range(3):
        queries.save_version(job_id, number, "ada", [LINE])
    with store._engine.begin() as db:
        db.exec_driver_sql("CREATE TABLE written (number)")
        db.exec_driver_sql(
            "CREATE TRIGGER wrote AFTER UPDATE ON versions BEGIN INSERT INTO written VALUES (old.number); END"
        )
    queries.save_version(job_id, 3, "ada", None)
    store.version_published(job_id, 4)
    with store._engine.begin() as db:
        assert db.exec_driver_sql("SELECT number FROM written").all() == [(3,), (4,)]
        now = db.exec_driver_sql("SELECT number, current, published FROM versions ORDER BY number").all()
    assert now == [(1, 0, 1), (2, 0, 1), (3, 0, 1), (4, 0, 1)]


def test_corrections_that_cannot_be_written_hold_up_no_others(
    store: Store, queries: Queries, monkeypatch: pytest.MonkeyPatch
) -> None:
    jobs = [done(store, f"{number:02}.wav") for number in range(2 * GROUP + 2)]
    for job_id in jobs:
        queries.save_version(job_id, 0, "ada", [LINE])
    written: list[int] = []

    def export(_store: Store, job: Any, _formats: object) -> None:
        if job.id != jobs[-1]:
            raise Unavailable("the folder is away", "mount it")
        written.append(job.id)

    monkeypatch.setattr(outcome, "export_job", export)
    outcomes = outcome.Outcomes(store, Resolver(Settings()), Counters())
    for _ in range(3):
        outcomes.publish_corrections()
    assert written == [jobs[-1]] and store.nothing_left(), "`run --once` ends then"
    assert store.unpublished() == jobs[:GROUP]


def test_nothing_is_written_while_files_are_moved(
    store: Store, queries: Queries, monkeypatch: pytest.MonkeyPatch
) -> None:
    queries.save_version(done(store, "a.wav"), 0, "ada", [LINE])
    monkeypatch.setattr(outcome, "export_job", lambda *_: None)
    outcomes = outcome.Outcomes(store, Resolver(Settings()), Counters())
    with store.files_turn:
        outcomes.publish_corrections()
        assert store.unpublished() == [1]
    outcomes.publish_corrections()
    assert store.unpublished() == [] and not store.files_turn.locked()
