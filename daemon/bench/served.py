"""A daemon and its page as processes, started as a user would, and people who use the page: HTTP by the library."""

import base64
import http.client
import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from daemon.bench.contenders import READY
from daemon.errors import Unavailable

HOST = "127.0.0.1"
READY_S = 300.0
"""A model may be slow to load."""
POLL_S = 0.02
TIMEOUT_S = 60.0
TUS = {"Tus-Resumable": "1.0.0"}
PART = {**TUS, "Content-Type": "application/offset+octet-stream"}


@contextmanager
def started(folder: Path, *arguments: str, module: str = "daemon") -> Iterator[subprocess.Popen[bytes]]:
    """Run a command of ours with the configuration in a folder, until the context ends; it logs to `COMMAND.log`."""
    with (folder / f"{arguments[0]}.log").open("wb") as log:
        command = [sys.executable, "-m", module, *arguments, "-c", "config.toml"]
        process = subprocess.Popen(command, cwd=folder, stdout=log, stderr=log)
    try:
        yield process
    finally:
        process.terminate()
        process.wait()


@contextmanager
def transcribing(folder: Path, module: str = "daemon", engines: int = 1) -> Iterator[int]:
    """Run the daemon, and wait until it is ready, with all of its engines; the value is its process id.

    Raises:
        Unavailable: It does not get ready.
    """
    with started(folder, "run", module=module) as process:
        log = folder / "run.log"

        def is_ready() -> bool:
            told = log.read_text()
            return "ready: drop" in told and told.count(READY) >= engines

        until(lambda: is_ready() or process.poll() is not None, READY_S, "the daemon is not ready")
        if process.poll() is not None:
            raise Unavailable(f"the daemon has ended: {log.read_text().strip()[-500:]}")
        yield process.pid


def until(condition: Callable[[], Any], limit_s: float, otherwise: str) -> Any:
    """Wait for something to be true, and return it.

    Raises:
        Unavailable: It takes too long.
    """
    end = time.monotonic() + limit_s
    while not (found := condition()):
        if time.monotonic() > end:
            raise Unavailable(f"{otherwise} after {limit_s:g} s")
        time.sleep(POLL_S)
    return found


@contextmanager
def page(folder: Path) -> Iterator["Page"]:
    """Serve the page over the database and the folders of a configuration.

    Raises:
        Unavailable: It does not come up.
    """
    with socket.create_server((HOST, 0)) as free:
        port = free.getsockname()[1]
    with started(folder, "web", "--listen", f"{HOST}:{port}") as process:
        served = Page(port, process.pid)
        until(served.answers, READY_S, "the page is not served")
        yield served


class Page:
    """The page.

    Args:
        port: Where it is served.
        pid: Its process.
    """

    def __init__(self, port: int, pid: int) -> None:
        self.port = port
        self.pid = pid

    def connection(self) -> http.client.HTTPConnection:
        """Return a connection of one person."""
        return http.client.HTTPConnection(HOST, self.port, timeout=TIMEOUT_S)

    def answers(self) -> bool:
        """Return whether it is there yet."""
        with suppress(OSError), closing(self.connection()) as connection:
            connection.request("GET", "/healthz")
            return connection.getresponse().status == 200
        return False

    def get(self, path: str) -> bytes:
        """Return what is at an address.

        Raises:
            Unavailable: It is no success.
        """
        with closing(self.connection()) as connection:
            return fetched(connection, path)

    def timed(self, path: str, runs: int) -> list[float]:
        """Return how many milliseconds it takes, each time, until the answer is there as a whole."""
        times = []
        for _ in range(runs):
            began = time.perf_counter()
            self.get(path)
            times.append(1000 * (time.perf_counter() - began))
        return times

    def peak_mb(self) -> float:
        """Return the most memory that the process has had."""
        found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{self.pid}/status").read_text())
        assert found is not None
        return int(found[1]) / 1000

    def send(self, name: str, content: bytes, last: int = 65_536) -> float:
        """Upload a recording in two parts; return when the second one began, on the monotonic clock.

        Raises:
            Unavailable: It is not taken.
        """
        told = f"filename {base64.b64encode(name.encode()).decode()}"
        with closing(self.connection()) as connection:
            begin = {**TUS, "Upload-Length": str(len(content)), "Upload-Metadata": told}
            where = asked(connection, "POST", "/api/uploads", begin).getheader("Location", "")
            at, began = max(0, len(content) - last), 0.0
            for start, part in ((0, content[:at]), (at, content[at:])):
                began = time.monotonic()
                asked(connection, "PATCH", where, {**PART, "Upload-Offset": str(start)}, part)
        return began


def fetched(connection: http.client.HTTPConnection, path: str) -> bytes:
    """Return what is at an address, over a connection that stays open."""
    connection.request("GET", path)
    answer = connection.getresponse()
    content = answer.read()
    if answer.status != 200:
        raise Unavailable(f"{path}: the page answered {answer.status}: {content[:200].decode(errors='replace')}")
    return content


def asked(
    connection: http.client.HTTPConnection, method: str, path: str, headers: dict[str, str], body: bytes = b""
) -> http.client.HTTPResponse:
    """Return the answer to a request, which has been read."""
    connection.request(method, path, body, headers)
    answer = connection.getresponse()
    content = answer.read()
    if answer.status >= 300:
        raise Unavailable(
            f"{method} {path}: the page answered {answer.status}: {content[:200].decode('utf-8', 'replace')}"
        )
    return answer


def changes(page: Page) -> Generator[None, None, None]:
    """Yield whenever something has changed, as the page's scripts hear of it."""
    with closing(page.connection()) as connection:
        connection.request("GET", "/api/events")
        with closing(connection.getresponse()) as events:
            yield from told(events)


def told(events: http.client.HTTPResponse) -> Iterator[None]:
    """Yield at each event of a stream."""
    while line := events.readline():
        if line.startswith(b"event: change"):
            yield


class Watchers:
    """People who have the queue's page open: after each change, each fetches the part of it that changes.

    Args:
        page: The page.
        count: How many.
    """

    def __init__(self, page: Page, count: int) -> None:
        self._page = page
        self.looks = 0
        """How often one of them has fetched it."""
        self.failures: list[str] = []
        self._connections = [page.connection() for _ in range(count)]
        self._threads = [threading.Thread(target=self._watch, args=(each,), daemon=True) for each in self._connections]
        self._ended = False
        self._turn = threading.Lock()

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        until(lambda: self.looks >= len(self._threads) or self.failures, READY_S, "nobody sees the page")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended = True
        for connection in self._connections:
            with suppress(OSError):
                if connection.sock is not None:
                    connection.sock.shutdown(socket.SHUT_RDWR)
        for thread, connection in zip(self._threads, self._connections, strict=True):
            thread.join()
            connection.close()
        if self.failures and error is None:
            raise Unavailable(f"somebody who watched lost the page: {self.failures[0]}")

    def _watch(self, events: http.client.HTTPConnection) -> None:
        try:
            events.request("GET", "/api/events")
            with closing(events.getresponse()) as heard, closing(self._page.connection()) as connection:
                for _ in told(heard):
                    fetched(connection, "/now")
                    with self._turn:
                        self.looks += 1
            reason = "the events ended"
        except (OSError, http.client.HTTPException, Unavailable) as error:
            reason = str(error)
        if not self._ended:
            self.failures.append(reason)
