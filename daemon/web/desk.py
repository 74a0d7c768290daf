"""Where the page asks its daemon: several questions at once, on the one line to it."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from itertools import count

from anyio import CancelScope, to_thread

from daemon.guests.line import Kind, Line, Question, Reply

LOOK_S = 0.5
"""How often it is looked whether somebody still waits for a reply."""
HUNG_UP = Reply(0, 503, b"the daemon has ended")


class Desk:
    """Asks the daemon, and gives everybody the reply to their own question.

    Args:
        line: To the daemon.
    """

    def __init__(self, line: Line) -> None:
        self._line = line
        self._numbers = count(1)
        self._sending = asyncio.Lock()
        """Whoever waits for it keeps no thread."""
        self._waiting: dict[int, tuple[asyncio.AbstractEventLoop, asyncio.Future[Reply]]] = {}
        self._is_over = False
        self.held_bytes = 0
        """Of requests that are not answered yet."""

    async def ask(
        self, kind: Kind, given_up: Callable[[], Awaitable[bool]], person: str = "", body: bytes = b""
    ) -> Reply | None:
        """Return the daemon's reply; None if nobody wants it any more, which the daemon then knows, too.

        Args:
            kind: What is asked.
            given_up: Whether nobody wants to know any more.
            person: Who asks.
            body: What it is about.
        """
        number, loop = next(self._numbers), asyncio.get_running_loop()
        reply: asyncio.Future[Reply] = loop.create_future()
        self._waiting[number] = (loop, reply)
        try:
            if self._is_over or not await self._send(Question(number, kind, person, body)):
                return HUNG_UP
            while not reply.done():
                await asyncio.wait([reply], timeout=LOOK_S)
                if not reply.done() and await given_up():
                    return None
            return reply.result()
        finally:
            del self._waiting[number]
            if not reply.done() and not self._is_over:
                with CancelScope(shield=True):
                    await self._send(Question(number, Kind.GONE))

    def listen(self) -> None:
        """Give out the replies until the daemon hangs up; on a thread of its own."""
        with suppress(OSError, EOFError):
            while True:
                reply = self._line.replied()
                self._give(reply.number, reply)
        self._is_over = True
        for number in list(self._waiting):
            self._give(number, HUNG_UP)

    async def _send(self, question: Question) -> bool:
        async with self._sending:
            try:
                await to_thread.run_sync(self._line.ask, question)
            except OSError:
                return False
        return True

    def _give(self, number: int, reply: Reply) -> None:
        if (waits := self._waiting.get(number)) is not None:
            loop, future = waits
            with suppress(RuntimeError):  # the server has ended
                loop.call_soon_threadsafe(_set, future, reply)


def _set(future: "asyncio.Future[Reply]", reply: Reply) -> None:
    if not future.done():
        future.set_result(reply)
