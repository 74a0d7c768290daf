"""Links to transcripts: who may make and withdraw them, and when they stop to work."""

import secrets
import sqlite3
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from daemon.store import shares
from daemon.store.records import timestamp
from daemon.web import people, sharing
from daemon.web.application import make_app
from daemon.web.sessions import COOKIE
from tests.integration.test_guard import ANYONE, ROUTES, ask
from tests.integration.web_house import BASE, WebHouse, said

DAYS = "share_days_max = 30"


@pytest.fixture
def web(tmp_path: Path) -> Iterator[WebHouse]:
    """A page on which links may be made."""
    made = WebHouse(tmp_path, DAYS)
    yield made
    made.close()


@pytest.fixture
def job(web: WebHouse) -> int:
    """A recording that ada sees, too."""
    return web.add("ada/talk.opus", said("good morning", 0.0, 1.0))


def by(web: WebHouse, name: str) -> TestClient:
    """A program of a user, with a token."""
    return web.client(headers={"Authorization": f"Bearer {web.users.add_token(name, secrets.token_hex(4))}"})


def wanted(client: TestClient, job: int, **wish: Any) -> Any:
    return client.post(f"/api/jobs/{job}/shares", json={"days": 7, **wish})


def link(client: TestClient, job: int, **wish: Any) -> str:
    """Make a link, and return its address."""
    answer = wanted(client, job, **wish)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["address"])


def opens(web: WebHouse, address: str) -> bool:
    """Whether somebody without a login sees the page of a link, and its text."""
    answer, text = (web.client().get(f"{address}{more}") for more in ("", "/transcript.txt"))
    assert answer.status_code == text.status_code
    return answer.status_code == 200 and text.text == "good morning\n"


def execute(web: WebHouse, statement: str) -> list[tuple[Any, ...]]:
    with sqlite3.connect(web.settings.database_path) as db:
        return db.execute(statement).fetchall()


def test_a_link_is_told_once_and_its_token_is_kept_nowhere(web: WebHouse, job: int) -> None:
    carol = by(web, "carol")
    made = wanted(carol, job, with_recording=True).json()
    token = made.pop("address").removeprefix("/shared/")
    assert len(token) == 43 and made["created_by"] == "carol" and made["works"] and made["with_recording"]
    assert made["expires_at"] > made["created_at"]
    assert carol.get(f"/api/jobs/{job}/shares").json() == [made]
    for file in web.settings.database_path.parent.iterdir():
        assert token.encode() not in file.read_bytes(), file
    assert execute(web, "SELECT token_hash FROM shares") == [(people.hash_of(token),)]


def test_two_links_are_two(web: WebHouse, job: int) -> None:
    carol = by(web, "carol")
    first, second = link(carol, job), link(carol, job)
    newest, oldest = carol.get(f"/api/jobs/{job}/shares").json()
    assert first != second and newest["id"] != oldest["id"]
    assert carol.delete(f"/api/jobs/{job}/shares/{oldest['id']}").status_code == 204
    assert not opens(web, first) and opens(web, second)
    assert carol.delete(f"/api/jobs/{job}/shares/{oldest['id']}").status_code == 404


def test_a_link_is_withdrawn_only_at_its_own_recording(web: WebHouse, job: int) -> None:
    carol, other = by(web, "carol"), web.add("other.opus", said("good evening", 0.0, 1.0))
    address = link(carol, job)
    (made,) = carol.get(f"/api/jobs/{job}/shares").json()
    for wrong in (
        f"{other}/shares/{made['id']}",
        f"{job}/shares/{1 << 70}",
        f"{job}/shares/-1",
        f"99/shares/{made['id']}",
    ):
        assert carol.delete(f"/api/jobs/{wrong}").status_code == 404
    assert opens(web, address)


