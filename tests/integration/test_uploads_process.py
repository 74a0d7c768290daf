"""Uploads to real servers: killed in the middle, two on one folder, large ones, and two senders at once."""

import base64
import os
import re
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.integration.web_process import Web
from tests.support import Daemon, wait_until, write_wav

TUS = {"Tus-Resumable": "1.0.0"}
BODY = {**TUS, "Content-Type": "application/offset+octet-stream"}
MB = 1_000_000


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[[], Web]]:
    """Starts a server; all are of one house."""
    made: list[Web] = []

    def start() -> Web:
        made.append(Web(tmp_path).start())
        return made[-1]

    yield start
    for web in made:
        web.kill()


def begin(web: Web, size: int, name: str = "talk.mp3") -> str:
    told = f"filename {base64.b64encode(name.encode()).decode()}"
    headers = {**TUS, "Upload-Length": str(size), "Upload-Metadata": told}
    answer = httpx.post(f"http://{web.address}/api/uploads", headers=headers)
    assert answer.status_code == 201, answer.text
    return answer.headers["location"]


def patch(web: Web, where: str, offset: int, content: bytes | Iterator[bytes]) -> httpx.Response:
    headers = {**BODY, "Upload-Offset": str(offset)}
    return httpx.patch(f"http://{web.address}{where}", headers=headers, content=content, timeout=60)


def offset(web: Web, where: str) -> int:
    """Where an upload ends; a connection that has just been lost may still be noticed."""

    def known() -> httpx.Response | None:
        answer = httpx.head(f"http://{web.address}{where}", headers=TUS)
        return None if answer.status_code == 423 else answer

    answer: httpx.Response = wait_until(known, 30, "the upload being free")
    assert answer.status_code == 200
    return int(answer.headers["upload-offset"])


def test_a_server_that_is_killed_again_and_again_loses_nothing(serve: Callable[[], Web]) -> None:
    data, web = os.urandom(12 * MB), serve()
    where = begin(web, len(data))
    for part in range(1, 4):
        at, until = offset(web, where), part * 3 * MB

        def sending(at: int = at, until: int = until, web: Web = web) -> Iterator[bytes]:
            yield data[at:until]
            wait_until(lambda: web.arrived() > at, 30, "something having arrived")
            web.kill()
            yield data[until : until + 1]

        with pytest.raises(httpx.TransportError):
            patch(web, where, at, sending())
        web.start()
        assert at < offset(web, where) <= until + 1
    at = offset(web, where)
    assert patch(web, where, at, data[at:]).status_code == 204
    assert web.names() == ["talk.mp3"] and (web.inbox / "talk.mp3").read_bytes() == data


def test_a_connection_that_breaks_keeps_what_has_arrived(serve: Callable[[], Web]) -> None:
    class Broken(Exception):
        pass

    data, web = os.urandom(3 * MB), serve()
    where = begin(web, len(data))

    def breaking() -> Iterator[bytes]:
        yield data[: 2 * MB]
        raise Broken

    with pytest.raises(Broken):
        patch(web, where, 0, breaking())
    at = offset(web, where)
    assert 0 < at <= 2 * MB
    patch(web, where, at, data[at:])
    assert (web.inbox / "talk.mp3").read_bytes() == data


def test_two_servers_on_one_folder_keep_apart_and_take_turns(serve: Callable[[], Web]) -> None:
    data, one, other = os.urandom(4 * MB), serve(), serve()
    where = begin(one, len(data))
    done = threading.Event()

    def holding() -> Iterator[bytes]:
        yield data[: 3 * MB // 2]
        done.wait(30)
        yield data[3 * MB // 2 : 2 * MB]

    answers: list[httpx.Response] = []
    sender = threading.Thread(target=lambda: answers.append(patch(one, where, 0, holding())))
    sender.start()
    wait_until(one.arrived, 30, "the first having begun")
    for web in (one, other):
        assert patch(web, where, 0, data).status_code == 423, "the second of two at once"
        assert httpx.delete(f"http://{web.address}{where}", headers=TUS).status_code == 423
    done.set()
    sender.join(30)
    assert answers[0].status_code == 204
    assert patch(other, where, 2 * MB, data[2 * MB : 3 * MB]).status_code == 204
    assert patch(one, where, 2 * MB, b"x").status_code == 409
    assert patch(one, where, 3 * MB, data[3 * MB :]).status_code == 204
    assert httpx.head(f"http://{other.address}{where}", headers=TUS).status_code == 404
    assert one.names() == ["talk.mp3"] and (one.inbox / "talk.mp3").read_bytes() == data


def test_a_large_recording_is_never_held_in_memory(serve: Callable[[], Web]) -> None:
    web, block, blocks = serve(), os.urandom(MB), 400
    where = begin(web, blocks * MB)
    assert web.process is not None
    status = Path(f"/proc/{web.process.pid}/status")

    def most() -> int:
        found = re.search(r"VmHWM:\s+(\d+) kB", status.read_text())
        assert found is not None
        return int(found[1]) // 1000

    before = most()
    assert patch(web, where, 0, (block for _ in range(blocks))).status_code == 204
    assert (web.inbox / "talk.mp3").stat().st_size == blocks * MB
    assert most() < min(150, before + 40)


def test_the_daemon_sees_nothing_of_a_recording_before_it_is_whole(tmp_path: Path) -> None:
    tables: dict[str, Any] = {"[watch]": 'path = "inbox"\nignore = []'}
    house = Daemon(tmp_path, fake={}, **tables)
    data = write_wav(tmp_path / "talk.wav").read_bytes()
    web = Web(tmp_path, house).start()
    house.start().ready()
    try:
        where = begin(web, len(data), "talk.wav")
        patch(web, where, 0, data[:1000])
        write_wav(house.inbox / "other.wav", seed=1)
        house.wait_for({"other.wav": "done"})
        assert house.states() == {"other.wav": "done"}
        patch(web, where, 1000, data[1000:])
        house.wait_for({"talk.wav": "done"})
        assert house.states() == {"other.wav": "done", "talk.wav": "done"}
    finally:
        house.stop()
        web.kill()
