"""Search over the lines of transcripts: in the store, and as a command."""

import json
import os
from pathlib import Path

import pytest

from daemon.store.full_text import query
from daemon.store.queries import Queries
from daemon.store.records import MadeWith, timestamp_in
from daemon.store.search_queries import Asked, Hit
from daemon.store.store import Store
from daemon.store.versions import Line
from tests.builders import result
from tests.support import MakeDaemon, queue

MADE_WITH = MadeWith("tiny.en", "int8", "cpu")


def said(store: Store, name: str | bytes, *lines: str, root: str = "/root", channel: int = 0) -> int:
    """Take a recording to done, with a chunk for each line; return its job."""
    queue(store, name, root=root)
    (job,) = store.claim(1)
    store.begin(job.id, content_hash=f"{job.id}", duration_s=60.0, made_with=MADE_WITH, language="en")
    store.save([result(job.id, idx, line, channel=channel) for idx, line in enumerate(lines)])
    store.finish(job.id)
    return job.id


def find(queries: Queries, *phrases: str, **asked: object) -> list[Hit]:
    return queries.search(Asked(query(phrases), **asked))  # type: ignore[arg-type]


def test_a_line_is_found_with_its_place_and_its_neighbours(store: Store, queries: Queries) -> None:
    job_id = said(store, "talk.wav", "good morning", "the quarterly budget is small", "any questions?")
    said(store, "other.wav", "the budget of the quarter")
    (hit,) = find(queries, "quarterly budget")
    assert (hit.job_id, hit.path, hit.channel) == (job_id, "/root/talk.wav", 0)
    assert (hit.before, hit.after) == ("good morning", "any questions?")
    assert [hit.text[first:last] for first, last in hit.highlights] == ["quarterly budget"]


def test_words_stand_in_any_order_and_the_newest_come_first(store: Store, queries: Queries) -> None:
    first = said(store, "a.wav", "a budget for March")
    second = said(store, "b.wav", "in March, the Budget")
    said(store, "c.wav", "in March")
    hits = find(queries, "budget", "march")
    assert [hit.job_id for hit in hits] == [second, first]
    assert [hits[0].text[slice(*place)] for place in hits[0].highlights] == ["March", "Budget"]
    assert [hit.job_id for hit in find(queries, "march", limit=1)] == [3]


@pytest.mark.parametrize(
    ("line", "phrase"),
    [
        ("今天我们讨论季度预算。", "预算"),
        ("四半期の予算について話します", "予算"),
        ("เราคุยเรื่องงบประมาณ", "งบประมาณ"),
        ("분기 예산을 검토합니다", "예산"),
        ("我们用 Kubernetes 部署", "kubernetes"),
        ("das Büdget", "budget"),
    ],
)
def test_every_script_is_found_by_a_part_and_shown_as_it_was_said(
    store: Store, queries: Queries, line: str, phrase: str
) -> None:
    said(store, "a.wav", line)
    said(store, "b.wav", "算预 something else ")
    (hit,) = find(queries, phrase)
    assert hit.text == line
    ((first, last),) = hit.highlights
    assert len(hit.text[first:last]) == len(phrase)


def test_syntax_of_the_index_is_text_like_any_other(store: Store, queries: Queries) -> None:
    said(store, "a.wav", "he said no and left")
    for phrase in ('said "no', "no AND", "said NEAR(", "text: no", "no*", "-no", "'; DROP TABLE jobs; --"):
        assert all("no" in hit.text for hit in find(queries, phrase))
    assert len(find(queries, 'said "no" AND')) == 1 and find(queries, "no*", "sai*") == []


def test_folders_dates_and_channels(store: Store, queries: Queries) -> None:
    said(store, "2026/a.wav", "a budget", root="/inbox", channel=2)
    said(store, "b.wav", "a budget", root="/inbox2")
    assert [hit.path for hit in find(queries, "budget", folder="/inbox")] == ["/inbox/2026/a.wav"]
    assert [hit.channel for hit in find(queries, "budget", folder="/inbox/2026/")] == [2]
    assert find(queries, "budget", folder="/inbox/202") == []
    assert len(find(queries, "budget", since=timestamp_in(-60))) == 2
    assert find(queries, "budget", since=timestamp_in(60)) == []
    assert len(find(queries, "budget", folder="/")) == 2


