"""Between the daemon's connection to an engine and the agent on the engine's machine: messages, as they are."""

import asyncio
import os
import pickle
import socket
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Protocol

from daemon.cluster.agent import Answers
from daemon.processes.cluster_protocol import EngineEnded
from daemon.processes.wire import Wire, packed

SILENT_S = 12.0
"""An agent that says nothing for so long, four times what it should be, is cut off."""
SLOWEST_BYTES_S = 1_000_000
"""It has longer while chunks are on their way to it, for what is said later waits for them: a second for so many."""

Frame = tuple[bytes, list[bytes]]


class Lost(Exception):
    """A machine, or the way to it, is gone; what it was doing must be done elsewhere."""


class Line:
    """The link's end of the daemon's connection to an engine.

    Megabytes are read by a thread, at one call of the kernel each, which copies them to where they stay. An event loop
    would be woken for each piece of one, and copy it twice more: three times the work.

    Args:
        end: The socket; nobody else holds it.
    """

    def __init__(self, end: socket.socket) -> None:
        self._end = end
        self._wire = Wire(os.dup(end.fileno()))
        self._reading, self._writing = ThreadPoolExecutor(1), ThreadPoolExecutor(1)

    async def read(self) -> Frame | None:
        """Return the next message from the daemon, as a pickle and what is beside it; None at the end."""
        with suppress(EOFError, OSError):
            return await asyncio.get_running_loop().run_in_executor(self._reading, self._read)
        return None

    async def write(self, pickled: bytes, beside: Sequence[bytes]) -> None:
        """Send a message to the daemon; one that has closed the connection is found to be gone by `read`."""
        with suppress(OSError):
            await asyncio.get_running_loop().run_in_executor(self._writing, self._wire.pass_on, pickled, beside)

    def close(self) -> None:
        """Close the connection, once the threads are done with it, which this has them be at once."""
        with suppress(OSError):
            self._end.shutdown(socket.SHUT_RDWR)
        self._reading.shutdown()
        self._writing.shutdown()
        self._wire.close()
        self._end.close()

    def _read(self) -> Frame:
        pickled, beside = self._wire.receive(lambda pickled, beside: (pickled, beside))
        return pickled, beside


class Remote(Protocol):
    """An agent, through Ray."""

    async def call(self, method: str, *args: Any, limit_s: float) -> Any:
        """Call a method of the agent.

        Raises:
            Lost
        """


@dataclass(slots=True)
class Tunnel:
    """One engine's connection.

    Args:
        agent: On its machine.
        session: Its number there.
    """

    agent: Remote
    session: int
    line: Line
    _on_the_way: int = field(default=0, init=False)
    """How many bytes it has been sent, and has not said that they are there."""

    async def run(self) -> None:
        """Pass messages on until the daemon closes the connection or the engine has ended.

        Raises:
            Lost
        """
        heard: asyncio.Queue[Frame | None] = asyncio.Queue()
        hearing = asyncio.create_task(self._hear(heard))
        ways = {asyncio.create_task(self._to_the_engine(heard)), asyncio.create_task(self._to_the_daemon())}
        try:
            ended, _ = await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            for way in ended:
                way.result()
        finally:
            for way in (hearing, *ways):
                way.cancel()
            await asyncio.gather(hearing, *ways, return_exceptions=True)

    async def say(self, message: object) -> None:
        """Say something to the daemon in the engine's place."""
        await self.line.write(*packed(message))

    async def _hear(self, heard: asyncio.Queue[Frame | None]) -> None:
        """Take whatever the daemon says, at once: while a machine is silent, the others have work to be given."""
        while (frame := await self.line.read()) is not None:
            heard.put_nowait(frame)
        heard.put_nowait(None)

    async def _to_the_engine(self, heard: asyncio.Queue[Frame | None]) -> None:
        while (frame := await heard.get()) is not None:
            pickled, beside = frame
            # Out of band, so that they are in shared memory once, and are not copied on the other side.
            parts = [pickle.PickleBuffer(part) for part in beside]
            self._on_the_way = len(pickled) + sum(map(len, beside))
            await self.agent.call("send", self.session, pickled, parts, limit_s=self._limit_s)
            self._on_the_way = 0

    async def _to_the_daemon(self) -> None:
        while True:
            answers: Answers = await self.agent.call("receive", self.session, limit_s=self._limit_s)
            for pickled, beside in answers.messages:
                await self.line.write(pickled, beside)
            if answers.ended is not None:
                await self.say(EngineEnded(answers.ended, by_itself=True))
                return

    @property
    def _limit_s(self) -> float:
        return SILENT_S + self._on_the_way / SLOWEST_BYTES_S
