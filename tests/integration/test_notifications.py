"""Alerts on their way to people: real sockets, servers that fail and servers that hang."""

import json
import logging
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from daemon.config import reader
from daemon.errors import BadConfig
from daemon.monitor.notifications import Notifier, is_known
from tests.support import Daemon, MakeDaemon, wait_until

SECRET = "hunter2-secret"


class Server(ThreadingHTTPServer):
    """Takes Apprise's JSON; the first `failures` requests get a 500."""

    daemon_threads = True

    def __init__(self, failures: int = 0) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.failures = failures
        self.requests = 0
        self.messages: list[dict] = []
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"json://user:{SECRET}@127.0.0.1:{self.server_port}/{SECRET}"


class _Handler(BaseHTTPRequestHandler):
    server: Server

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.requests += 1
        failed = self.server.requests <= self.server.failures
        if not failed:
            self.server.messages.append(json.loads(body))
        self.send_response(500 if failed else 200)
        self.end_headers()

    def log_message(self, *_arguments: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server()
    yield made
    made.shutdown()
    made.server_close()


@pytest.fixture
def hanging() -> Iterator[str]:
    """The address of a server that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"json://user:{SECRET}@127.0.0.1:{listener.getsockname()[1]}/"


def test_a_hanging_address_and_a_dead_one_hold_up_no_other(
    server: Server, hanging: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    dead = f"json://user:{SECRET}@127.0.0.1:1/{SECRET}"
    notifier = Notifier([hanging, dead, server.url], retry_s=(0.1, 0.1))
    for number in range(3):
        notifier.send(f"alert {number}", "it is hot", firing=True)
    notifier.send("alert 3", "it is over", firing=False)
    wait_until(lambda: len(server.messages) == 4, 8, "four messages")
    assert [(each["title"], each["type"]) for each in server.messages] == [
        ("alert 0", "warning"), ("alert 1", "warning"), ("alert 2", "warning"), ("alert 3", "success"),
    ]  # fmt: skip
    wait_until(lambda: "giving up: alert 3" in caplog.text, 10, "the dead address being given up")
    notifier.close(0.1)
    assert SECRET not in caplog.text and "monitor.notify[1] (JSON)" in caplog.text


def test_a_message_is_sent_again_until_it_is_taken() -> None:
    server = Server(failures=2)
    notifier = Notifier([server.url], retry_s=(0.05, 0.05, 0.05))
    notifier.send("alert", "text", firing=True)
    wait_until(lambda: server.messages, 5, "the message")
    notifier.close()
    assert (server.requests, len(server.messages)) == (3, 1)
    server.shutdown()
    server.server_close()


def test_addresses_that_cannot_be_used_are_named_by_place_not_by_text(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_text(f'[monitor]\nnotify = ["nosuch://{SECRET}", "json://127.0.0.1", "mailto://", "{SECRET}"]\n')
    with pytest.raises(BadConfig) as caught:
        reader.load(file, is_known)
    assert SECRET not in str(caught.value)
    found = [line.removeprefix(f"{file}: ")[:18] for line in caught.value.message.splitlines()]
    assert found == ["monitor.notify[0]:", "monitor.notify[2]:", "monitor.notify[3]:"]


def test_the_daemon_refuses_a_bad_address_without_showing_it(make_daemon: MakeDaemon) -> None:
    for url in (f"nosuch://{SECRET}", f"{SECRET}"):
        daemon: Daemon = make_daemon(fake={}, monitor=f'notify = ["{url}"]')
        assert daemon.once() == 2
        for done in (daemon.run("check"), daemon.run("check", "--json")):
            assert done.returncode == 2 and "notify[0]" in done.stdout + done.stderr
            assert SECRET not in done.stdout + done.stderr
    assert SECRET not in daemon.log_text() and "notify[0]" in daemon.log_text()


def test_a_firing_alert_reaches_people(make_daemon: MakeDaemon, server: Server) -> None:
    daemon: Daemon = make_daemon(
        fake={}, monitor=f'interval_seconds = 0.2\nnotify = ["{server.url}"]\n[monitor.rules.disk_free]\nfire = 1e15'
    )
    daemon.start("--verbose").ready()
    wait_until(lambda: server.messages, 15, "the message")
    assert server.messages[0]["title"] == "transcribed: disk_free firing"
    assert daemon.stop() == 0
    assert SECRET not in daemon.log_text()
