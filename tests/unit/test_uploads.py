"""The tus protocol, as clients speak it and as they should not."""

import asyncio
import base64
import fcntl
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.testclient import TestClient

from daemon.config.settings import Model, Settings, Watch
from daemon.config.web import Web, WebUser
from daemon.web import uploads
from daemon.web.application import make_app
from daemon.web.inbox import LASTS_S
from daemon.web.people import Users
from daemon.web.unfinished import UNFINISHED_MAX

DATA = os.urandom(3_000_000)
TUS = {"Tus-Resumable": "1.0.0"}
BODY = {"Content-Type": "application/offset+octet-stream"}


def told(**values: str) -> str:
    return ",".join(f"{key} {base64.b64encode(value.encode()).decode()}" for key, value in values.items())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "inbox").mkdir()
    return tmp_path / "inbox"


@pytest.fixture
def settings(folder: Path, tmp_path: Path) -> Settings:
    web = Web(users_file=str(tmp_path / "users.json"), upload_max_gb=0.01)
    return Settings(watch=(Watch(path=folder),), model=Model(name="base"), web=web)


@pytest.fixture
def client(settings: Settings) -> Iterator[TestClient]:
    with TestClient(make_app(settings, "127.0.0.1"), "http://127.0.0.1") as made:
        yield made


def create(client: TestClient, size: int | str = len(DATA), content: bytes | None = None, **values: str) -> Any:
    headers = {**TUS, "Upload-Length": str(size), "Upload-Metadata": told(**{"filename": "talk.mp3", **values})}
    return client.post("/api/uploads", headers=headers | (BODY if content is not None else {}), content=content)


def begun(client: TestClient, size: int = len(DATA), **values: str) -> str:
    answer = create(client, size, None, **values)
    assert answer.status_code == 201, answer.text
    return str(answer.headers["location"])


def patch(client: TestClient, where: str, offset: int | str, content: Any, **headers: str) -> Any:
    return client.patch(where, headers={**TUS, **BODY, "Upload-Offset": str(offset), **headers}, content=content)


def offset(client: TestClient, where: str) -> int:
    answer = client.head(where, headers=TUS)
    assert answer.status_code == 200
    return int(answer.headers["upload-offset"])


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_the_server_says_what_it_can(client: TestClient) -> None:
    answer = client.options("/api/uploads")
    assert answer.status_code == 204 and answer.headers["tus-version"] == "1.0.0"
    assert answer.headers["tus-max-size"] == "10000000"
    assert set(answer.headers["tus-extension"].split(",")) >= {"creation", "termination", "expiration"}


def test_a_recording_arrives_in_parts(client: TestClient, folder: Path) -> None:
    where = begun(client)
    assert where.startswith("/api/uploads/") and offset(client, where) == 0
    first = patch(client, where, 0, DATA[:1_000_000])
    assert (first.status_code, first.headers["upload-offset"]) == (204, "1000000") and "upload-expires" in first.headers
    state = client.head(where, headers=TUS).headers
    assert (state["upload-length"], state["cache-control"]) == (str(len(DATA)), "no-store")
    assert state["upload-metadata"] == told(filename="talk.mp3") and "talk.mp3" not in names(folder)
    last = patch(client, where, 1_000_000, DATA[1_000_000:])
    assert (last.status_code, last.headers["upload-offset"]) == (204, str(len(DATA)))
    assert names(folder) == ["talk.mp3"] and (folder / "talk.mp3").read_bytes() == DATA
    assert offset(client, where) == len(DATA), "who lost that answer hears it again"
    assert client.delete(where, headers=TUS).status_code == 404


def test_a_recording_arrives_with_the_request_that_begins_it(client: TestClient, folder: Path) -> None:
    part = create(client, len(DATA), DATA[:7])
    assert (part.status_code, part.headers["upload-offset"]) == (201, "7")
    assert patch(client, part.headers["location"], 7, DATA[7:]).status_code == 204
    assert create(client, 2, b"ab", filename="short.mp3").headers["upload-offset"] == "2"
    assert names(folder) == ["short.mp3", "talk.mp3"] and (folder / "talk.mp3").read_bytes() == DATA
    assert create(client, 2, b"abc").status_code == 413 and names(folder) == ["short.mp3", "talk.mp3"]


