"""`transcribed web` as a process, and as a child of the daemon."""

import os
import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest
import uvicorn

from daemon.config.settings import Settings
from daemon.errors import BadConfig, Unavailable
from daemon.web.server import serve
from tests.integration.web_house import WebHouse
from tests.integration.web_process import free_port, is_served
from tests.support import MakeDaemon, wait_until


def children(pid: int) -> list[int]:
    found = subprocess.run(["pgrep", "-P", str(pid), "-f", "daemon web"], capture_output=True, text=True)
    return [int(child) for child in found.stdout.split()]


def test_the_daemon_has_a_page_that_comes_back_and_goes_with_it(make_daemon: MakeDaemon) -> None:
    port = free_port()
    soon = "from daemon.processes import website; website.RESTART_S = 0.1"
    daemon = make_daemon(fake={}, patch=soon, web=f'listen = "127.0.0.1:{port}"').start().ready()
    wait_until(lambda: is_served(port), 20, "the page")
    assert daemon.process is not None
    (first,) = children(daemon.process.pid)
    os.kill(first, signal.SIGKILL)
    wait_until(lambda: children(daemon.process.pid) not in ([], [first]) and is_served(port), 20, "the page, again")  # type: ignore[union-attr]
    assert "the page ended (exit code -9)" in daemon.log_text() and not daemon.ended
    (second,) = children(daemon.process.pid)
    daemon.kill()
    wait_until(lambda: not Path(f"/proc/{second}").exists(), 20, "its end with the daemon")


def test_the_page_ends_when_the_daemon_stops(make_daemon: MakeDaemon) -> None:
    port = free_port()
    daemon = make_daemon(fake={}, web=f'listen = "127.0.0.1:{port}"').start().ready()
    wait_until(lambda: is_served(port), 20, "the page")
    # A listener would keep it open for ever.
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/events", timeout=30) as events:
        assert events.readline() == b"event: change\n"
        assert daemon.stop() == 0
    assert not is_served(port)


def test_the_page_runs_without_a_daemon_and_ends_at_a_signal(web: WebHouse) -> None:
    port = free_port()
    command = [sys.executable, "-m", "daemon", "web", "--config", str(web.folder / "config.toml")]
    process = subprocess.Popen([*command, "--listen", f"127.0.0.1:{port}"], stderr=subprocess.PIPE, text=True)
    wait_until(lambda: is_served(port), 20, "the page")
    process.send_signal(signal.SIGINT)
    _, log = process.communicate(timeout=20)
    assert process.returncode in (0, 130) and f"http://127.0.0.1:{port}" in log and "Traceback" not in log


def test_it_is_not_served_to_others_while_nobody_has_a_password(web: WebHouse) -> None:
    with pytest.raises(BadConfig, match="nobody could log in"):
        serve(web.settings, "0.0.0.0:1")


def test_an_address_that_is_taken_says_so(web: WebHouse) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(Unavailable, match="in use"):
        serve(web.settings, f"127.0.0.1:{taken.getsockname()[1]}")


def test_there_is_no_page_where_none_is_asked_for() -> None:
    assert Settings().web.listen == ""


def test_no_answer_waits_for_a_sign_from_the_other_side(web: WebHouse, monkeypatch: pytest.MonkeyPatch) -> None:
    set_on: list[int] = []

    def run(_server: uvicorn.Server, sockets: list[socket.socket]) -> None:
        set_on.extend(each.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) for each in sockets)

    monkeypatch.setattr(uvicorn.Server, "run", run)
    serve(web.settings, "127.0.0.1:0")
    assert set_on == [1]
