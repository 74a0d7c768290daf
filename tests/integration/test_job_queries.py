"""How jobs are found, and that pages neither repeat nor lose any."""

from functools import partial
from typing import Any

import pytest
from sqlalchemy import Connection, Delete, event

from daemon.chunk import Options
from daemon.store.job_queries import START, JobFilter, sqlite_glob
from daemon.store.queries import Queries
from daemon.store.records import Seen
from daemon.store.rows import JobRow
from daemon.store.schema import jobs
from daemon.store.store import Store
from tests.support import queue


def _execute(db: Connection, statement: Delete) -> None:
    db.execute(statement)


def paths(rows: list[JobRow]) -> list[str]:
    return [row["path"] for row in rows]


def test_jobs_are_paged_by_number(store: Store, queries: Queries) -> None:
    queue(store, *(f"{number}.wav" for number in range(5)))
    assert paths(queries.jobs(limit=2)) == ["4.wav", "3.wav"]
    assert paths(queries.jobs(limit=2, offset=3)) == ["1.wav", "0.wav"]
    assert queries.jobs(limit=2, offset=5) == []


def test_pages_neither_repeat_nor_lose_jobs_while_others_come_and_go(store: Store, queries: Queries) -> None:
    queue(store, *(f"{number}.wav" for number in range(20)))
    seen, cursor, walked = [], START, 0
    while True:
        page = queries.page(limit=3, cursor=cursor)
        seen += paths(page["jobs"])
        if page["next"] is None:
            break
        cursor, walked = page["next"], walked + 1
        queue(store, *(f"new-{walked}-{number}.wav" for number in range(4)))
        last = page["jobs"][-1]["id"]
        forgotten = jobs.delete().where(jobs.c.id == last)  # as `keep_days` does
        store._write(partial(_execute, statement=forgotten))
    assert seen == [f"{number}.wav" for number in reversed(range(20))]
    assert paths(queries.page(limit=1)["jobs"]) == [f"new-{walked}-3.wav"]


def test_the_last_page_says_so(store: Store, queries: Queries) -> None:
    assert queries.page() == {"jobs": [], "next": None}
    queue(store, "a.wav", "b.wav")
    assert queries.page(limit=2)["next"] is None
    first = queries.page(limit=1)
    assert first["next"] is not None
    assert queries.page(limit=1, cursor=first["next"])["next"] is None


@pytest.mark.parametrize("cursor", ["", "start", "7", "before-", "before--7", "before-1 OR 1=1", "before-" + "9" * 30])
def test_what_is_no_cursor_is_refused(queries: Queries, cursor: str) -> None:
    with pytest.raises(ValueError, match="is not a cursor"):
        queries.page(cursor=cursor)


NAMES = ("a.wav", "sub/b.wav", "sub/deep/c.mp3", "talk [1].wav", "100%_.wav", "it's.wav", r"back\slash.wav", "Ü.wav")


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("*.mp3", {"sub/deep/c.mp3"}),
        ("sub/*", {"sub/b.wav", "sub/deep/c.mp3"}),
        ("/root/sub/*", {"sub/b.wav", "sub/deep/c.mp3"}),
        ("/root/a.wav", {"a.wav"}),
        ("?.wav", {"a.wav", "Ü.wav"}),
        ("[!a].wav", {"Ü.wav"}),
        ("[^a].wav", {"Ü.wav"}),
        ("talk [1].wav", {"talk [1].wav"}),
        ("talk [[]1].wav", {"talk [1].wav"}),
        ("talk [*", {"talk [1].wav"}),
        ("100%_.wav", {"100%_.wav"}),
        ("%.wav", set()),
        ("it's*", {"it's.wav"}),
        (r"back\slash.wav", {r"back\slash.wav"}),
        ("A.wav", set()),
        ("Ü*", {"Ü.wav"}),
        ("oot/*", set()),
        ("' OR 1=1 --", set()),
    ],
)
def test_paths_are_found_by_pattern(store: Store, queries: Queries, pattern: str, found: set[str]) -> None:
    queue(store, *NAMES)
    assert set(paths(queries.jobs(JobFilter(path=pattern.encode())))) == found


