"""Zip files take long to make: many at once keep nobody else out, and leave nothing behind."""

import contextlib
import threading
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import httpx
import pytest
from fastapi import FastAPI

from daemon.store.store import Store
from daemon.web import taking
from daemon.web.application import make_app
from daemon.web.turns import InTurns, Turns
from tests.builders import settings
from tests.integration.test_taking import done
from tests.integration.web_clients import client, served
from tests.support import wait_until

THREADS = 40
"""What the server has for all requests together, unless told (AnyIO)."""


def test_zip_files_that_take_long_keep_nobody_out_and_all_get_their_turn(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    jobs = [done(store, f"{name}.wav", tmp_path / "inbox") for name in "ab"]
    make, released = taking._transcript, threading.Event()
    working, most, turn = 0, 0, threading.Lock()

    def slowly(*given: Any) -> Any:
        nonlocal working, most
        with turn:
            working += 1
            most = max(most, working)
        released.wait(30)
        with turn:
            working -= 1
        return make(*given)

    monkeypatch.setattr(taking, "_transcript", slowly)

    def zipped() -> httpx.Response:
        return httpx.post(f"{address}/api/transcripts.zip", data={"job": list(map(str, jobs))}, timeout=60)

    with served(settings(tmp_path)) as address, ThreadPoolExecutor(THREADS + 10) as pool:
        wanted = [pool.submit(zipped) for _ in range(THREADS + 10)]
        wait_until(lambda: sum(each.done() for each in wanted) == THREADS + 10 - taking.ZIPS_MAX, 30, "refusals")
        assert httpx.get(f"{address}/", timeout=20).status_code == 200, "others are served meanwhile"
        assert most <= taking.ZIPS_AT_ONCE
        released.set()
        answers = [each.result() for each in wanted]
        assert zipped().status_code == 200, "there is room again"
    refused = [answer for answer in answers if answer.status_code != 200]
    assert len(refused) == THREADS + 10 - taking.ZIPS_MAX
    assert {answer.status_code for answer in refused} == {503} and all(each.headers["retry-after"] for each in refused)
    assert "try again" in refused[0].json()["error"]["message"]
    for answer in answers:
        if answer not in refused:
            assert ZipFile(BytesIO(answer.content)).namelist() == ["a.txt", "b.txt"]


@pytest.mark.usefixtures("path")
def test_nothing_is_held_for_who_has_gone(tmp_path: Path) -> None:
    """Be it that a piece is being made for them, or that they do not read what has been made."""
    turns, closed, entered, go_on = Turns(2, 1), threading.Semaphore(0), threading.Event(), threading.Event()

    def pieces(size: int) -> Generator[bytes, None, None]:
        try:
            while True:
                if not size:
                    entered.set()
                    go_on.wait(30)
                yield bytes(size)
        finally:
            closed.release()

    guard: Any = make_app(settings(tmp_path), "127.0.0.1")
    app: FastAPI = guard._app

    @app.get("/api/pieces/{size}")
    def made(size: int) -> InTurns:
        return InTurns(turns, pieces(size))

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("tests.integration.web_clients.make_app", lambda *_: guard)
        with served(settings(tmp_path)) as address:
            for size in (1_000_000, 0):
                with contextlib.ExitStack() as stack:
                    stack.enter_context(httpx.stream("GET", f"{address}/api/pieces/{size}", timeout=30))
                    assert size or entered.wait(30)
                    assert turns.begun == 1
                go_on.set()
                assert closed.acquire(timeout=30)
                wait_until(lambda: turns.begun == 0, 30, "the place being free")


def test_the_page_says_in_a_page_that_there_are_too_many(store: Store, tmp_path: Path) -> None:
    job = done(store, "a.wav", tmp_path / "inbox")
    page = client(settings(tmp_path))
    page.app._app.state.zips.most = 0  # type: ignore[attr-defined]
    answer = page.post("/jobs/zip", data={"job": str(job)})
    assert answer.status_code == 503 and answer.headers["retry-after"] == "30" and "<html" in answer.text
