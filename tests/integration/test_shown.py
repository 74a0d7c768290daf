"""The filter of the queue's page."""

from pathlib import Path

import pytest

from daemon.store.store import Store
from daemon.web.people import Person
from daemon.web.shown import Shown, folders
from tests import builders
from tests.integration.web_clients import client, people
from tests.support import queue


@pytest.fixture
def jobs(store: Store, tmp_path: Path) -> None:
    queue(store, "one.wav", "two.wav", root=str(tmp_path / "inbox"))
    queue(store, "three.wav", root=str(tmp_path / "other"))
    (first,) = store.claim(1)
    assert first.path == "one.wav"


def listed(folder: Path, query: str) -> set[str]:
    shown = client(builders.settings(folder)).get(f"/?{query}").text
    return {name for name in ("one.wav", "two.wav", "three.wav") if f"Select {name}" in shown}


@pytest.mark.usefixtures("jobs")
def test_jobs_are_shown_by_state_folder_and_path(tmp_path: Path) -> None:
    assert listed(tmp_path, "") == {"one.wav", "two.wav", "three.wav"}
    assert listed(tmp_path, "state=running") == {"one.wav"}
    assert listed(tmp_path, f"folder={tmp_path}/inbox") == {"one.wav", "two.wav"}
    assert listed(tmp_path, f"folder={tmp_path}/inbox&state=queued&path=t") == {"two.wav"}
    assert listed(tmp_path, "state=dead") == set()


@pytest.mark.usefixtures("jobs")
def test_the_counts_lead_to_their_jobs_whatever_is_shown(tmp_path: Path) -> None:
    shown = client(builders.settings(tmp_path)).get("/now?path=tw&state=running").text
    assert 'href="/?state=queued&amp;path=tw">1 queued</a>' in shown
    assert 'href="/?path=tw">in any state</a>' in shown


@pytest.mark.usefixtures("path")
@pytest.mark.parametrize("wrong", ["state=lost", "cursor=before-x", "did=<b>"])
def test_a_filter_that_cannot_be_is_refused(tmp_path: Path, wrong: str) -> None:
    assert client(builders.settings(tmp_path)).get(f"/?{wrong}").status_code == 422


@pytest.mark.usefixtures("jobs")
def test_no_filter_shows_what_somebody_may_not_see(tmp_path: Path) -> None:
    guest = people(tmp_path)["guest"]
    assert "three.wav" not in guest.get(f"/?folder={tmp_path}/other").text
    assert "3 queued" not in guest.get("/").text


def test_an_address_says_what_was_written_into_it() -> None:
    shown = Shown(state="done", path="a&b=c ü", cursor="before-7")
    assert Shown.parse(shown.query()) == shown
    assert shown.query(state="", path="", cursor="") == ""
    assert Shown.parse("did=cancel&count=3") == Shown()


def test_folders_are_offered_in_which_somebody_sees_anything(tmp_path: Path) -> None:
    settings = builders.settings(
        tmp_path, "".join(f'[[watch]]\npath = "{name}"\n' for name in ("a", "ab")), inboxes=("a", "ab")
    )
    a, ab = f"{tmp_path}/a", f"{tmp_path}/ab"
    assert folders(settings, Person("ada")) == [a, ab]
    assert folders(settings, Person("guest", (a,))) == [a]
    assert folders(settings, Person("guest", (f"{ab}/below",))) == [ab]
    assert folders(settings, Person("guest", (str(tmp_path),))) == [a, ab]