def test_wishes_arrive_with_it(client: TestClient, folder: Path) -> None:
    create(client, 2, b"ab", language="de", task="both", folder=str(folder))
    head, _, options = (folder / "talk.mp3.toml").read_text().partition("\n")
    assert "moved or deleted with the recording" in head and options == 'language = "de"\ntask = "both"\n'


@pytest.mark.parametrize(
    ("size", "values", "status", "why"),
    [
        (3, {"filename": "a.exe"}, 400, "not named like a recording"), (3, {"filename": "a\0.mp3"}, 400, "cannot be seen"),
        (3, {"filename": ".a.mp3"}, 400, "no dot"), (3, {"folder": "/etc"}, 400, "nothing may be dropped into /etc"),
        (3, {"language": "xx"}, 400, "unknown language"), (3, {"task": "sing"}, 400, "task"), (0, {}, 400, "is empty"),
        (10_000_001, {}, 413, "larger than 0.01 GB"), ("-1", {}, 400, "Upload-Length must be"),
        ("", {}, 400, "Upload-Length must be"), ("1e3", {}, 400, "Upload-Length must be"),
        ("9" * 30, {}, 400, "Upload-Length must be"), (3, {"x": "y" * 5000}, 400, "longer than 4096"),
    ],
)  # fmt: skip
def test_what_cannot_be_taken_is_refused_with_its_reason(
    client: TestClient, folder: Path, size: int | str, values: dict[str, str], status: int, why: str
) -> None:
    answer = create(client, size, None, **values)
    assert answer.status_code == status and why in answer.json()["error"]["message"] + answer.json()["error"]["hint"]
    assert answer.headers["tus-resumable"] == "1.0.0" and names(folder) == []


def test_the_last_part_of_a_path_is_the_name(client: TestClient, folder: Path, tmp_path: Path) -> None:
    create(client, 2, b"ab", filename="../../etc/cron.d/talk.mp3")
    assert names(folder) == ["talk.mp3"] and names(tmp_path) == ["inbox"]


@pytest.mark.parametrize(
    ("at", "headers", "status"),
    [
        (3, {}, 409), (0, {}, 409), ("x", {}, 400), ("-4", {}, 400), (4, {"Content-Type": "text/plain"}, 415),
        (4, {"Tus-Resumable": "0.2.0"}, 412),
    ],
)  # fmt: skip
def test_a_part_that_does_not_fit_changes_nothing(
    client: TestClient, at: int | str, headers: dict[str, str], status: int
) -> None:
    where = begun(client)
    patch(client, where, 0, b"abcd")
    assert patch(client, where, at, b"x", **headers).status_code == status
    assert offset(client, where) == 4


def test_who_speaks_another_version_is_told_ours(client: TestClient) -> None:
    answer = client.head("/api/uploads/x")
    assert (answer.status_code, answer.headers["tus-version"]) == (412, "1.0.0")


def test_more_than_was_told_is_refused_and_what_fits_is_kept(client: TestClient, folder: Path) -> None:
    where = begun(client, 4)
    assert patch(client, where, 0, b"abcde").status_code == 413
    assert patch(client, where, 0, iter([b"ab", b"cde"])).status_code == 413, "without a length beforehand, too"
    assert patch(client, where, 0, iter([b"ab", b"cd"])).status_code == 204
    assert (folder / "talk.mp3").read_bytes() == b"abcd"


def test_an_upload_can_be_cancelled(client: TestClient, folder: Path) -> None:
    where = begun(client)
    patch(client, where, 0, b"abcd")
    assert client.delete(where, headers=TUS).status_code == 204 and names(folder) == []
    for answer in (client.head(where, headers=TUS), client.delete(where, headers=TUS), patch(client, where, 4, b"x")):
        assert answer.status_code == 404


