"""An upload of ten gigabytes that breaks off at nine and goes on."""

import http.client
import re
import shutil
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.integration.test_uploads_process import BODY, begin, offset
from tests.integration.web_process import HOST, Web

MB, GB = 1_000_000, 1_000_000_000
MEMORY_MB = 150


@pytest.fixture
def web(tmp_path: Path) -> Iterator[Web]:
    served = Web(tmp_path).start()
    yield served
    served.kill()
    for file in served.inbox.iterdir():  # pytest would keep it for the next two runs
        file.unlink()


def block(number: int) -> bytes:
    """A megabyte that no other is mistaken for."""
    return number.to_bytes(8, "big") + bytes(MB - 8)


def send(web: Web, where: str, at: int, blocks: range, *, tell: int) -> http.client.HTTPConnection:
    """Send some blocks, from a place in the first one, of an upload that goes on for `tell` bytes from there."""
    connection = http.client.HTTPConnection(HOST, web.port, timeout=120)
    connection.putrequest("PATCH", where)
    for name, value in {**BODY, "Upload-Offset": str(at), "Content-Length": str(tell)}.items():
        connection.putheader(name, value)
    connection.endheaders()
    for number in blocks:
        connection.send(block(number)[at % MB :] if number == blocks.start else block(number))
    return connection


def peak_mb(web: Web) -> int:
    assert web.process is not None
    found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{web.process.pid}/status").read_text())
    assert found is not None
    return int(found[1]) // 1000


@pytest.mark.faults
@pytest.mark.timeout(900)
@pytest.mark.parametrize(("size", "broken"), [(10 * GB, 9 * GB)])
def test_ten_gigabytes_break_off_at_nine_and_go_on(web: Web, size: int, broken: int) -> None:
    if shutil.disk_usage(web.inbox).free < size + 2 * GB:
        pytest.skip("there are not 12 GB free on this disk")
    where = begin(web, size, "long.wav")
    send(web, where, 0, range(broken // MB), tell=size).close()
    at = offset(web, where)
    assert 0.9 * broken < at <= broken and web.arrived() == at
    assert [name for name in web.names() if not name.startswith(".")] == []

    with closing(send(web, where, at, range(at // MB, size // MB), tell=size - at)) as connection:
        assert connection.getresponse().status == 204
    assert web.names() == ["long.wav"] and (web.inbox / "long.wav").stat().st_size == size
    with (web.inbox / "long.wav").open("rb") as file:
        for number in range(size // MB):
            file.seek(number * MB)
            assert int.from_bytes(file.read(8), "big") == number
        file.seek(at // MB * MB)
        assert file.read(2 * MB) == block(at // MB) + block(at // MB + 1)
    print(f"peak memory of the server: {peak_mb(web)} MB")
    assert peak_mb(web) < MEMORY_MB
