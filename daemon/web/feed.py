"""Tells browsers and programs that something has changed, as it happens (server-sent events)."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from pathlib import Path

from anyio import to_thread

from daemon.errors import Unavailable
from daemon.store.changes import Changes

LOOK_S = 1.0
"""The database is looked at this often while somebody listens; it is one small read of shared memory."""
CROWD = 20
"""Whenever so many more listen, the pause between two looks is as much longer: each change has all of them ask for the
page anew, on the cores that transcribe."""
LONGEST = 5.0
"""So many times as long it is at most."""
SIGN_OF_LIFE_S = 15.0
"""Proxies close connections on which nothing comes."""
LISTENERS_MAX = 1500
"""Less than there may be connections, so that listeners never keep out who asks for something."""
STILL_HERE = b": still here\n\n"


class Feed:
    """The number of the newest change. One look serves all listeners.

    Args:
        database: The database file.
        look_s: How often it is looked at.
    """

    def __init__(self, database: Path, look_s: float = LOOK_S) -> None:
        self._database = database
        self._look_s = look_s
        self._listeners = 0
        self._changed = asyncio.Condition()
        self._number = 0
        self._watcher: asyncio.Task[None] | None = None

    async def listen(self) -> AsyncGenerator[bytes]:
        """Yield an event at once and after each change, and a sign of life where nothing changes for long."""
        async with contextlib.aclosing(self.changes()) as changes:
            async for is_change in changes:
                yield f"event: change\ndata: {self.number}\n\n".encode() if is_change else STILL_HERE

    @property
    def is_full(self) -> bool:
        """Whether nobody else may listen for now."""
        return self._listeners >= LISTENERS_MAX

    @property
    def number(self) -> int:
        """Another number after each change that somebody waited for."""
        return self._number

    async def changes(self) -> AsyncGenerator[bool]:
        """Yield True at once and after each change, and False where nothing changes for long."""
        self._listeners += 1
        if self._watcher is None or self._watcher.done():
            self._watcher = asyncio.create_task(self._watch())
        known = -1
        try:
            while True:
                if known != self._number:
                    known = self._number
                    yield True
                elif not await self._wait_for_change(known):
                    yield False
        finally:
            self._listeners -= 1

    async def _wait_for_change(self, known: int) -> bool:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(SIGN_OF_LIFE_S), self._changed:
                await self._changed.wait_for(lambda: self._number != known)
                return True
        return False

    async def _watch(self) -> None:
        """Look at the database while anybody listens; where there is none, or it is replaced, look for it again."""
        while self._listeners:
            with contextlib.suppress(Unavailable, OSError):
                changes = await to_thread.run_sync(Changes, self._database)
                try:
                    await self._follow(changes)
                finally:
                    await to_thread.run_sync(changes.close)
            await asyncio.sleep(self._look_s)

    async def _follow(self, changes: Changes) -> None:
        inode, before = self._database.stat().st_ino, -1
        while self._listeners and self._database.exists() and self._database.stat().st_ino == inode:
            number = await to_thread.run_sync(lambda: changes.number)
            if number != before:
                before = number
                async with self._changed:
                    self._number += 1
                    self._changed.notify_all()
            await asyncio.sleep(self._look_s * min(1 + self._listeners / CROWD, LONGEST))
