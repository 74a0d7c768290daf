"""The daemon's decoder children: many open recordings on few processes, one window at a time."""

import logging
import time
from collections import deque
from dataclasses import dataclass, field
from typing import Any

from daemon.children.process import Child, ChildDied
from daemon.children.protocol import Close, Next, Open

log = logging.getLogger(__name__)

MODULE = "daemon.children.decoder"
WINDOW_DEADLINE_S = 120.0
"""A window takes about a second on an old laptop; one that takes this long hangs."""
HASH_BYTES_PER_S = 10e6
"""Opening reads the whole file for its hash; slower than this is a dead network drive."""


@dataclass(slots=True)
class _Decoder:
    child: Child
    open: set[int] = field(default_factory=set)
    orders: deque[tuple[int, float]] = field(default_factory=deque)
    """(job, seconds allowed) of the answers that are due, the one being worked on first."""


@dataclass(frozen=True, slots=True)
class LostRecordings:
    """A decoder died: the recording that it was working on, and the others that it had open."""

    culprit: int | None
    innocent: tuple[int, ...]
    how: str


class Decoders:
    """Up to `limit` decoder children, started when needed, each with many recordings open.

    Methods that talk to a child say nothing when it has died: `receive` of its connection tells.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._decoders: list[_Decoder] = []
        self._of: dict[int, _Decoder] = {}

    @property
    def children(self) -> list[Child]:
        return [decoder.child for decoder in self._decoders]

    def open(self, order: Open, fd: int) -> None:
        """Have a recording opened by the decoder that has the fewest; the answer is Opened or Refused."""
        if len(self._decoders) < self._limit and all(decoder.open for decoder in self._decoders):
            self._decoders.append(_Decoder(Child(MODULE)))
        decoder = min(self._decoders, key=lambda decoder: len(decoder.open))
        decoder.open.add(order.job_id)
        self._of[order.job_id] = decoder
        allowed_s = WINDOW_DEADLINE_S + order.size_bytes / HASH_BYTES_PER_S
        self._order(decoder, order.job_id, allowed_s, order, fd)

    def ask(self, job_id: int) -> None:
        """Ask for the next window of an open recording; the answer is Window or Refused."""
        self._order(self._of[job_id], job_id, WINDOW_DEADLINE_S, Next(job_id))

    def close(self, job_id: int) -> None:
        """Forget a recording, whose answers no longer matter."""
        decoder = self._of.pop(job_id, None)
        if decoder is not None:
            decoder.open.discard(job_id)
            self._send(decoder, Close(job_id))

    def receive(self, child: Child) -> Any:
        """The next answer of a child, or LostRecordings if it died (or must be ended, being overdue)."""
        decoder = next(decoder for decoder in self._decoders if decoder.child is child)
        try:
            if child.overdue:
                raise ChildDied("no answer within its time")
            answer = child.receive()
        except ChildDied as error:
            return self._bury(decoder, str(error))
        if decoder.orders:
            decoder.orders.popleft()
        self._set_deadline(decoder)
        return answer

    def end(self) -> None:
        """End all children."""
        for decoder in self._decoders:
            decoder.child.end()
        self._decoders.clear()
        self._of.clear()

    def _order(self, decoder: _Decoder, job_id: int, allowed_s: float, message: object, fd: int | None = None) -> None:
        decoder.orders.append((job_id, allowed_s))
        if len(decoder.orders) == 1:
            self._set_deadline(decoder)
        self._send(decoder, message, fd)

    def _send(self, decoder: _Decoder, message: object, fd: int | None = None) -> None:
        try:
            decoder.child.send(message, fd)
        except ChildDied as error:
            log.debug("decoder %d does not listen: %s", decoder.child.pid, error)

    def _set_deadline(self, decoder: _Decoder) -> None:
        decoder.child.deadline = time.monotonic() + decoder.orders[0][1] if decoder.orders else None

    def _bury(self, decoder: _Decoder, why: str) -> LostRecordings:
        how = decoder.child.end()
        self._decoders.remove(decoder)
        culprit = decoder.orders[0][0] if decoder.orders else None
        for job_id in decoder.open:
            del self._of[job_id]
        if culprit not in decoder.open:
            culprit = None
        innocent = tuple(sorted(decoder.open - {culprit}))
        log.warning("decoder %d died (%s; %s)", decoder.child.pid, how, why or "connection lost")
        return LostRecordings(culprit, innocent, how)
