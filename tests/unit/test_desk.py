"""Several who ask the daemon at once: each gets their own reply, and who goes away is said to be gone."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import suppress

import pytest

from daemon.guests.line import Kind, Line, Question, Reply, pair
from daemon.web import desk as room
from daemon.web.desk import HUNG_UP, Desk


@pytest.fixture
def ends(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Line, Desk, threading.Thread]]:
    monkeypatch.setattr(room, "LOOK_S", 0.01)
    daemon, theirs = pair()
    desk = Desk(Line(theirs))
    listener = threading.Thread(target=desk.listen, daemon=True)
    listener.start()
    yield daemon, desk, listener
    with suppress(OSError):
        daemon.close()
    listener.join(5)


async def stays() -> bool:
    return False


def test_each_gets_the_reply_to_their_own_question(ends: tuple[Line, Desk, threading.Thread]) -> None:
    daemon, desk, _ = ends

    def answers() -> None:
        asked = [daemon.asked() for _ in range(3)]
        daemon.reply(Reply(99, 200, b"to nobody"))
        for question in reversed(asked):
            daemon.reply(Reply(question.number, 200, question.body + question.person.encode()))

    async def ask() -> list[Reply | None]:
        return await asyncio.gather(*(desk.ask(Kind.CHUNKS, stays, "ada", body) for body in (b"a", b"b", b"c")))

    threading.Thread(target=answers, daemon=True).start()
    found = asyncio.run(ask())
    assert [reply and reply.body for reply in found] == [b"aada", b"bada", b"cada"]


def test_who_goes_away_is_said_to_be_gone(ends: tuple[Line, Desk, threading.Thread]) -> None:
    daemon, desk, _ = ends
    looks = iter([False, True])

    async def goes() -> bool:
        return next(looks)

    async def is_cancelled() -> None:
        asking = asyncio.create_task(desk.ask(Kind.CHUNKS, stays))
        await asyncio.sleep(0.05)
        asking.cancel()
        with suppress(asyncio.CancelledError):
            await asking

    assert asyncio.run(desk.ask(Kind.CHUNKS, goes)) is None
    asyncio.run(is_cancelled())
    said = [daemon.asked() for _ in range(4)]
    assert [(each.kind, each.number - said[0].number) for each in said] == [
        (Kind.CHUNKS, 0), (Kind.GONE, 0), (Kind.CHUNKS, 1), (Kind.GONE, 1),
    ]  # fmt: skip


def test_when_the_daemon_hangs_up_everybody_is_told(ends: tuple[Line, Desk, threading.Thread]) -> None:
    daemon, desk, listener = ends

    def hangs_up() -> None:
        assert daemon.asked() == Question(1, Kind.ABILITIES)
        daemon.close()

    threading.Thread(target=hangs_up, daemon=True).start()
    assert asyncio.run(desk.ask(Kind.ABILITIES, stays)) == HUNG_UP
    listener.join(5)
    assert not listener.is_alive(), "then the page ends"
    assert asyncio.run(desk.ask(Kind.ABILITIES, stays)) == HUNG_UP
