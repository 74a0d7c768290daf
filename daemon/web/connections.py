"""Connections that say nothing, send byte by byte, or never read: they end, so that they keep nobody else out.

uvicorn closes a connection that is idle between two requests, and limits how long the head of a request may be, but not
how long it may take. Nothing here ends an upload, which has its own limit, or a listener to events who reads them.
"""

import asyncio
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

from daemon.web.guard import LARGE

CONNECTIONS_MAX = 2000
"""So many at once; for one more, the one that has waited longest for a request is closed."""
LOOK_S = 5.0
"""How often each connection is looked at."""
HEAD_S = 30.0
"""The head of a request has come by then, or nobody is there."""
BODY_S = 120.0
"""So has a body that is no upload, and has some megabytes at most."""
UNREAD_S = 120.0
"""So long at most nothing is taken of what is sent. A player that is paused gets the rest when it asks again."""
UNREAD_BYTES = 65_536
"""What counts as something: one byte now and then does not."""


class Connection(H11Protocol):
    """A connection with a limit to everything that others may have to wait for."""

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self._next_look: asyncio.TimerHandle | None = None
        self._drained = 0
        self._state: tuple[Any, ...] = ()
        self._since = 0.0
        self._has_ended = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin."""
        super().connection_made(transport)
        self._since = self.loop.time()
        self._look()
        if len(self.connections) > CONNECTIONS_MAX:
            others = (each for each in self.connections if isinstance(each, Connection))
            waiting = [each for each in others if each.is_waiting and not each._has_ended]
            min(waiting, key=lambda each: each._since)._end()

    def connection_lost(self, exc: Exception | None) -> None:
        """End."""
        if self._next_look is not None:
            self._next_look.cancel()
        super().connection_lost(exc)

    def resume_writing(self) -> None:
        """Note that the other side has read."""
        self._drained += 1
        super().resume_writing()

    @property
    def is_waiting(self) -> bool:
        """Whether there is no request, or only a part of its head."""
        return self.cycle is None or self.cycle.response_complete

    def _look(self) -> None:
        """End the connection if what it is at has taken too long."""
        now = self.loop.time()
        limit_s, state = self._at()
        if state != self._state:
            self._state, self._since = state, now
        if limit_s is not None and now - self._since >= limit_s:
            self._end()
        else:
            self._next_look = self.loop.call_later(LOOK_S, self._look)

    def _end(self) -> None:
        self._has_ended = True
        self.transport.abort()  # Closing would wait until everything has been read.

    def _at(self) -> tuple[float | None, tuple[Any, ...]]:
        """Return how long it may stay as it is (None: as long as it likes), and what tells this from what comes next.

        What is whole for uvicorn may still wait here to be read, even when the connection is being closed.
        """
        unread = self.transport.get_write_buffer_size()
        if unread:
            return UNREAD_S, (self.cycle, self._drained, unread // UNREAD_BYTES)
        if self.is_waiting:
            return HEAD_S, (self.cycle, "head")
        if self.cycle.more_body and not self.scope["path"].startswith(LARGE):
            return BODY_S, (self.cycle, "body")
        return None, (self.cycle, "answer")
