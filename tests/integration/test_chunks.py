"""The address for chunks of other daemons: what is passed on to this one, and what is not."""

import os
import socket
from collections.abc import Callable, Iterator
from contextlib import suppress
from multiprocessing.connection import wait
from pathlib import Path
from threading import Thread

import pytest
from starlette.testclient import TestClient

from daemon.guests.line import Kind, Line, Question, Reply, pair
from daemon.guests.request import MEDIA_TYPE, REQUEST_MAX_BYTES, Request, packed
from daemon.web import chunks as room
from daemon.web.application import make_app
from daemon.web.desk import Desk
from tests.builders import chunk
from tests.integration.web_house import BASE, WebHouse

BODY = packed(Request("tiny.en", (chunk(seconds=1.0),)))
KIND = {"Content-Type": MEDIA_TYPE}


class Answering:
    """A daemon that answers every question alike, and the page that asks it."""

    def __init__(self, house: WebHouse) -> None:
        self.asked: list[Question] = []
        self.answer: Callable[[Question], Reply] = lambda asked: Reply(asked.number, 200, b'{"heard": 1}')
        self._line, theirs = pair()
        self.desk = Desk(Line(theirs))
        Thread(target=self.desk.listen, daemon=True).start()
        Thread(target=self._serve, daemon=True).start()
        app = make_app(house.settings, "127.0.0.1", self.desk)
        self.client = TestClient(app, base_url=BASE, client=("127.0.0.1", 50_000))

    def _serve(self) -> None:
        with suppress(OSError, EOFError):
            while True:
                wait([self._line.fileno()])
                self.asked.append(question := self._line.asked())
                self._line.reply(self.answer(question))

    def close(self) -> None:
        # Closing alone would leave the thread reading, and the line open.
        with socket.socket(fileno=os.dup(self._line.fileno())) as end:
            end.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def house(tmp_path: Path) -> Iterator[WebHouse]:
    made = WebHouse(tmp_path)
    yield made
    made.close()


@pytest.fixture
def daemon(house: WebHouse) -> Iterator[Answering]:
    made = Answering(house)
    yield made
    made.close()


def test_chunks_are_passed_on_as_they_are_with_whose_they_are(daemon: Answering) -> None:
    answer = daemon.client.post("/v1/chunks", content=BODY, headers=KIND)
    assert (answer.status_code, answer.json()) == (200, {"heard": 1})
    (question,) = daemon.asked
    assert (question.kind, question.body) == (Kind.CHUNKS, BODY)
    assert daemon.client.get("/v1/chunks").json() == {"heard": 1}
    assert daemon.asked[1].kind == Kind.ABILITIES
    assert daemon.desk.held_bytes == 0


def test_a_user_needs_a_token_and_may_not_be_one_who_only_reads(house: WebHouse) -> None:
    house.with_people()
    tokens = {name: house.users.add_token(name, "chunks") for name in ("bob", "carol")}
    daemon = Answering(house)
    statuses = {}
    for name, token in {**tokens, "nobody": "tr-x"}.items():
        headers = {"Authorization": f"Bearer {token}"}
        asked = daemon.client.get("/v1/chunks", headers=headers)
        statuses[name] = (
            asked.status_code,
            daemon.client.post("/v1/chunks", content=BODY, headers={**KIND, **headers}).status_code,
        )
    assert statuses == {"bob": (200, 403), "carol": (200, 200), "nobody": (401, 401)}
    assert [(each.kind, each.person) for each in daemon.asked if each.kind == Kind.CHUNKS] == [(Kind.CHUNKS, "carol")]
    daemon.close()


@pytest.mark.parametrize(
    ("reply", "status", "wait", "says"),
    [
        (Reply(1, 503, b"paused: by request", 60), 503, "60", "paused: by request"),
        (Reply(1, 429, b"too much waits already", 2), 429, "2", "too much waits"),
        (Reply(1, 404, b"its model is base"), 404, None, "its model is base"),
    ],
)
def test_what_the_daemon_does_not_take_is_told(
    daemon: Answering, reply: Reply, status: int, wait: str | None, says: str
) -> None:
    daemon.answer = lambda _asked: reply
    answer = daemon.client.post("/v1/chunks", content=BODY, headers=KIND)
    assert (answer.status_code, answer.headers.get("Retry-After")) == (status, wait)
    assert says in answer.json()["error"]["message"]


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (b"", KIND, 400), (BODY[:-1], KIND, 400), (BODY + b"\0", KIND, 400), (b"nonsense" * 9, KIND, 400),
        (BODY, {"Content-Type": "application/octet-stream"}, 415), (BODY, {}, 415),
    ],
)  # fmt: skip
def test_what_makes_no_sense_never_reaches_the_daemon(
    daemon: Answering, body: bytes, headers: dict[str, str], status: int
) -> None:
    answer = daemon.client.post("/v1/chunks", content=body, headers=headers)
    assert answer.status_code == status and answer.json()["error"]["message"]
    assert daemon.asked == [] and daemon.desk.held_bytes == 0


def test_a_request_says_how_large_it_is_and_is_not_larger_than_all_chunks(daemon: Answering) -> None:
    for size in (str(REQUEST_MAX_BYTES + 1), "many"):
        headers = {**KIND, "Content-Length": size}
        assert daemon.client.post("/v1/chunks", content=b"", headers=headers).status_code == 413
    assert daemon.client.post("/v1/chunks", content=iter([BODY]), headers=KIND).status_code == 413


def test_when_too_much_waits_a_request_is_not_even_read(daemon: Answering, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "HELD_MAX_BYTES", len(BODY))
    daemon.desk.held_bytes = 1
    answer = daemon.client.post("/v1/chunks", content=BODY, headers=KIND)
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "2")
    daemon.desk.held_bytes = 0
    assert daemon.client.post("/v1/chunks", content=BODY, headers=KIND).status_code == 200


def test_a_page_that_is_served_by_itself_takes_none(house: WebHouse) -> None:
    client = house.client()
    for answer in (client.get("/v1/chunks"), client.post("/v1/chunks", content=BODY, headers=KIND)):
        assert answer.status_code == 404 and "web.listen" in answer.json()["error"]["message"]
    assert "/v1/chunks" in client.get("/api/openapi.json").json()["paths"]


def test_when_the_daemon_has_ended_it_is_said_that_it_has(house: WebHouse) -> None:
    daemon = Answering(house)
    daemon.close()
    assert daemon.client.post("/v1/chunks", content=BODY, headers=KIND).status_code == 503
