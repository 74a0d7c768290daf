"""Messages between the daemon's connection and an agent: both ways, to the end, and when the agent is lost."""

import asyncio
import os
import socket
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from daemon.cluster.agent import Answers
from daemon.cluster.tunnel import SILENT_S, Line, Lost, Tunnel
from daemon.processes.cluster_protocol import EngineEnded
from daemon.processes.protocol import RunBatch
from daemon.processes.wire import BESIDE_BYTES, Wire, packed
from tests.builders import chunk

BATCH = RunBatch(1, (chunk(1, audio=b"\1\2" * BESIDE_BYTES), chunk(2)))


class FakeAgent:
    """Keeps what it is sent, and answers what it is told to, once for each time that it is asked."""

    def __init__(self, *answers: Answers | Lost) -> None:
        self.sent: list[tuple[bytes, list[bytes]]] = []
        self.limits_s: list[float] = []
        """How long each message might have taken."""
        self.takes = threading.Event()
        self.takes.set()
        self._answers = list(answers)

    async def call(self, method: str, *args: Any, limit_s: float) -> Any:
        assert limit_s >= SILENT_S
        if method == "send":
            self.limits_s.append(limit_s)
            while not self.takes.is_set():
                await asyncio.sleep(0.01)
            _session, pickled, parts = args
            self.sent.append((pickled, [bytes(part) for part in parts]))
            return None
        while not self._answers:
            await asyncio.sleep(0.01)
        answer = self._answers.pop(0)
        if isinstance(answer, Lost):
            raise answer
        return answer


def tried(agent: FakeAgent, daemon: Callable[[Wire], object]) -> object:
    """Run a tunnel while the daemon's end does something on a thread of its own; what that returns."""

    async def both() -> object:
        ours, theirs = socket.socketpair()
        line = Line(theirs)
        tunnel = asyncio.create_task(Tunnel(agent, 7, line).run())
        wire = Wire(ours.detach())
        try:
            found = await asyncio.to_thread(daemon, wire)
            await tunnel
        finally:
            line.close()
            wire.close()
        return found

    return asyncio.run(asyncio.wait_for(both(), 10))


def test_a_message_and_what_is_beside_it_reach_the_agent_as_they_were() -> None:
    agent = FakeAgent()

    def daemon(wire: Wire) -> None:
        wire.send(BATCH)
        wire.close()

    tried(agent, daemon)
    assert agent.sent == [packed(BATCH)]
    assert len(agent.sent[0][1]) == 2


def test_the_daemon_waits_for_no_machine_that_takes_nothing() -> None:
    agent = FakeAgent(Answers(()))
    agent.takes.clear()
    large = RunBatch(1, (chunk(1, audio=bytes(4_000_000)),))

    def daemon(wire: Wire) -> float:
        began = time.monotonic()
        for _ in range(5):
            wire.send(large)
        took_s = time.monotonic() - began
        agent.takes.set()
        wire.close()
        return took_s

    took_s = tried(agent, daemon)
    assert isinstance(took_s, float)
    assert took_s < 5
    assert len(agent.sent) == 5
    assert agent.limits_s[0] >= SILENT_S + 4


def test_answers_come_in_order_and_the_end_is_told_with_its_reason() -> None:
    said = [EngineEnded(str(number), by_itself=True) for number in range(3)]
    agent = FakeAgent(
        Answers(()), Answers((packed(said[0]), packed(said[1]))), Answers((packed(said[2]),), ended="signal 11")
    )
    found = tried(agent, lambda wire: [wire.recv() for _ in range(4)])
    assert found == [*said, EngineEnded("signal 11", by_itself=True)]


def test_an_agent_that_is_lost_is_not_the_end_of_its_engine() -> None:
    with pytest.raises(Lost, match="unplugged"):
        tried(FakeAgent(Lost("unplugged")), lambda _wire: None)


def test_half_a_message_is_none() -> None:
    async def half() -> object:
        ours, theirs = socket.socketpair()
        line = Line(theirs)
        with ours:
            ours.send(b"\0\0\0")
        try:
            return await line.read()
        finally:
            line.close()

    assert asyncio.run(half()) is None


def test_a_line_that_is_closed_waits_for_nobody_and_leaves_nothing_open() -> None:
    async def closed() -> None:
        ours, theirs = socket.socketpair()
        with ours:
            line = Line(theirs)
            reading = asyncio.create_task(line.read())
            await asyncio.sleep(0.05)
            line.close()
            assert await reading is None and ours.recv(1) == b"", "both ends see the end"

    before = set(os.listdir("/proc/self/fd"))
    asyncio.run(asyncio.wait_for(closed(), 10))
    assert set(os.listdir("/proc/self/fd")) == before
