"""Whom the page is served to, and who may do what."""

import re
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from daemon.web.application import make_app
from daemon.web.guard import HEADERS, Guard, is_loopback
from tests.integration.web_house import BASE, PASSWORD, WebHouse, said

ANYONE, READER, WRITER = "anyone", "reader", "writer"
ROUTES = {
    "GET /": READER,
    "GET /now": READER,
    "GET /jobs/{job_id}": READER,
    "POST /jobs/{job_id}/{command}": WRITER,
    "GET /search": READER,
    "GET /login": ANYONE,
    "POST /login": ANYONE,
    "POST /logout": READER,
    "POST /language": ANYONE,
    "GET /healthz": ANYONE,
    "GET /api/openapi.json": READER,
    "GET /api/jobs": READER,
    "GET /api/jobs/{job_id}": READER,
    "GET /api/jobs/{job_id}/recording": READER,
    "GET /api/jobs/{job_id}/transcript.{form}": READER,
    "GET /api/jobs/{job_id}/waveform": READER,
    "POST /api/jobs/{job_id}/{command}": WRITER,
    "PUT /api/jobs/{job_id}/priority/{priority}": WRITER,
    "GET /api/jobs/{job_id}/versions": READER,
    "GET /api/jobs/{job_id}/versions/current": READER,
    "GET /api/jobs/{job_id}/versions/{number}": READER,
    "POST /api/jobs/{job_id}/versions": WRITER,
    "POST /api/jobs/{job_id}/versions/{number}/restore": WRITER,
    "GET /api/search": READER,
    "GET /api/jobs/{job_id}/transcript.docx": READER,
    "POST /api/transcripts.zip": READER,
    "POST /jobs/many": WRITER,
    "POST /jobs/zip": READER,
    "GET /api/samples": READER,
    "GET /service": READER,
    "GET /service/now": READER,
    "POST /service/{ask}": WRITER,
    "POST /api/pause": WRITER,
    "POST /api/resume": WRITER,
    "GET /v1/chunks": READER,
    "POST /v1/chunks": WRITER,
    "GET /v1/models": READER,
    "GET /v1/models/{name}": READER,
    "POST /v1/audio/transcriptions": WRITER,
    "POST /v1/audio/translations": WRITER,
    "GET /api/uploads": WRITER,
    "POST /api/uploads": WRITER,
    "OPTIONS /api/uploads": READER,
    "HEAD /api/uploads/{key}": WRITER,
    "PATCH /api/uploads/{key}": WRITER,
    "POST /api/uploads/{key}": WRITER,
    "DELETE /api/uploads/{key}": WRITER,
    "GET /api/alerts": READER,
    "GET /api/events": READER,
    "GET /api/jobs/{job_id}/shares": WRITER,
    "POST /api/jobs/{job_id}/shares": WRITER,
    "DELETE /api/jobs/{job_id}/shares/{share_id}": WRITER,
    "GET /shared/{token}": ANYONE,
    "GET /shared/{token}/recording": ANYONE,
    "GET /shared/{token}/waveform": ANYONE,
    "GET /shared/{token}/transcript.{form}": ANYONE,
}
"""Who may do what; whatever is not open to anyone needs a login, whether it stands here or not."""
VALUES = {
    "job_id": "1",
    "command": "retry",
    "form": "txt",
    "priority": "3",
    "number": "0",
    "key": "0123456789abcdef",
    "name": "tiny.en",
    "ask": "pause",
    "share_id": "1",
    "token": "x" * 43,
}


def routes(house: WebHouse) -> set[str]:
    guard = make_app(house.settings, "127.0.0.1")
    assert isinstance(guard, Guard)
    application: Any = guard._app
    found = set()
    for each in application.router.routes:
        for route in each.original_router.routes if hasattr(each, "original_router") else [each]:
            found |= {f"{method} {route.path.replace(':path', '')}" for method in getattr(route, "methods", ())}
    return found


