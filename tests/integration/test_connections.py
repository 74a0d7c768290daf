"""Connections that say nothing, send byte by byte or never read: they end, and keep nobody else out meanwhile."""

import base64
import contextlib
import os
import socket
import threading
import time
import wave
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import httpx
import pytest

from daemon.filesystem import fingerprint
from daemon.store.queries import Queries
from daemon.web import connections, house
from tests.browser import chromium
from tests.integration.web_clients import served
from tests.integration.web_house import WebHouse, said
from tests.support import wait_until

LIMIT_S = 0.4


@pytest.fixture
def address(web: WebHouse, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A server that is as impatient with everything as its clients are in these tests."""
    monkeypatch.setattr(connections, "LOOK_S", LIMIT_S / 8)
    for name in ("HEAD_S", "BODY_S", "UNREAD_S"):
        monkeypatch.setattr(connections, name, LIMIT_S)
    with served(web.settings) as found:
        yield found


Dial = Callable[..., socket.socket]


@pytest.fixture
def dial(address: str) -> Iterator[Dial]:
    with contextlib.ExitStack() as made:

        def connection(said: str = "", *, receives: int = 0) -> socket.socket:
            dialled = made.enter_context(socket.socket())
            if receives:
                dialled.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receives)
            dialled.settimeout(20)
            dialled.connect(("127.0.0.1", int(address.rpartition(":")[2])))
            dialled.sendall(said.replace("\n", "\r\n").encode())
            return dialled

        yield connection


def rest(connection: socket.socket) -> bytes:
    """All that still comes; it fails where the other side never ends."""
    parts = []
    with contextlib.suppress(ConnectionResetError, BrokenPipeError):
        while part := connection.recv(1 << 16):
            parts.append(part)
    return b"".join(parts)


def drip(connection: socket.socket, byte: bytes = b"x") -> None:
    """Send a byte now and then until nobody takes it any more."""
    with contextlib.suppress(OSError):
        while True:
            connection.sendall(byte)
            time.sleep(LIMIT_S / 10)


def dripping(connection: socket.socket) -> bytes:
    sender = threading.Thread(target=drip, args=(connection,), daemon=True)
    sender.start()
    answer = rest(connection)
    sender.join(20)
    assert not sender.is_alive()
    return answer


def test_who_says_nothing_is_cut_off(dial: Dial) -> None:
    assert rest(dial()) == b""


def test_a_head_that_comes_byte_by_byte_is_cut_off(dial: Dial) -> None:
    assert dripping(dial("GET / HTTP/1.1\nHost: 127.0.0.1\nX: ")) == b""


def test_the_head_of_a_second_request_is_no_way_around_that(dial: Dial) -> None:
    connection = dial("GET /healthz HTTP/1.1\nHost: 127.0.0.1\n\nGET /")
    answer = dripping(connection)
    assert answer.startswith(b"HTTP/1.1 200") and answer.count(b"HTTP/1.1") == 1


def test_a_form_that_comes_byte_by_byte_is_cut_off(dial: Dial) -> None:
    form = "Content-Type: application/x-www-form-urlencoded\nContent-Length: 100000"
    assert dripping(dial(f"POST /login HTTP/1.1\nHost: 127.0.0.1\n{form}\n\n")) == b""


def test_a_body_that_nobody_wants_is_not_taken_for_ever(dial: Dial) -> None:
    head = "Content-Type: text/plain\nTransfer-Encoding: chunked"
    connection = dial(f"PATCH /api/uploads/x HTTP/1.1\nHost: 127.0.0.1\n{head}\n\n")
    assert dripping(connection).startswith(b"HTTP/1.1 412")


def test_an_upload_over_a_slow_line_goes_on(address: str, web: WebHouse) -> None:
    tus = {"Tus-Resumable": "1.0.0"}
    told = {"Upload-Length": "40", "Upload-Metadata": f"filename {base64.b64encode(b'talk.mp3').decode()}"}
    where = httpx.post(f"{address}/api/uploads", headers=tus | told).headers["location"]

    def slowly() -> Iterator[bytes]:
        for number in range(40):
            yield bytes([number])
            time.sleep(LIMIT_S / 10)

    headers = {**tus, "Content-Type": "application/offset+octet-stream", "Upload-Offset": "0"}
    assert httpx.patch(f"{address}{where}", headers=headers, content=slowly(), timeout=60).status_code == 204
    assert (web.inbox / "talk.mp3").read_bytes() == bytes(range(40))


def test_a_listener_stays_as_long_as_it_likes(dial: Dial, web: WebHouse) -> None:
    listener = dial("GET /api/events HTTP/1.1\nHost: 127.0.0.1\n\n")
    assert listener.recv(1 << 16)
    time.sleep(3 * LIMIT_S)
    web.add("talk.mp3", said("hello", 0, 1))
    wait_until(lambda: b"event: change" in listener.recv(1 << 16), 20, "a change being told")


def test_one_connection_may_ask_for_as_much_as_it_likes(address: str) -> None:
    until = time.monotonic() + 3 * LIMIT_S
    with httpx.Client() as client:
        while time.monotonic() < until:
            assert client.get(f"{address}/healthz").status_code == 200


@pytest.mark.parametrize("version", [pytest.param("1.0", marks=pytest.mark.faults), "1.1"])
def test_a_recording_that_is_never_read_is_let_go(dial: Dial, address: str, web: WebHouse, version: str) -> None:
    job = long_recording(web)
    request = f"GET /api/jobs/{job}/recording HTTP/{version}\nHost: 127.0.0.1\n\n"
    readers = [dial(request, receives=4096) for _ in range(10)]
    wait_until(lambda: opened(web.inbox / "talk.wav") >= 10, 20, "the recording being sent")
    assert httpx.get(f"{address}/").status_code == 200, "others are served meanwhile"
    wait_until(lambda: opened(web.inbox / "talk.wav") == 0, 20, "the recording being let go")
    assert all(len(rest(reader)) < 50_000_000 for reader in readers)


def test_more_slow_readers_than_may_use_the_database_keep_nobody_out(
    dial: Dial, address: str, web: WebHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "UNREAD_S", 60.0)
    request = f"GET /api/jobs/{long_recording(web)}/recording HTTP/1.1\nHost: 127.0.0.1\n\n"
    readers = [dial(request, receives=4096) for _ in range(house.READING_MAX + 5)]
    assert all(reader.recv(100).startswith(b"HTTP/1.1 200") for reader in readers)
    assert httpx.get(f"{address}/", timeout=20).status_code == 200


def test_only_so_many_have_the_database_open_at_the_same_time(dial: Dial, monkeypatch: pytest.MonkeyPatch) -> None:
    turn, now, most = threading.Lock(), 0, 0

    class Counted(Queries):
        def __init__(self, path: Path, patience_s: float) -> None:
            nonlocal now, most
            super().__init__(path, patience_s)
            with turn:
                now += 1
                most = max(most, now)

        def close(self) -> None:
            nonlocal now
            super().close()
            with turn:
                now -= 1

    monkeypatch.setattr(house, "Queries", Counted)
    asking = [dial("GET /api/jobs HTTP/1.1\nHost: 127.0.0.1\nConnection: close\n\n") for _ in range(150)]
    assert all(rest(each).startswith(b"HTTP/1.1 200") for each in asking)
    assert 0 < most <= house.READING_MAX and now == 0


def test_a_player_that_was_paused_gets_the_rest(address: str, web: WebHouse) -> None:
    """While it is paused it reads nothing, and its connection ends; it asks again by itself."""
    job = long_recording(web, seconds=7200)
    with chromium("--autoplay-policy=no-user-gesture-required") as browser:
        tab = browser.new_page()
        tab.goto(f"{address}/jobs/{job}")
        tab.evaluate("async () => { await document.querySelector('#media').play() }")

        def has_passed(seconds: float) -> bool:
            return bool(tab.evaluate("document.querySelector('#media').currentTime") > seconds)

        wait_until(partial(has_passed, 0.5), 30, "its beginning")
        tab.evaluate("document.querySelector('#media').pause()")
        wait_until(lambda: opened(web.inbox / "talk.wav") == 0, 20, "the recording being let go")
        ahead = "(ranges => ranges.end(ranges.length - 1))(document.querySelector('#media').buffered)"
        buffered = tab.evaluate(ahead)
        assert buffered < 7000, "it has not got it all before"
        for place in (buffered - 2, 5000):
            tab.evaluate(f"document.querySelector('#media').currentTime = {place}")
            tab.evaluate("async () => { await document.querySelector('#media').play() }")
            wait_until(partial(has_passed, place + 4), 30, "it going on")


def long_recording(web: WebHouse, seconds: float = 1600) -> int:
    """Add a recording that no buffer between server and client can hold."""
    job = web.add("talk.wav", said("hello", 0, 1))
    with wave.open(str(web.inbox / "talk.wav"), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16_000)
        for _ in range(int(seconds)):
            file.writeframes(bytes(32_000))
    version = fingerprint((web.inbox / "talk.wav").stat())
    web.store._write(lambda db: db.exec_driver_sql("UPDATE jobs SET fingerprint = ?", (version,)))
    return job


def opened(path: Path) -> int:
    """How often this process, in which the server runs, has a file open."""
    count = 0
    for each in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError):
            count += os.readlink(each) == str(path)
    return count


def test_a_page_that_is_never_read_is_let_go_although_it_has_been_sent(dial: Dial, web: WebHouse) -> None:
    """For the application it is over: only the connection knows that nobody has taken it."""
    job = web.add("talk.mp3", *(said("word " * 2000, number, number + 1) for number in range(1000)))
    request = f"GET /api/jobs/{job}/transcript.txt HTTP/1.0\nHost: 127.0.0.1\n\n"
    before, reader = sockets(), dial(request, receives=4096)
    wait_until(lambda: sockets() > before + 1, 20, "the connection")
    wait_until(lambda: sockets() == before + 1, 20, "its end on this side alone")
    assert 0 < len(rest(reader)) < 10_000_000


def sockets() -> int:
    found = 0
    for each in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError):
            found += os.readlink(each).startswith("socket:")
    return found


def test_who_waits_makes_room_for_who_asks(dial: Dial, address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "HEAD_S", 60.0)
    monkeypatch.setattr(connections, "CONNECTIONS_MAX", 5)
    listener = dial("GET /api/events HTTP/1.1\nHost: 127.0.0.1\n\n")
    assert b"event: change" in listener.recv(1 << 16) or b"event: change" in listener.recv(1 << 16)
    silent = [dial("GET / HTTP") for _ in range(30)]
    for _ in range(5):
        assert httpx.get(f"{address}/healthz").status_code == 200
    assert all(rest(each) == b"" for each in silent[:20]), "those that waited longest went"
    listener.setblocking(False)
    with pytest.raises(BlockingIOError):
        while listener.recv(1 << 16):
            pass