def test_post_stands_for_what_a_proxy_does_not_let_through(client: TestClient, folder: Path) -> None:
    where = begun(client, 4)

    def override(method: str, content: bytes = b"", **headers: str) -> Any:
        return client.post(where, headers={**TUS, "X-HTTP-Method-Override": method, **headers}, content=content)

    assert override("PATCH", b"ab", **BODY, **{"Upload-Offset": "0"}).status_code == 204
    assert override("HEAD").headers["upload-offset"] == "2"
    assert override("GET").status_code == 405
    assert override("DELETE").status_code == 204 and names(folder) == []


@pytest.mark.parametrize("where", ["x", "0" * 32, "..%2f..%2fetc", "0" * 31 + "/", "%00"])
def test_no_address_leads_anywhere_else(client: TestClient, where: str) -> None:
    for answer in (client.head(f"/api/uploads/{where}", headers=TUS), patch(client, f"/api/uploads/{where}", 0, b"x")):
        assert answer.status_code in (404, 405, 307)


def test_two_at_once_are_kept_apart_also_by_other_servers(client: TestClient, folder: Path) -> None:
    where = begun(client)
    patch(client, where, 0, b"abcd")
    with next(folder.glob(".upload-*.part")).open("rb") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        assert patch(client, where, 4, b"x").status_code == 423
        assert client.head(where, headers=TUS).status_code == 423
        assert client.delete(where, headers=TUS).status_code == 423
    assert offset(client, where) == 4