def ask(client: TestClient, what: str) -> int:
    method, path = what.split()
    path = re.sub(r"{(\w+)}", lambda found: VALUES[found[1]], path)
    if path == "/api/events":
        return 200 if client.get("/api/jobs").status_code == 200 else 401  # it has no end that could be waited for
    params = {"q": "morning"} if path == "/api/search" else None
    return client.request(method, path, params=params, headers={"Tus-Resumable": "1.0.0"}).status_code


@pytest.mark.parametrize("what", ROUTES)
def test_who_may_do_what(web: WebHouse, what: str) -> None:
    web.add("talk.opus", said("good morning", 0.0, 1.0))
    reader, writer = web.of("bob"), web.of("carol")
    nobody = web.client()
    is_page = not what.split()[1].startswith(("/api/", "/v1/"))
    refused = 303 if is_page and what.startswith("GET") else 401
    if ROUTES[what] == ANYONE:
        assert ask(nobody, what) == (404 if "{token}" in what else 422 if what.startswith("POST") else 200)
        return
    assert ask(nobody, what) == refused
    assert (done := ask(writer, what)) not in (401, 403, 500)
    assert ask(reader, what) == (403 if ROUTES[what] == WRITER else done)


OF_THE_SERVICE = (
    "GET /api/samples",
    "GET /service",
    "GET /service/now",
    "POST /service/{ask}",
    "POST /api/pause",
    "POST /api/resume",
)


@pytest.mark.parametrize("what", OF_THE_SERVICE)
def test_what_concerns_all_folders_is_for_those_who_see_them_all(web: WebHouse, what: str) -> None:
    assert ask(web.of("ada"), what) == 403 and web.store.take_requests() == []


def test_every_route_is_in_the_table(web: WebHouse) -> None:
    heads = {f"HEAD {what.removeprefix('GET ')}" for what in ROUTES if what.startswith("GET ")}
    assert routes(web) - heads == set(ROUTES)


def test_what_is_not_there_needs_a_login_as_well(web: WebHouse) -> None:
    web.users.set_password("ada", PASSWORD)
    assert web.client().get("/api/nothing").status_code == 401 and web.client().get("/nothing").status_code == 303
    assert web.client().get("/static/page.css").status_code == 200
    assert web.client().get("/static/../people.py").status_code in (303, 404)


def test_where_nobody_has_a_password_this_machine_may_do_everything(web: WebHouse) -> None:
    assert web.client().get("/").status_code == 200
    assert web.client(host="192.0.2.1").get("/").status_code == 303, "others may not"
    web.users.add_token("ada", "phone")
    assert web.client().get("/").status_code == 303


@pytest.mark.parametrize("name", ["evil.example", "127.0.0.1.evil.example", "", "localhost.", "169.254.169.254"])
def test_another_name_that_leads_here_is_refused(web: WebHouse, name: str) -> None:
    answer = web.client().get("/api/jobs", headers={"Host": name})
    assert answer.status_code == 400 and "web.hosts" in answer.text


@pytest.mark.parametrize(
    "name", ["localhost", "LOCALHOST:80", "[::1]:8642", "[::1]", "page.example", "page.example:443"]
)
def test_names_that_are_configured_are_served(tmp_path_factory: pytest.TempPathFactory, name: str) -> None:
    house = WebHouse(tmp_path_factory.mktemp("web"), 'hosts = ["page.example"]')
    assert house.client().get("/api/jobs", headers={"Host": name}).status_code == 401, "it is meant for others"
    token = {"Authorization": f"Bearer {house.users.add_token('carol', 'test')}"}
    assert house.client().get("/api/jobs", headers={"Host": name, **token}).status_code == 200
    house.close()