@pytest.mark.parametrize(("name", "folder", "status"), [
    ("carol", "", 201), ("ada", "ada/", 201), ("ada", "", 404), ("bob", "", 403), ("bob", "ada/", 403),
])  # fmt: skip
def test_who_may_write_and_sees_the_recording_shares_it(web: WebHouse, name: str, folder: str, status: int) -> None:
    job, client = web.add(f"{folder}a.opus", said("good morning", 0.0, 1.0)), by(web, name)
    assert wanted(client, job).status_code == status
    theirs = link(by(web, "carol"), job)
    ids = [each[0] for each in execute(web, "SELECT id FROM shares ORDER BY id")]
    assert client.get(f"/api/jobs/{job}/shares").status_code == (200 if status == 201 else status)
    assert client.delete(f"/api/jobs/{job}/shares/{ids[-1]}").status_code == (204 if status == 201 else status)
    assert opens(web, theirs) == (status != 201)
    assert ("Make a link" in client.get(f"/jobs/{job}").text) == (status == 201)


@pytest.mark.parametrize(("wish", "status", "reason"), [
    ({"days": 30}, 201, ""), ({"days": 31}, 422, "30 are the most, as [web] share_days_max"), ({"days": 366}, 422, "days"),
    ({"days": 0}, 422, "days"), ({"days": True}, 422, "days"), ({"days": 1.5}, 422, "days"), ({"days": None}, 422, "days"),
    ({"with_recording": "yes"}, 422, "with_recording"),
])  # fmt: skip
def test_how_long_a_link_may_work(web: WebHouse, job: int, wish: dict[str, Any], status: int, reason: str) -> None:
    answer = wanted(by(web, "carol"), job, **wish)
    assert answer.status_code == status
    assert status == 201 or reason in answer.json()["error"]["message"]


def test_where_links_are_not_allowed_it_is_said_and_the_way_out(tmp_path: Path) -> None:
    house = WebHouse(tmp_path)
    job = house.add("talk.opus", said("good morning", 0.0, 1.0))
    answer = wanted(house.client(), job)
    assert answer.status_code == 403 and "share_days_max in config.toml" in answer.json()["error"]["message"]
    assert "Make a link" not in house.client().get(f"/jobs/{job}").text
    house.close()


def test_what_has_no_transcript_is_not_shared(web: WebHouse) -> None:
    job = web.add("memo.opus", state="queued")
    assert wanted(by(web, "carol"), job).status_code == 409
    assert "Make a link" not in by(web, "carol").get(f"/jobs/{job}").text


def test_there_are_only_so_many_links_to_a_recording(web: WebHouse, job: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sharing, "LINKS_MAX", 2)
    carol, other = by(web, "carol"), web.add("other.opus", said("good evening", 0.0, 1.0))
    assert [wanted(carol, job).status_code for _ in range(3)] == [201, 201, 409]
    assert wanted(carol, other).status_code == 201
    execute(web, "UPDATE shares SET expires_at = '2020-01-01T00:00:00.000Z' WHERE id = 1")
    assert wanted(carol, job).status_code == 201, "what has expired does not count"


def test_another_site_makes_no_link(web: WebHouse, job: int) -> None:
    answer = by(web, "carol").post(
        f"/api/jobs/{job}/shares", json={"days": 1}, headers={"Origin": "http://evil.example"}
    )
    assert answer.status_code == 403 and execute(web, "SELECT * FROM shares") == []


def remove(web: WebHouse) -> None:
    assert web.users.remove("ada")


def restrict(web: WebHouse) -> None:
    web.settings = web.settings.model_copy(update={"web": with_ada(web, read_only=True)})


def take_folder(web: WebHouse) -> None:
    web.settings = web.settings.model_copy(update={"web": with_ada(web, folders=(web.inbox / "other",))})


def forbid(web: WebHouse) -> None:
    web.settings = web.settings.model_copy(update={"web": web.settings.web.model_copy(update={"share_days_max": 0})})


def move(web: WebHouse) -> None:
    execute(web, "UPDATE jobs SET path = 'talk.opus', path_bytes = CAST('talk.opus' AS BLOB)")


def forget(web: WebHouse) -> None:
    with sqlite3.connect(web.settings.database_path) as db:
        db.execute("PRAGMA foreign_keys = ON")
        db.execute("DELETE FROM jobs")
        assert db.execute("SELECT * FROM shares").fetchall() == [], "they are deleted with their job"


def expire(web: WebHouse) -> None:
    execute(web, "UPDATE shares SET expires_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now', '-1 second')")


def with_ada(web: WebHouse, **limits: Any) -> Any:
    ada = web.settings.web.users["ada"].model_copy(update=limits)
    return web.settings.web.model_copy(update={"users": {**web.settings.web.users, "ada": ada}})