@pytest.mark.parametrize("folder", ["caf\udce9", "no\u00a0break", "back\\slash", "caf\u00e9", "[x]%_"])
def test_folders_are_found_by_their_names_on_the_disk(store: Store, queries: Queries, folder: str) -> None:
    said(store, os.fsencode(f"{folder}/a.wav"), "a budget")
    said(store, "other/b.wav", "a budget")
    assert [hit.job_id for hit in find(queries, "budget", folder=f"/root/{folder}")] == [1]


def test_what_runs_was_transcribed_just_now(store: Store, queries: Queries) -> None:
    queue(store, "a.wav")
    (job,) = store.claim(1)
    store.begin(job.id, content_hash="x", duration_s=60.0, made_with=MADE_WITH, language="en")
    store.save([result(job.id, 0, "a budget")])
    assert len(find(queries, "budget", since=timestamp_in(-60))) == 1
    assert find(queries, "budget", since=timestamp_in(60)) == []


def test_a_retry_is_found_until_it_is_done_again_and_a_new_version_replaces_the_old(
    store: Store, queries: Queries, path: Path
) -> None:
    job_id = said(store, "a.wav", "the old budget")
    store.retry(job_id)
    assert [hit.text for hit in find(queries, "budget")] == ["the old budget"]
    (job,) = store.claim(1)
    store.begin(job.id, content_hash="x", duration_s=60.0, made_with=MADE_WITH, language="en")
    assert find(queries, "budget") == []
    store.save([result(job.id, 0, "the new budget")])
    assert [hit.text for hit in find(queries, "budget")] == ["the new budget"]
    store.finish(job.id)
    with Queries(path) as fresh:
        assert [hit.text for hit in find(fresh, "budget")] == ["the new budget"]


def test_the_command_prints_lines_for_people_and_json_for_programs(make_daemon: MakeDaemon, store: Store) -> None:
    daemon = make_daemon()
    said(store, "talk.wav", "[applause] good morning", "the quarterly budget", "bye", root=str(daemon.inbox))
    shown = daemon.run("search", "quarterly budget", "--folder", "inbox", "--since", "7d")
    assert shown.returncode == 0, shown.stderr
    place, before, line, after = shown.stdout.splitlines()
    assert place.startswith(f"{daemon.inbox}/talk.wav  0:") and "job 1" in place
    assert (before, line, after) == ("  [applause] good morning", "  the quarterly budget", "  bye")
    (hit,) = json.loads(daemon.run("search", "budget", "--json").stdout)
    assert hit["text"][slice(*hit["highlights"][0])] == "budget" and hit["path"] == f"{daemon.inbox}/talk.wav"
    assert daemon.run("search", "nothing like it").stdout == "nothing found\n"
    assert json.loads(daemon.run("search", "budget", "--since", "2999-01-01", "--json").stdout) == []
    assert daemon.run("search", "budget", "b\udcff", "--folder", "caf\udce9").stdout == "nothing found\n"
    for wrong in (("?!",), ("budget", "--since", "yesterday"), ("budget", "--since", "9" * 400 + "w")):
        refused = daemon.run("search", *wrong)
        assert refused.returncode == 2 and "Traceback" not in refused.stderr, refused.stderr


def test_what_was_corrected_last_comes_first_only_if_it_was_transcribed_last(store: Store, queries: Queries) -> None:
    made = []
    for number in range(4):
        made.append(said(store, f"{number}.wav", f"a budget {number}"))
        with store._engine.begin() as db:
            finished = f"2026-01-0{number + 1}T00:00:00.000Z"
            db.exec_driver_sql("UPDATE jobs SET finished_at = ? WHERE id = ?", (finished, made[-1]))
    for job_id in (made[3], made[0]):
        line = Line(0.0, 1.0, "the budget", 0.0, 0.0, 0.0, 0.0, "en", edited=True)
        queries.save_version(job_id, 0, "ada", [line])
    assert [hit.job_id for hit in find(queries, "budget")] == made[::-1]
