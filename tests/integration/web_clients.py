"""The page for tests: as an application that is asked directly, and served to a real browser."""

import contextlib
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import uvicorn
from starlette.testclient import TestClient

from daemon.config.settings import Settings
from daemon.web.application import make_app
from daemon.web.connections import Connection
from daemon.web.people import Users
from tests import builders
from tests.browser import chromium, watched

HOST = "127.0.0.1"
PEOPLE = """
[web.users.guest]
folders = ["inbox"]
[web.users.auditor]
read_only = true
"""
"""Ada, whom the configuration does not name, may do everything."""


def client(settings: Settings, token: str = "") -> TestClient:
    """Return a client of the page, as a program with a token or as whoever is on this machine."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return TestClient(make_app(settings, HOST), base_url=f"http://{HOST}", headers=headers, follow_redirects=False)


def people(folder: Path) -> dict[str, TestClient]:
    """Return a client for each kind of user of a page whose database is below a folder."""
    settings = builders.settings(folder, PEOPLE)
    users = Users(settings)
    return {name: client(settings, users.add_token(name, "test")) for name in ("ada", "guest", "auditor")}


@contextlib.contextmanager
def served(settings: Settings) -> Iterator[str]:
    """Serve the page as long as the context lasts; the value is its address."""
    with socket.create_server((HOST, 0)) as listener:
        config = uvicorn.Config(
            make_app(settings, HOST), log_config=None, ws="none", http=Connection, timeout_graceful_shutdown=1
        )
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        yield f"http://{HOST}:{listener.getsockname()[1]}"
        server.should_exit = True
        thread.join(10)


@contextlib.contextmanager
def browser_page(**options: Any) -> Iterator[Any]:
    """Open a page of a browser that fails the test if a script fails or the page asks another host."""
    with chromium() as browser:
        page = browser.new_page(**options)
        wrong = watched(page, f"http://{HOST}")
        yield page
    assert wrong == []
