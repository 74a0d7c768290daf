"""Links in the database."""

import sqlite3
from pathlib import Path

import pytest

from daemon.errors import Unavailable
from daemon.store.queries import Queries
from daemon.store.shares import ShareRow
from daemon.store.store import Store
from tests.support import queue


@pytest.fixture
def queries(store: Store, queries: Queries) -> Queries:
    """A reader of a database with two jobs."""
    queue(store, "a.wav", "b.wav")
    return queries


def made(queries: Queries, token_hash: str = "h", job_id: int = 1, lasts_s: float = 60.0) -> ShareRow | None:
    return queries.share(job_id, token_hash, created_by="ada", lasts_s=lasts_s, with_recording=True)


def test_a_link_is_found_by_the_hash_of_its_token(queries: Queries) -> None:
    found = made(queries)
    assert found is not None and queries.share_of("h") == found and queries.share_of("H") is None
    assert (found["job_id"], found["created_by"], found["with_recording"]) == (1, "ada", True)
    assert "token_hash" not in found


def test_the_links_to_a_job_are_listed_the_newest_first(queries: Queries) -> None:
    for token_hash, job_id in (("a", 1), ("b", 2), ("c", 1)):
        made(queries, token_hash, job_id)
    assert [each["id"] for each in queries.shares(1)] == [3, 1]


def test_what_has_expired_is_as_good_as_gone(queries: Queries) -> None:
    assert made(queries, lasts_s=0.0) is None
    assert queries.shares(1) == [] and queries.share_of("h") is None


def test_nothing_leads_to_a_job_that_is_not_there(queries: Queries) -> None:
    assert made(queries, job_id=99) is None


def test_no_two_links_have_one_token(queries: Queries, path: Path) -> None:
    made(queries)
    with pytest.raises(Exception, match="UNIQUE"):
        made(queries, job_id=2)
    with sqlite3.connect(path) as db:
        assert db.execute("SELECT job_id FROM shares").fetchall() == [(1,)]


def test_a_link_is_withdrawn_at_its_own_job_and_all_of_somebody_at_once(queries: Queries) -> None:
    for token_hash in "abc":
        made(queries, token_hash)
    assert not queries.withdraw(2, 1) and queries.withdraw(1, 1) and not queries.withdraw(1, 1)
    assert queries.withdraw_all_of("bob") == 0 and queries.withdraw_all_of("ada") == 2
    assert queries.shares(1) == []


def test_a_database_that_somebody_else_writes_to_is_not_waited_for_long(store: Store, path: Path) -> None:
    queue(store, "a.wav")
    with sqlite3.connect(path) as other, Queries(path, patience_s=0.1) as hasty:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(Unavailable, match="locked"):
            made(hasty)
        other.rollback()
        assert made(hasty) is not None
