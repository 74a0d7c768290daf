"""Answers that take long to make, piece by piece: few pieces are made at the same time, and not too many are begun."""

from collections.abc import Generator
from typing import Any

from anyio import CapacityLimiter, to_thread
from fastapi import HTTPException
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

AGAIN_S = 30
"""Who finds no place is told to come back after this time."""


class Turns:
    """The places for answers that are being made.

    Args:
        most: How many answers there may be at once; each holds a piece in memory until it has been read.
        at_once: How many of them have a piece made at the same time; all get their turn, piece by piece. They take no
            thread from other requests.
    """

    def __init__(self, most: int, at_once: int) -> None:
        self.most = most
        self.begun = 0
        self.threads = CapacityLimiter(at_once)


class InTurns(StreamingResponse):
    """An answer that is made piece by piece, and whose maker is closed with the connection, however that ends.

    Args:
        turns: The places.
        pieces: Makes the answer.
        options: As a `StreamingResponse` takes them.
    """

    def __init__(self, turns: Turns, pieces: Generator[bytes, None, None], **options: Any) -> None:
        super().__init__((), **options)
        self._turns = turns
        self._pieces = pieces

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it.

        Raises:
            HTTPException: There is no place left.
        """
        turns = self._turns
        if turns.begun >= turns.most:
            text = f"{turns.most} answers of this kind are being made already: try again in a minute"
            raise HTTPException(503, text, {"Retry-After": str(AGAIN_S)})
        turns.begun += 1
        try:
            await super().__call__(scope, receive, send)
        finally:
            turns.begun -= 1
            self._pieces.close()

    async def stream_response(self, send: Send) -> None:
        """Send piece after piece, each when there is a turn for it."""
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        while (piece := await to_thread.run_sync(next, self._pieces, None, limiter=self._turns.threads)) is not None:
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})
