"""Requests for many jobs from the queue's page."""

import sqlite3
from pathlib import Path
from urllib.parse import parse_qsl

import pytest

from daemon.store.store import Store
from tests.builders import settings
from tests.integration.web_clients import browser_page, client, people, served
from tests.support import queue

NAMES = ("a.wav", "b.wav", "c.wav", "d.wav")


@pytest.fixture
def jobs(store: Store, path: Path, tmp_path: Path) -> Path:
    """1 and 2 wait, 3 is done, 4 has failed for good; all in the inbox. 5 waits elsewhere."""
    queue(store, *NAMES, root=str(tmp_path / "inbox"))
    queue(store, "secret.wav", root=str(tmp_path / "other"))
    with sqlite3.connect(path) as db:
        db.execute("UPDATE jobs SET state = 'done' WHERE id = 3")
        db.execute("UPDATE jobs SET state = 'dead' WHERE id = 4")
    return path


def asked(path: Path) -> list[tuple[str, int]]:
    with sqlite3.connect(path) as db:
        return db.execute("SELECT command, job_id FROM requests ORDER BY id").fetchall()


def told(location: str) -> dict[str, str]:
    return dict(parse_qsl(location.partition("?")[2]))


def test_what_is_selected_is_asked_for_where_it_has_a_meaning(jobs: Path, tmp_path: Path) -> None:
    answer = client(settings(tmp_path)).post(
        "/jobs/many", data={"command": "cancel", "job": ["1", "3"], "more": "2,99"}
    )
    assert answer.status_code == 303
    assert told(answer.headers["location"]) == {"did": "cancel", "count": "2", "left": "1"}
    assert asked(jobs) == [("cancel", 1), ("cancel", 2)]
    shown = client(settings(tmp_path)).get(answer.headers["location"]).text
    assert "cancel: asked for 2 recordings." in shown and "1 is left alone" in shown


def test_a_priority_is_set_for_those_that_wait(jobs: Path, tmp_path: Path) -> None:
    data = {"command": "priority", "priority": "-7", "job": ["1", "4"]}
    client(settings(tmp_path)).post("/jobs/many", data=data)
    assert asked(jobs) == [("priority:-7", 1)]


def test_what_is_asked_already_may_change_the_state(jobs: Path, tmp_path: Path) -> None:
    page = client(settings(tmp_path))
    page.post("/jobs/many", data={"command": "pause", "job": "1"})
    page.post("/jobs/many", data={"command": "resume", "job": ["1", "2"]})
    assert asked(jobs) == [("pause", 1), ("resume", 1)]


def test_everything_that_matches_is_asked_for_only_when_somebody_is_sure(jobs: Path, tmp_path: Path) -> None:
    page = client(settings(tmp_path))
    data = {"command": "cancel", "everything": "true", "here": "path=%2Fa.wav&state=queued"}
    first = page.post("/jobs/many", data=data)
    assert first.status_code == 200 and "Cancel 1 recording?" in first.text and asked(jobs) == []
    second = page.post("/jobs/many", data={**data, "sure": "true"})
    assert told(second.headers["location"]) == {
        "path": "/a.wav", "state": "queued", "did": "cancel", "count": "1", "left": "0",
    }  # fmt: skip
    assert asked(jobs) == [("cancel", 1)]


@pytest.mark.parametrize(("here", "again"), [("", [4]), ("state=done", [3]), ("state=queued", [])])
def test_transcripts_that_are_there_are_not_made_again_by_a_retry_of_all(
    jobs: Path, tmp_path: Path, here: str, again: list[int]
) -> None:
    data = {"command": "retry", "everything": "true", "sure": "true", "here": here}
    client(settings(tmp_path)).post("/jobs/many", data=data)
    assert asked(jobs) == [("retry", job_id) for job_id in again]


def test_nobody_touches_what_they_do_not_see(jobs: Path, tmp_path: Path) -> None:
    guest = people(tmp_path)["guest"]
    answer = guest.post("/jobs/many", data={"command": "cancel", "job": ["1", "5"]})
    assert told(answer.headers["location"])["count"] == "1"
    guest.post("/jobs/many", data={"command": "pause", "everything": "true", "sure": "true"})
    assert asked(jobs) == [("cancel", 1), ("pause", 1), ("pause", 2)]


def test_who_may_only_read_changes_nothing(jobs: Path, tmp_path: Path) -> None:
    answer = people(tmp_path)["auditor"].post("/jobs/many", data={"command": "cancel", "job": "1"})
    assert answer.status_code == 403 and asked(jobs) == []


