"""Recordings for a watched folder on a really small file system, which is full before they are whole."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.integration.test_uploads_process import begin, offset, patch
from tests.integration.web_process import Web
from tests.support import Daemon, write_wav

MB = 1_000_000
DISK_MB, KEPT_MB = 16, 4


@pytest.fixture
def house(tmp_path: Path) -> Iterator[Daemon]:
    """A daemon whose inbox is a disk of its own."""
    made = Daemon(tmp_path, fake={}, monitor=f"disk_free_mb = {KEPT_MB}")
    command = ["mount", "-t", "tmpfs", "-o", f"size={DISK_MB * MB}", "tmpfs", str(made.inbox)]
    mounted = subprocess.run(command, capture_output=True, text=True)
    if mounted.returncode:
        pytest.skip(f"no small disk can be mounted here: {mounted.stderr.strip()}")
    try:
        yield made
    finally:
        subprocess.run(["umount", "--lazy", str(made.inbox)], check=True)


@pytest.fixture
def web(house: Daemon) -> Iterator[Web]:
    served = Web(house.folder, house).start()
    house.start().ready()
    yield served
    house.stop()
    served.kill()


def free(folder: Path) -> int:
    status = os.statvfs(folder)
    return status.f_bavail * status.f_frsize


def visible(web: Web) -> list[str]:
    return [name for name in web.names() if not name.startswith(".")]


def test_an_upload_that_fills_the_disk_is_kept_and_goes_on_when_there_is_room(web: Web, tmp_path: Path) -> None:
    data = write_wav(tmp_path / "talk.wav", seconds=250).read_bytes()
    where, filler = begin(web, len(data), "talk.wav"), web.inbox / "filler"
    filler.write_bytes(bytes((DISK_MB - KEPT_MB) * MB - len(data) // 2))
    answer = patch(web, where, 0, data)
    told = answer.json()["error"]
    assert answer.status_code == 507 and "stay free (monitor.disk_free_mb)" in told["message"], told
    assert "can go on" in told["hint"]
    there = offset(web, where)
    assert 0 < there < len(data) and there == web.arrived()
    assert visible(web) == ["filler"] and free(web.inbox) >= KEPT_MB * MB, "the daemon can still write transcripts"
    assert patch(web, where, there, data[there:]).status_code == 507, "as long as there is no room"
    there = offset(web, where)

    filler.unlink()
    assert patch(web, where, there, data[there:]).status_code == 204
    web.house.wait_for({"talk.wav": "done"})
    assert (web.inbox / "talk.wav").read_bytes() == data and (web.inbox / "talk.txt").stat().st_size
    assert not [name for name in web.names() if name.startswith(".upload-")]


def test_what_can_never_fit_is_refused_before_it_is_sent(web: Web) -> None:
    with pytest.raises(AssertionError, match=f"{KEPT_MB} MB stay free"):
        begin(web, (DISK_MB - KEPT_MB + 1) * MB)
    assert web.names() == []


def test_a_program_hears_that_the_disk_is_full_and_leaves_nothing(web: Web, tmp_path: Path) -> None:
    url, boundary = f"http://{web.address}/v1/audio/transcriptions", "b"
    head = f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="talk.wav"\r\n\r\n'.encode()
    length = (DISK_MB - KEPT_MB + 1) * MB
    headers = {"Content-Type": f"multipart/form-data; boundary={boundary}"}

    def form() -> Iterator[bytes]:
        yield head
        for _ in range(length // MB):
            yield bytes(MB)
        yield f"\r\n--{boundary}--\r\n".encode()

    for sized in ({}, {"Content-Length": str(sum(map(len, form())))}):
        answer = httpx.post(url, content=form(), headers=headers | sized, timeout=60)
        told = answer.json()["error"]
        assert answer.status_code == 507 and "free space there, and send it again" in told["message"], told
        assert told["param"] == "file" and answer.headers["x-should-retry"] == "false"
        assert web.names() == [], "nothing is left"
    write_wav(tmp_path / "memo.wav")
    with (tmp_path / "memo.wav").open("rb") as memo:
        assert httpx.post(url, files={"file": memo}, timeout=60).status_code == 200, "a small one fits"
