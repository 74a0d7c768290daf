"""The webhook against a real server that is down, busy, slow, silent or unfriendly."""

import base64
import hashlib
import hmac
import json
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from daemon.config.settings import Hooks
from daemon.hooks.answers import Answer, Delivered, Later, Refused
from daemon.hooks.webhook import Webhook, judged, signed
from daemon.store.outbox import Letter
from tests.support import ROOT

SECRET = b"0123456789abcdef-secret"
Handle = Callable[[BaseHTTPRequestHandler], None]


class Server(ThreadingHTTPServer):
    """Answers as a test says, and keeps what it was sent."""

    daemon_threads = True

    def __init__(self, handle: Handle) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.handle = handle
        self.got: list[tuple[str, dict[str, str], bytes]] = []
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/hook?a=b"


class _Handler(BaseHTTPRequestHandler):
    server: Server

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.got.append((self.path, {key.lower(): value for key, value in self.headers.items()}, body))
        self.server.handle(self)

    def log_message(self, *_arguments: object) -> None:
        pass


def answering(status: int, **headers: str) -> Handle:
    def handle(request: BaseHTTPRequestHandler) -> None:
        request.send_response(status)
        for name, value in headers.items():
            request.send_header(name.replace("_", "-"), value)
        request.end_headers()

    return handle


@pytest.fixture
def serve() -> Iterator[Callable[[Handle], Server]]:
    made: list[Server] = []

    def make(handle: Handle) -> Server:
        made.append(Server(handle))
        return made[-1]

    yield make
    for server in made:
        server.shutdown()
        server.server_close()


LETTER = Letter(
    1, 7, "d1", "done", {"job": 7, "path": "é.wav", "delivery": "d1"}, (), None, 0, "2026-01-01T00:00:00.000Z"
)


def webhook(tmp_path: Path, url: str, **fields: Any) -> Webhook:
    secret = tmp_path / "secret"
    secret.write_bytes(SECRET)
    return Webhook(Hooks(webhook_url=url, webhook_secret_file=str(secret), **fields))


def post(tmp_path: Path, url: str, **fields: Any) -> Answer:
    return webhook(tmp_path, url, **fields)([LETTER])


def test_a_receiver_can_check_who_a_message_is_from_and_how_old_it_is(
    tmp_path: Path, serve: Callable[[Handle], Server]
) -> None:
    server = serve(answering(204))
    assert post(tmp_path, server.url) == Delivered()
    ((path, headers, body),) = server.got
    assert path == "/hook?a=b" and json.loads(body) == LETTER.payload and headers["content-type"] == "application/json"
    content = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    expected = base64.b64encode(hmac.new(SECRET, content, hashlib.sha256).digest()).decode()
    assert headers["webhook-signature"] == f"v1,{expected}" and headers["webhook-id"] == "d1"
    assert abs(int(headers["webhook-timestamp"]) - time.time()) < 60


def test_the_signature_is_that_of_the_standard() -> None:
    """The example that the libraries of Standard Webhooks are tested with."""
    secret = base64.b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    headers = signed(secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}')
    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_what_the_docs_say_of_checking_a_message_is_right(tmp_path: Path, serve: Callable[[Handle], Server]) -> None:
    server = serve(answering(200))
    post(tmp_path, server.url)
    ((_, headers, body),) = server.got
    (code,) = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "hooks.md").read_text("utf-8"), re.DOTALL)
    names: dict[str, Any] = {}
    exec(code, names)
    assert names["is_genuine"](SECRET, headers, body)
    assert not names["is_genuine"](SECRET, headers, body + b" ")
    assert not names["is_genuine"](SECRET, {**headers, "webhook-timestamp": "1614265330"}, body)


def test_a_redirect_is_not_followed(tmp_path: Path, serve: Callable[[Handle], Server]) -> None:
    elsewhere = serve(answering(200))
    server = serve(answering(307, Location=elsewhere.url))
    answer = post(tmp_path, server.url)
    assert isinstance(answer, Refused) and "redirects are not followed" in answer.reason and elsewhere.got == []


@pytest.mark.guarantee(30)
def test_a_server_that_is_down_or_hangs_or_drips_is_tried_again_later(
    tmp_path: Path, serve: Callable[[Handle], Server]
) -> None:
    def drip(request: BaseHTTPRequestHandler) -> None:
        try:
            for _ in range(200):
                request.wfile.write(b"H")
                request.wfile.flush()
                time.sleep(0.05)
        except OSError:
            pass

    with socket.create_server(("127.0.0.1", 0)) as silent:
        hanging = f"http://127.0.0.1:{silent.getsockname()[1]}/"
        for url in ("http://127.0.0.1:1/", hanging, serve(drip).url, "http://no.such.host.invalid/"):
            answer = post(tmp_path, url, webhook_seconds=0.3)
            assert isinstance(answer, Later) and answer.concerns_all, url
            assert answer.reason.startswith("no answer from the webhook: "), url


def test_a_server_without_encryption_behind_https_is_an_error_like_any_other(
    tmp_path: Path, serve: Callable[[Handle], Server]
) -> None:
    answer = post(tmp_path, serve(answering(200)).url.replace("http:", "https:"))
    assert isinstance(answer, Later) and "SSL" in answer.reason


def test_a_request_that_is_under_way_is_ended_at_the_stop(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        sender = webhook(tmp_path, f"http://127.0.0.1:{silent.getsockname()[1]}/", webhook_seconds=600)
        answers: list[Answer] = []
        thread = threading.Thread(target=lambda: answers.append(sender([LETTER])), daemon=True)
        thread.start()
        connection, _ = silent.accept()
        assert connection.recv(4) == b"POST"
        sender.abort()
        thread.join(10)
        connection.close()
    assert len(answers) == 1 and isinstance(answers[0], Later)


@pytest.mark.parametrize(
    ("status", "retry_after", "answer"),
    [
        (200, None, Delivered()),
        (299, None, Delivered()),
        (500, None, Later("the webhook answered 500 Internal Server Error")),
        (503, "120", Later("the webhook answered 503 Service Unavailable", 120.0, concerns_all=True)),
        (429, "5", Later("the webhook answered 429 Too Many Requests", 5.0, concerns_all=True)),
        (429, "99999999", Later("the webhook answered 429 Too Many Requests", 3600.0, concerns_all=True)),
        (429, "9" * 5000, Later("the webhook answered 429 Too Many Requests", concerns_all=True)),
        (429, "soon", Later("the webhook answered 429 Too Many Requests", concerns_all=True)),
        (429, "0", Later("the webhook answered 429 Too Many Requests", concerns_all=True)),
        (429, formatdate(0, usegmt=True), Later("the webhook answered 429 Too Many Requests", concerns_all=True)),
        (408, None, Later("the webhook answered 408 Request Timeout")),
        (400, None, Refused("the webhook answered 400 Bad Request")),
        (404, "5", Refused("the webhook answered 404 Not Found")),
        (799, None, Later("the webhook answered 799")),
    ],
)
def test_what_an_answer_means(status: int, retry_after: str | None, answer: Answer) -> None:
    assert judged(status, retry_after) == answer


def test_a_date_may_say_when_to_try_again() -> None:
    answer = judged(503, formatdate(time.time() + 100, usegmt=True))
    assert isinstance(answer, Later) and answer.wait_s is not None and 50 < answer.wait_s <= 100