@pytest.mark.parametrize(
    ("headers", "passes"),
    [
        ({}, True),
        ({"Origin": BASE}, True),
        ({"Origin": BASE, "Sec-Fetch-Site": "same-origin"}, True),
        ({"Sec-Fetch-Site": "none"}, True),
        ({"Origin": "http://evil.example"}, False),
        ({"Origin": "null"}, False),
        ({"Origin": "http://127.0.0.1:9999"}, False),
        ({"Sec-Fetch-Site": "cross-site", "Origin": BASE}, False),
        ({"Sec-Fetch-Site": "same-site"}, False),
    ],
)
def test_a_request_to_change_something_must_not_be_of_another_site(
    web: WebHouse, headers: dict[str, str], passes: bool
) -> None:
    web.add("talk.opus", said("good morning", 0.0, 1.0))
    assert web.client().post("/api/jobs/1/retry", headers=headers).status_code == (202 if passes else 403)
    assert web.client().get("/api/jobs", headers=headers).status_code == 200


def test_a_token_stands_for_its_user(web: WebHouse) -> None:
    token = web.with_people().users.add_token("bob", "notes")
    web.add("talk.opus", said("good morning", 0.0, 1.0))
    client = web.client(headers={"Authorization": f"Bearer {token}"})
    assert client.get("/api/jobs").status_code == 200 and client.post("/api/jobs/1/retry").status_code == 403
    assert web.client(headers={"Authorization": "Bearer tr-wrong"}).get("/api/jobs").status_code == 401


@pytest.mark.parametrize("header", ["Forwarded", "X-Forwarded-For", "X-Real-IP"])
def test_what_a_proxy_passes_on_is_not_of_this_machine(web: WebHouse, header: str) -> None:
    assert web.client().get("/api/jobs", headers={header: "192.0.2.7"}).status_code == 401


def test_users_that_are_configured_keep_others_out_before_they_have_a_password(web: WebHouse) -> None:
    assert web.with_people().client().get("/api/jobs").status_code == 401


@pytest.mark.parametrize("length", ["1000001", "x", None])
def test_only_recordings_are_large(web: WebHouse, length: str | None) -> None:
    headers = {"Transfer-Encoding": "chunked"} if length is None else {"Content-Length": length}
    for path in ("/login", "/jobs/many", "/api/jobs/1/retry"):
        assert web.client().post(path, headers=headers).status_code == 413


def test_a_broken_file_of_users_says_so(web: WebHouse) -> None:
    web.settings.database_path.with_name("web_users.json").write_text("{")
    answer = web.client().get("/api/jobs")
    assert answer.status_code == 503 and "web_users.json" in answer.json()["error"]["message"]


def test_a_proxy_says_who_it_is(tmp_path: Path) -> None:
    house = WebHouse(tmp_path, 'proxy_header = "X-Remote-User"')
    house.add("talk.opus", said("good morning", 0.0, 1.0))
    assert house.client().get("/api/jobs").status_code == 401, "not even this machine passes it by"
    bob = house.client(headers={"X-Remote-User": "bob"})
    assert bob.get("/api/jobs").status_code == 200 and bob.post("/api/jobs/1/retry").status_code == 403
    shouting = house.client(headers={"X-Remote-User": "BOB"})
    assert shouting.post("/api/jobs/1/retry").status_code == 403
    assert house.client(headers={"X-Remote-User": "../x"}).get("/api/jobs").status_code == 401
    elsewhere = TestClient(make_app(house.settings, "0.0.0.0"), base_url=BASE, client=("192.0.2.7", 1))
    assert elsewhere.get("/api/jobs", headers={"X-Remote-User": "bob"}).status_code == 401, "anybody could say so"
    house.close()


def test_every_answer_carries_the_headers_that_keep_others_out(web: WebHouse) -> None:
    for path in ("/", "/api/jobs", "/static/page.css", "/jobs/99", "/login"):
        answer = web.client().get(path)
        assert {name: answer.headers[name] for name in HEADERS} == HEADERS
    assert web.client().get("/", headers={"Host": "evil.example"}).headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize(
    ("host", "is_private"),
    [("127.0.0.1", True), ("127.9.9.9", True), ("::1", True), ("[::1]", True), ("localhost", True), ("0.0.0.0", False),
     ("192.168.1.2", False), ("[::]", False), ("page.example", False)],
)  # fmt: skip
def test_what_only_this_machine_reaches(host: str, is_private: bool) -> None:
    assert is_loopback(host) == is_private