@pytest.mark.parametrize("end", [remove, restrict, take_folder, forbid, move, forget, expire])
def test_a_link_dies_with_its_time_its_recording_and_the_rights_of_its_maker(
    web: WebHouse, job: int, end: Callable[[WebHouse], None]
) -> None:
    """Two links: one that ada has made, who sees only her folder, and one of carol's, who sees everything."""
    hers, carols = link(by(web, "ada"), job, with_recording=True), link(by(web, "carol"), job, with_recording=True)
    assert opens(web, hers) and opens(web, carols)
    end(web)
    assert opens(web, carols) == (end not in (forbid, forget, expire))
    for more in ("", "/recording", "/waveform", "/transcript.json", "/transcript.docx"):
        assert web.client().get(f"{hers}{more}").status_code == 404, more


@pytest.mark.parametrize("end", [remove, restrict, take_folder])
def test_a_link_that_does_not_work_is_shown_as_such_and_can_be_withdrawn(
    web: WebHouse, job: int, end: Callable[[WebHouse], None]
) -> None:
    link(by(web, "ada"), job)
    end(web)
    carol = by(web, "carol")
    (dead,) = carol.get(f"/api/jobs/{job}/shares").json()
    assert dead["works"] is False
    assert carol.delete(f"/api/jobs/{job}/shares/{dead['id']}").status_code == 204


def test_a_link_works_until_its_last_moment(web: WebHouse, job: int, monkeypatch: pytest.MonkeyPatch) -> None:
    address = link(by(web, "carol"), job, days=2)
    ((expires_at,),) = execute(web, "SELECT expires_at FROM shares")
    last = datetime.fromisoformat(expires_at) - timedelta(milliseconds=1)
    for moment, is_open in ((timestamp(last), True), (expires_at, False)):
        monkeypatch.setattr(shares, "timestamp", lambda moment=moment: moment)
        assert opens(web, address) == is_open


def test_who_is_on_this_machine_shares_as_long_as_nobody_needs_a_login(tmp_path: Path) -> None:
    house = WebHouse(tmp_path)
    house.settings, house.users = house._load(f"[web]\n{DAYS}\n")
    job = house.add("talk.opus", said("good morning", 0.0, 1.0))
    address = link(house.client(), job)
    assert opens(house, address)
    house.users.add_token("ada", "phone")
    assert not opens(house, address), "who that was is not known any more"
    house.close()


def test_behind_a_proxy_that_says_who_somebody_is(tmp_path: Path) -> None:
    house = WebHouse(tmp_path, f'{DAYS}\nproxy_header = "X-Remote-User"')
    job = house.add("talk.opus", said("good morning", 0.0, 1.0))
    address = link(house.client(headers={"X-Remote-User": "dan"}), job)
    for headers in ({}, {"X-Remote-User": "bob"}, {"X-Remote-User": "../x"}, {"X-Forwarded-For": "192.0.2.7"}):
        assert house.client(headers=headers).get(address).status_code == 200
    assert wanted(house.client(headers={"X-Remote-User": "bob"}), job).status_code == 403
    elsewhere = TestClient(make_app(house.settings, "0.0.0.0"), base_url=BASE, client=("192.0.2.7", 1))
    assert elsewhere.get(address).status_code == 200
    house.close()


def test_a_browser_with_a_session_makes_a_link(web: WebHouse, job: int) -> None:
    assert opens(web, link(web.of("ada"), job))


def test_the_token_of_a_link_opens_nothing_else(web: WebHouse, job: int) -> None:
    address = link(by(web, "carol"), job, with_recording=True)
    token = address.removeprefix("/shared/")
    visitor = web.client()
    assert visitor.get(address).status_code == 200 and not visitor.cookies
    with_it = [
        {"Authorization": f"Bearer {token}"}, {"Authorization": f"Bearer tr-{token}"}, {"Cookie": f"{COOKIE}={token}"},
        {"Referer": f"{BASE}{address}"}, {"X-Remote-User": token},
    ]  # fmt: skip
    clients = [visitor, *(web.client(headers=headers) for headers in with_it)]
    for what in (what for what, whose in ROUTES.items() if whose != ANYONE):
        assert {ask(client, what) for client in clients} <= {303, 401}, what