@pytest.mark.parametrize("wrong", [
    {"command": "delete"}, {"command": "priority", "priority": "9999999"}, {"command": "cancel", "job": "x"},
    {"command": "cancel", "more": "1;2"}, {"command": "cancel", "here": "state=lost"}, {},
])  # fmt: skip
def test_what_cannot_be_is_refused(jobs: Path, tmp_path: Path, wrong: dict[str, str]) -> None:
    assert client(settings(tmp_path)).post("/jobs/many", data={"job": "1", **wrong}).status_code == 422
    assert asked(jobs) == []


def test_ids_beyond_what_the_database_counts_are_no_jobs(jobs: Path, tmp_path: Path) -> None:
    data = {"command": "cancel", "job": [str(1 << 80), "0", "-1"], "more": str(1 << 64)}
    answer = client(settings(tmp_path)).post("/jobs/many", data=data)
    assert told(answer.headers["location"]) == {"did": "cancel", "count": "0", "left": "0"}
    assert asked(jobs) == []


def test_the_selection_outlives_the_live_update_and_what_pushes_it_off_the_page(
    jobs: Path, store: Store, tmp_path: Path
) -> None:
    with served(settings(tmp_path)) as address, browser_page() as page:
        page.goto(address)
        page.get_by_text("With many").click()
        page.get_by_label("Select a.wav").check()
        page.get_by_label("Select b.wav").check()
        queue(store, "new.wav", root=str(tmp_path / "inbox"))
        page.get_by_label("Select new.wav").wait_for()
        assert page.get_by_label("Select a.wav").is_checked() and not page.get_by_label("Select new.wav").is_checked()
        page.get_by_label("Select b.wav").uncheck()
        assert page.locator("#chosen").inner_text() == "1 selected"
        queue(store, *(f"{number}.wav" for number in range(60)), root=str(tmp_path / "inbox"))
        page.get_by_label("Select a.wav").wait_for(state="detached")
        page.locator("#many").get_by_role("button", name="cancel").click()
        page.get_by_text("cancel: asked for 1 recording.").wait_for()
    assert asked(jobs) == [("cancel", 1)]


def test_the_enter_key_presses_no_other_button(jobs: Path, tmp_path: Path) -> None:
    answer = client(settings(tmp_path)).post("/jobs/many", data={"command": "nothing", "job": "1", "here": "path=a"})
    assert answer.headers["location"] == "/?path=a" and asked(jobs) == []
    phone = {"viewport": {"width": 390, "height": 800}, "color_scheme": "dark"}
    with served(settings(tmp_path)) as address, browser_page(**phone) as page:
        page.goto(f"{address}/?state=queued")
        page.get_by_text("With many").click()
        page.get_by_label("Select this page").check()
        page.get_by_label("Select a.wav").press("Enter")
        assert page.locator("#chosen").inner_text() == "3 selected"
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "nothing sticks out"
        page.get_by_label("priority", exact=True).fill("5")
        page.get_by_label("priority", exact=True).press("Enter")
        page.get_by_text("priority: asked for 3 recordings.").wait_for()
    assert asked(jobs) == [("priority:5", 1), ("priority:5", 2), ("priority:5", 5)]


def test_without_a_script_the_selection_is_a_form_and_the_enter_key_asks_for_nothing(
    jobs: Path, tmp_path: Path
) -> None:
    with served(settings(tmp_path)) as address, browser_page(java_script_enabled=False) as page:
        page.goto(address)
        page.get_by_label("Select d.wav").check()
        with page.expect_navigation():
            page.get_by_label("Select d.wav").press("Enter")
        page.get_by_text("With many").click()
        page.get_by_label("Select b.wav").check()
        page.locator("#many").get_by_role("button", name="pause").click()
        page.get_by_text("pause: asked for 1 recording.").wait_for()
    assert asked(jobs) == [("pause", 2)]


def test_a_page_that_was_hidden_goes_on_once_it_is_seen_again(jobs: Path, store: Store, tmp_path: Path) -> None:
    del jobs
    with served(settings(tmp_path)) as address, browser_page() as page:
        page.goto(address)
        page.evaluate("Object.defineProperty(document, 'hidden', { get: () => Boolean(window.away) })")
        for number, away in enumerate((True, False, True, False)):
            page.evaluate(f"window.away = {str(away).lower()}; document.dispatchEvent(new Event('visibilitychange'))")
            queue(store, f"new{number}.wav", root=str(tmp_path / "inbox"))
            if not away:
                page.get_by_label(f"Select new{number}.wav").wait_for()
