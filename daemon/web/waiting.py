"""Waits for jobs, on behalf of programs that wait for an answer: no thread and no query is spent on each of them."""

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing
from pathlib import Path

from anyio import to_thread

from daemon.errors import Unavailable
from daemon.filesystem import inode_of
from daemon.store.queries import Queries
from daemon.store.schema import CANCELLED, DEAD, DONE, IGNORED, REJECTED, VANISHED
from daemon.web.arrived import Arrived
from daemon.web.feed import Feed

LOOK_S = 0.2
"""Who waits for a memo of a few seconds notices a second more; the look is one small read of shared memory."""
ENDED = (DONE, DEAD, REJECTED, CANCELLED, IGNORED, VANISHED)
FORGOTTEN = "forgotten"
"""The state of a job that was there, and is not any more."""


async def _never() -> bool:
    return False


class NoDaemon(Unavailable):
    """Nobody would take the recording."""


class Waiting:
    """Tells how jobs are, as it changes. One look at the database serves everybody who waits.

    Args:
        database: The database file.
    """

    def __init__(self, database: Path) -> None:
        self.arriving: Counter[str] = Counter()
        """How many recordings are on their way here, by the names of those whose they are."""
        self._database = database
        self._feed = Feed(database, LOOK_S)
        self._wanted: Counter[int] = Counter()
        self._states: dict[int, str] = {}
        self._number = -1
        self._turn = asyncio.Lock()

    async def check(self) -> None:
        """Return if a daemon runs.

        Raises:
            NoDaemon: None does.
            Unavailable: There is no database yet, or it cannot be read.
        """
        if not await to_thread.run_sync(self._daemon_runs):
            raise NoDaemon("no daemon is running that could transcribe", "start it: transcribed run")

    async def job(
        self, arrived: Arrived, timeout_s: float | None = None, given_up: Callable[[], Awaitable[bool]] = _never
    ) -> int | None:
        """Return the job of a recording, as soon as the daemon has seen it; None if that takes too long.

        Args:
            arrived: The recording.
            timeout_s: How long that may take; None for as long as a daemon runs.
            given_up: Whether nobody wants to know any more.

        Raises:
            NoDaemon: None runs any more.
        """
        try:
            async with asyncio.timeout(timeout_s), aclosing(self._feed.changes()) as changes:
                async for is_change in changes:
                    if (found := await to_thread.run_sync(self._job_of, arrived)) is not None:
                        return found
                    if await given_up():
                        return None
                    if not is_change and timeout_s is None:
                        await self.check()
        except TimeoutError:
            pass
        return None

    async def states(self, job_id: int) -> AsyncGenerator[str]:
        """Yield the state of a job at once and whenever anything may have changed, until it has ended.

        Raises:
            NoDaemon: Nothing has changed for long, and no daemon runs any more.
        """
        self._wanted[job_id] += 1
        try:
            async with aclosing(self._feed.changes()) as changes:
                async for is_change in changes:
                    state = await self._state(job_id)
                    yield state
                    if state in (*ENDED, FORGOTTEN):
                        return
                    if not is_change:
                        await self.check()
        finally:
            self._wanted[job_id] -= 1
            if not self._wanted[job_id]:
                del self._wanted[job_id]

    async def _state(self, job_id: int) -> str:
        async with self._turn:
            if self._number != self._feed.number or job_id not in self._states:
                number = self._feed.number
                self._states = await to_thread.run_sync(self._read, list(self._wanted))
                self._number = number
            return self._states.get(job_id, FORGOTTEN)

    def _read(self, job_ids: Sequence[int]) -> dict[int, str]:
        with Queries(self._database) as queries:
            return queries.states(job_ids)

    def _daemon_runs(self) -> bool:
        with Queries(self._database) as queries:
            return queries.pid is not None

    def _job_of(self, arrived: Arrived) -> int | None:
        with Queries(self._database) as queries:
            row = queries.newest(arrived.root, arrived.path, arrived.version)
        # Giving a file its name changes the last part of its version, in whose midst the daemon may have seen it.
        is_same = row is not None and inode_of(row["fingerprint"]) == inode_of(arrived.version)
        return row["id"] if row is not None and is_same else None
