"""Events as they happen, on a real database."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from daemon.web import feed as room
from daemon.web.feed import Feed
from tests.integration.web_house import WebHouse


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "LOOK_S", 0.02)


async def heard(events: AsyncIterator[bytes]) -> bytes:
    return await asyncio.wait_for(anext(events), 20)


def test_whoever_listens_hears_of_every_change_and_nothing_else(web: WebHouse) -> None:
    async def listen() -> None:
        feed = Feed(web.settings.database_path)
        one, other = feed.listen(), feed.listen()
        for events in (one, other):
            assert (await heard(events)).startswith(b"event: change")
        await heard(one)  # the first look
        for _ in range(3):
            waiting = asyncio.create_task(heard(one))
            await asyncio.sleep(0.2)
            assert not waiting.done(), "nothing has changed"
            web.add(f"talk-{web.store.nothing_left()}.opus", state="queued")
            assert b"event: change" in await waiting
            web.store.vanish([1, 2, 3], "gone")
            await heard(one)
        assert b"change" in await heard(other), "what was missed is told as one"

    asyncio.run(listen())


def test_a_sign_of_life_keeps_the_connection_open(web: WebHouse, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "SIGN_OF_LIFE_S", 0.05)

    async def listen() -> None:
        events = Feed(web.settings.database_path).listen()
        assert b": still here\n\n" in [await heard(events) for _ in range(4)]

    asyncio.run(listen())


def test_nobody_looks_where_nobody_listens(web: WebHouse) -> None:
    async def listen() -> None:
        feed = Feed(web.settings.database_path)
        events = feed.listen()
        await heard(events)
        assert feed._watcher is not None
        await events.aclose()
        await asyncio.wait_for(feed._watcher, 20)
        assert await heard(feed.listen())
        assert not feed._watcher.done()

    asyncio.run(listen())


def test_a_database_that_comes_later_or_is_replaced_is_found(web: WebHouse) -> None:
    path = web.settings.database_path
    away = path.with_name("away.db")

    async def listen() -> None:
        path.rename(away)
        events = Feed(path).listen()
        await heard(events)
        waiting = asyncio.create_task(heard(events))
        await asyncio.sleep(0.1)
        assert not waiting.done()
        away.rename(path)
        assert b"change" in await waiting

    asyncio.run(listen())


def test_only_so_many_may_listen(web: WebHouse, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "LISTENERS_MAX", 0)
    answer = web.client().get("/api/events")
    assert answer.status_code == 503 and int(answer.headers["retry-after"]) > 0
    assert "try again later" in answer.json()["error"]["message"]