def test_paths_that_are_not_utf8_are_found_by_their_bytes_and_by_what_is_shown(store: Store, queries: Queries) -> None:
    queue(store, b"caf\xe9.wav", b"new\nline.wav", b"cafe.wav")
    for pattern in (b"caf\xe9.wav", rb"caf\xe9.wav", b"*/caf\xe9*"):
        assert paths(queries.jobs(JobFilter(path=pattern))) == [r"caf\xe9.wav"]
    assert paths(queries.jobs(JobFilter(path=b"new\n*"))) == [r"new\nline.wav"]


def test_filters_hold_together_and_on_every_page(store: Store, queries: Queries) -> None:
    for root in ("/root", "/other", "/"):
        queue(store, *(f"{number}.wav" for number in range(4)), "notes.mp3", root=root)
    wanted = JobFilter(("queued",), "/other", b"*.wav")
    first = queries.page(wanted, limit=3)
    assert first["next"] is not None
    rest = queries.page(wanted, limit=3, cursor=first["next"])
    assert [(row["root"], row["path"]) for row in [*first["jobs"], *rest["jobs"]]] == [
        ("/other", f"{number}.wav") for number in (3, 2, 1, 0)
    ]
    assert queries.jobs(JobFilter(("done",))) == []
    assert [row["root"] for row in queries.jobs(JobFilter(path=b"/notes.mp3"))] == ["/"]


def test_the_newest_version_of_a_path(store: Store, queries: Queries) -> None:
    for version in ("1:1:1:1:1", "1:1:2:2:2"):
        store.queue([(Seen("/root", b"a.wav", version, 10), Options(), 0)])
    newest = queries.newest("/root", b"a.wav", None)
    assert newest is not None and newest["fingerprint"] == "1:1:2:2:2"
    assert queries.newest("/root", b"b.wav", None) is None and queries.newest("/other", b"a.wav", None) is None


@pytest.mark.parametrize(
    ("wanted", "index"),
    [
        (JobFilter(("done", "dead")), "COVERING INDEX ix_jobs_state (state=?)"),
        (JobFilter(root="/root"), "COVERING INDEX sqlite_autoindex_jobs_1 (root=?)"),
        (None, "INTEGER PRIMARY KEY (rowid<?)"),
    ],
)
def test_long_tables_are_read_by_an_index(store: Store, queries: Queries, wanted: JobFilter | None, index: str) -> None:
    queue(store, "a.wav")
    asked: list[tuple[str, Any]] = []
    event.listen(
        queries._engine,
        "before_cursor_execute",
        lambda _db, _cursor, statement, parameters, _context, _many: asked.append((statement, parameters)),
    )
    queries.page(wanted, cursor="before-1000")
    ((statement, parameters),) = [each for each in asked if each[0].startswith("SELECT")]
    with queries._engine.connect() as db:
        plan = " | ".join(row[3] for row in db.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters))
    assert index in plan and "SCAN jobs" not in plan


def test_brackets_that_mean_nothing_stand_for_themselves() -> None:
    assert sqlite_glob("a[") == "a[[]" and sqlite_glob("[]") == "[[]]" and sqlite_glob("[]a]") == "[]a]"
    assert sqlite_glob("[!]a]") == "[^]a]" and sqlite_glob("[!") == "[[]!" and sqlite_glob("[a[!]") == "[a[!]"


def test_of_jobs_by_id_those_below_some_folders(store: Store, queries: Queries) -> None:
    queue(store, "a.wav", root="/r/one")
    queue(store, "b.wav", root="/r/one-more")
    assert queries.among([2, 1, 99], []) == [1, 2]
    assert queries.among([2, 1], ["/r/one"]) == [1]
    assert queries.among([2, 1], ["/r/two"]) == []