def test_a_full_disk_is_told_and_the_upload_goes_on_later(
    client: TestClient, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write, where = os.pwrite, begun(client)

    def filling(fd: int, data: Any, at: int) -> int:
        if at >= 1_500_000:
            raise OSError(28, "No space left on device")
        return write(fd, data[: 1_500_000 - at], at)

    with monkeypatch.context() as patched:
        patched.setattr(os, "pwrite", filling)
        answer = patch(client, where, 0, DATA)
    assert answer.status_code == 507 and "no space left" in answer.json()["error"]["message"]
    assert offset(client, where) == 1_500_000
    assert patch(client, where, 1_500_000, DATA[1_500_000:]).status_code == 204
    assert (folder / "talk.mp3").read_bytes() == DATA


def test_what_the_daemon_needs_stays_free(client: TestClient, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The disk is not full, but would be with more than that: by default under 500 MB, where the monitor warns."""
    status, where = os.statvfs(folder), begun(client)
    blocks = {"free": 0}

    def with_free(_fd: int) -> os.statvfs_result:
        return os.statvfs_result((1, 1, 10_000_000_000, blocks["free"], blocks["free"], *status[5:10]))

    monkeypatch.setattr(os, "fstatvfs", with_free)
    blocks["free"] = 500_000_000 + 1_000_000
    answer = patch(client, where, 0, DATA)
    told = answer.json()["error"]
    assert answer.status_code == 507 and "500 MB stay free (monitor.disk_free_mb)" in told["message"]
    assert "can go on" in told["hint"] and offset(client, where) < len(DATA) and names(folder)[0].startswith(".upload-")
    assert create(client, filename="other.mp3").status_code == 507, "said before anything is sent"
    blocks["free"] += len(DATA)
    there = offset(client, where)
    assert patch(client, where, there, DATA[there:]).status_code == 204
    assert names(folder) == ["talk.mp3"] and (folder / "talk.mp3").read_bytes() == DATA


def test_a_folder_that_is_away_is_told(client: TestClient, folder: Path) -> None:
    folder.rmdir()
    answer = create(client)
    assert answer.status_code == 503 and "mount its drive" in answer.json()["error"]["hint"]


def test_what_has_only_its_name_to_get_gets_it_when_it_is_asked_for(
    client: TestClient, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    where = begun(client, 4)

    def full(*_names: object, **_options: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "link", full)
        assert patch(client, where, 0, b"abcd").status_code == 507
        assert client.head(where, headers=TUS).status_code == 507
    assert offset(client, where) == 4 and names(folder) == ["talk.mp3"]


def test_what_was_left_is_removed_and_what_is_whole_is_named_when_the_server_starts(
    settings: Settings, folder: Path
) -> None:
    with TestClient(make_app(settings, "127.0.0.1"), "http://127.0.0.1") as first:
        left, going, whole = begun(first), begun(first), begun(first, 4)
        patch(first, going, 0, b"abcd")
    for name, size, age in ((left, 0, LASTS_S + 1), (going, 4, LASTS_S - 600), (whole, 4, LASTS_S + 1)):
        part = folder / f".upload-{name.rpartition('/')[2]}.part"
        os.truncate(part, size)
        os.utime(part, (time.time() - age,) * 2)
    with TestClient(make_app(settings, "127.0.0.1"), "http://127.0.0.1") as second:
        until = time.monotonic() + 20
        while "talk.mp3" not in names(folder) or len(names(folder)) > 3:
            assert time.monotonic() < until, names(folder)
            time.sleep(0.01)
        assert second.head(left, headers=TUS).status_code == 404 and offset(second, going) == 4
        assert [each["id"] for each in second.get("/api/uploads").json()] == [going.rpartition("/")[2]]


def test_there_is_a_limit_for_each_person(client: TestClient) -> None:
    for _ in range(UNFINISHED_MAX):
        begun(client, 4)
    assert create(client).status_code == 429


def test_people_have_their_own_uploads(settings: Settings, folder: Path) -> None:
    web = settings.web.model_copy(update={"users": {"eve": WebUser(read_only=True)}})
    settings = settings.model_copy(update={"web": web})
    users = Users(settings)
    headers = {name: {"Authorization": f"Bearer {users.add_token(name, 'test')}"} for name in ("ada", "bob", "eve")}
    with TestClient(make_app(settings, "127.0.0.1"), "http://127.0.0.1") as client:
        assert create(client).status_code == 401 and client.options("/api/uploads").status_code == 401
        client.headers.update(headers["eve"])
        assert create(client).status_code == 403 and client.get("/api/uploads").status_code == 403
        client.headers.update(headers["ada"])
        where = begun(client, 4)
        client.headers.update(headers["bob"])
        assert client.get("/api/uploads").json() == []
        assert client.head(where, headers=TUS).status_code == 404
        assert client.delete(where, headers=TUS).status_code == 404
        assert patch(client, where, 0, b"abcd").status_code == 404
        client.headers.update(headers["ada"])
        (found,) = client.get("/api/uploads").json()
        assert (found["name"], found["size"], found["offset"]) == ("talk.mp3", 4, 0)
        assert patch(client, where, 0, b"abcd").status_code == 204
        client.headers.update(headers["bob"])
        assert client.head(where, headers=TUS).status_code == 404
    assert names(folder) == ["talk.mp3"]


def test_another_site_begins_nothing(client: TestClient, folder: Path) -> None:
    for foreign in ({"Origin": "http://evil.example"}, {"Sec-Fetch-Site": "cross-site"}):
        client.headers.update(foreign)
        assert create(client).status_code == 403 and names(folder) == []


def test_a_sender_of_whom_nothing_is_heard_does_not_keep_the_upload(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uploads, "IDLE_S", 0.2)
    app = make_app(settings, "127.0.0.1")

    async def shown() -> None:
        async def hanging() -> Any:
            yield b"abcd"
            await asyncio.Event().wait()

        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            headers = {**TUS, "Upload-Length": "8", "Upload-Metadata": told(filename="talk.mp3")}
            where = (await client.post("/api/uploads", headers=headers)).headers["location"]
            headers = {**TUS, **BODY, "Upload-Offset": "0"}
            answer = await client.patch(where, headers=headers, content=hanging())
            assert answer.status_code == 408
            assert (await client.head(where, headers=TUS)).headers["upload-offset"] == "4"

    asyncio.run(shown())
