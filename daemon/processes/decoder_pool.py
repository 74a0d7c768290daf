"""The daemon's decoder children: many open recordings on few processes, one window at a time."""

import logging
import os
import time
from collections import deque
from dataclasses import dataclass, field
from typing import TypeAlias

from daemon.errors import Unavailable
from daemon.processes.child import START_ATTEMPTS, Child, ChildDied, Peer
from daemon.processes.protocol import (
    Close,
    DecoderReady,
    Heard,
    Next,
    Open,
    Opened,
    Refused,
    StillGrowing,
    TellApart,
    ToldApart,
    Window,
)

log = logging.getLogger(__name__)

MODULE = "daemon.decode.worker"
WINDOW_DEADLINE_S = 120.0
"""A window takes about a second on an old laptop; one that takes this long hangs."""
HASH_BYTES_PER_S = 20e6
"""Opening reads the whole file for its hash; slower than this is a dead network drive."""
PATIENCE_S = 1.0
"""A decoder that works on one order for longer is stuck in a strange file; a spare one takes over what waits."""
SPARES = 2
"""Decoders above the usual number, for when others are stuck."""
RECYCLE_RECORDINGS = 2_000
RECYCLE_BYTES = 1 << 30
"""A decoder that has opened this many, or holds this much memory (usual are 150 MB), is given no more recordings, and
ends when it has closed those that it has."""

RESTART_S, RESTART_MAX_S = 5.0, 60.0
"""Wait before a start after two that failed, longer by as much after each further one, and at most."""


@dataclass(slots=True)
class _Decoder:
    child: Child
    ready: bool = False
    """Its libraries are loaded; what ends it before that is the environment, never a recording."""
    open: set[int] = field(default_factory=set)
    current: int | None = None
    """The job whose order it works on; a decoder is never given a second one before it has answered."""
    since: float = 0.0
    asked: deque[Next] = field(default_factory=deque)
    """Which next windows of open recordings are wanted."""
    forgotten: list[int] = field(default_factory=list)
    """Recordings that it is told to close once it listens."""
    opened: int = 0
    recycle: bool = False
    follows: int = 0
    """The run of the one recording that it is for, from when that grew to its last window; 0 for any."""


@dataclass(frozen=True, slots=True)
class LostRecordings:
    """A decoder died: the recording that it was working on, and the others that it had open."""

    culprit: int | None
    innocent: tuple[int, ...]
    how: str


DecoderEvent: TypeAlias = Opened | Window | Heard | ToldApart | Refused | LostRecordings


class DecoderPool:
    """Decoder children, started when needed, each with many recordings open.

    Orders wait here, not in the children, so that a file that keeps one busy holds up no other. A child that has
    died is noticed by `receive` of its connection.

    Args:
        usual: how many work side by side.
    """

    def __init__(self, usual: int) -> None:
        self._usual = usual
        self._decoders: list[_Decoder] = []
        self._of: dict[int, _Decoder] = {}
        self._unopened: deque[tuple[Open, int]] = deque()
        self._untold: deque[TellApart] = deque()
        self._worked = False
        """A decoder has loaded its libraries since the daemon's start."""
        self._failed_starts = 0
        """In a row."""
        self._start_at = 0.0
        self._told: set[str] = set()
        self._deaths = 0
        """Since the daemon's start."""

    @property
    def children(self) -> list[Child]:
        """The children that live."""
        return [decoder.child for decoder in list(self._decoders)]

    @property
    def processes(self) -> list[tuple[str, int]]:
        """(name, process id) of the children, for the monitor's thread."""
        return [("decoder", child.pid) for child in self.children]

    @property
    def restarts(self) -> dict[str, int]:
        """Deaths of all decoders since the daemon's start."""
        return {"decoder": self._deaths}

    @property
    def may_start(self) -> bool:
        """Whether a decoder may be started now; after starts that failed, there is a wait."""
        return time.monotonic() >= self._start_at

    def warm_up(self) -> None:
        """Start the first child now, so that the first recording need not wait for its libraries to load."""
        if not self._decoders:
            self._decoders.append(_Decoder(Child(MODULE)))

    def open(self, order: Open, fd: int) -> None:
        """Ask a decoder to open a recording; the answer is Opened or Refused. The descriptor is duplicated.

        One that grows has a decoder for itself, which keeps it when it is opened again as complete.
        """
        decoder = self._of.get(order.job_id)
        if decoder is None and not order.growing:
            self._unopened.append((order, os.dup(fd)))
            self.hand_out()
            return
        if decoder is None:
            decoder = _Decoder(Child(MODULE), recycle=True)
            self._decoders.append(decoder)
        decoder.follows = order.run
        decoder.asked.clear()
        self._open(decoder, order, fd)

    def ask(self, order: Next) -> None:
        """Ask for the next window of an open recording; the answer is Window, with Heard after it, or Refused."""
        self._of[order.job_id].asked.append(order)
        self.hand_out()

    def tell_apart(self, order: TellApart) -> None:
        """Ask who speaks when in a recording that is not open any more; the answer is ToldApart."""
        self._untold.append(order)
        self.hand_out()

    def forget(self, job_id: int) -> None:
        """Forget a recording, whose answers no longer matter."""
        for order, fd in [item for item in self._unopened if item[0].job_id == job_id]:
            self._unopened.remove((order, fd))
            os.close(fd)
        self._untold = deque(order for order in self._untold if order.job_id != job_id)
        decoder = self._of.pop(job_id, None)
        if decoder is not None:
            decoder.open.discard(job_id)
            if decoder.follows:
                self._retire(decoder)
                return
            decoder.asked = deque(order for order in decoder.asked if order.job_id != job_id)
            decoder.forgotten.append(job_id)
            self._close_forgotten(decoder)

    def hand_out(self) -> None:
        """Give idle decoders something to do: new recordings first, they are quick to open."""
        for decoder in list(self._decoders):
            if decoder.recycle and not decoder.open:
                self._retire(decoder)
            elif decoder.current is None:
                self._next_order(decoder)
        if (self._unopened or self._untold) and self._may_grow():
            decoder = _Decoder(Child(MODULE))
            self._decoders.append(decoder)
            self._next_order(decoder)
        if not self._worked and self.may_start:
            self.warm_up()

    def receive(self, child: Peer) -> DecoderEvent | None:
        """Return the next answer of a child, or None if it has just become ready.

        A child that died, or must be ended because it is overdue, gives LostRecordings.

        Raises:
            Unavailable: decoders die while they load, and none ever was ready.
        """
        decoder = next(decoder for decoder in self._decoders if decoder.child is child)
        try:
            answer = child.receive()
            if isinstance(answer, DecoderReady) and not decoder.ready:
                self._loaded(decoder, answer)
                return None
            if isinstance(answer, StillGrowing):
                if answer.run == decoder.follows:
                    child.deadline = time.monotonic() + WINDOW_DEADLINE_S
                return None
            if not isinstance(answer, Opened | Window | Heard | ToldApart | Refused):
                raise ChildDied(f"an unexpected answer: {type(answer).__name__}")
        except ChildDied as error:
            return self._child_died(decoder, str(error))
        if decoder.follows:
            if answer.run != decoder.follows:  # It has been told meanwhile to open it again.
                return answer
        else:
            decoder.recycle = decoder.opened >= RECYCLE_RECORDINGS or child.rss_bytes > RECYCLE_BYTES
        if (isinstance(answer, Window) and answer.voices_follow) or (isinstance(answer, Heard) and answer.more):
            decoder.since = time.monotonic()
            child.deadline = decoder.since + WINDOW_DEADLINE_S
            return answer
        if isinstance(answer, ToldApart):
            decoder.open.discard(answer.job_id)
            self._of.pop(answer.job_id, None)
        decoder.current, child.deadline = None, None
        self.hand_out()
        return answer

    def close(self) -> None:
        """End all children."""
        for decoder in self._decoders:
            decoder.child.end()
        for _, fd in self._unopened:
            os.close(fd)
        self._decoders.clear()
        self._unopened.clear()
        self._of.clear()

    def _close_forgotten(self, decoder: _Decoder) -> None:
        """Tell a decoder what to close, unless it is at work: it may be sending a window, which nobody reads now.

        If both sent more than their connection holds, each would wait for the other for ever.
        """
        while decoder.forgotten and decoder.current is None:
            self._send(decoder, Close(decoder.forgotten.pop(0)))

    def _may_grow(self) -> bool:
        if not self.may_start:
            return False
        taking = [decoder for decoder in self._decoders if not decoder.recycle]
        if len(taking) < self._usual:
            return True
        stuck = time.monotonic() - PATIENCE_S
        return len(taking) < self._usual + SPARES and all(decoder.since < stuck for decoder in taking)

    def _retire(self, decoder: _Decoder) -> None:
        """End a decoder that has nothing open; another one is started when there is something to decode."""
        if not decoder.follows:
            log.info("decoder %d is replaced after %d recordings", decoder.child.pid, decoder.opened)
        self._decoders.remove(decoder)
        decoder.child.end(gently=True)

    def _next_order(self, decoder: _Decoder) -> None:
        self._close_forgotten(decoder)
        if self._unopened and not decoder.recycle:
            recording, fd = self._unopened.popleft()
            self._open(decoder, recording, fd)
            os.close(fd)
        elif self._untold and decoder.ready and not decoder.recycle:
            # Of a long recording it is megabytes, which one that still loads its libraries would let us wait for.
            question = self._untold.popleft()
            decoder.open.add(question.job_id)
            self._of[question.job_id] = decoder
            self._order(decoder, question.job_id, question, WINDOW_DEADLINE_S)
        elif decoder.asked:
            order = decoder.asked.popleft()
            self._order(decoder, order.job_id, order, WINDOW_DEADLINE_S)

    def _open(self, decoder: _Decoder, order: Open, fd: int) -> None:
        decoder.open.add(order.job_id)
        decoder.opened += 1
        self._of[order.job_id] = decoder
        self._order(decoder, order.job_id, order, WINDOW_DEADLINE_S + order.size_bytes / HASH_BYTES_PER_S, fd)

    def _order(self, decoder: _Decoder, job_id: int, message: object, allowed_s: float, fd: int | None = None) -> None:
        decoder.current, decoder.since = job_id, time.monotonic()
        decoder.child.deadline = decoder.since + allowed_s
        self._send(decoder, message, fd)

    def _send(self, decoder: _Decoder, message: object, fd: int | None = None) -> None:
        try:
            decoder.child.send(message, fd)
        except ChildDied as error:
            log.debug("decoder %d does not listen: %s", decoder.child.pid, error)

    def _loaded(self, decoder: _Decoder, answer: DecoderReady) -> None:
        decoder.ready = self._worked = True
        self.hand_out()
        self._failed_starts, self._start_at = 0, 0.0
        for kept in answer.kept:
            if kept not in self._told:
                log.warning("the sandbox of the decoders is incomplete; they keep %s", kept)
                self._told.add(kept)

    def _failed_to_start(self, how: str) -> None:
        """Wait before the next start, and give up if no start ever succeeded."""
        self._failed_starts += 1
        self._start_at = time.monotonic() + min(RESTART_S * (self._failed_starts - 1), RESTART_MAX_S)
        if self._failed_starts >= START_ATTEMPTS and not self._worked:
            raise Unavailable(
                f"decoders died {START_ATTEMPTS} times while loading their libraries ({how})",
                "see the log above; a limit (ulimit, a unit's Limit…=) is too low, or the installation is broken",
            )

    def _child_died(self, decoder: _Decoder, why: str) -> LostRecordings:
        how = decoder.child.end()
        self._deaths += 1
        self._decoders.remove(decoder)
        for job_id in decoder.open:
            del self._of[job_id]
        to_blame = decoder.ready and decoder.current in decoder.open and not decoder.child.unheard
        culprit = decoder.current if to_blame else None
        innocent = tuple(sorted(decoder.open - {culprit}))
        log.warning("decoder %d died (%s; %s)", decoder.child.pid, how, why or "connection lost")
        if not decoder.ready:
            self._failed_to_start(how)
        self.hand_out()
        return LostRecordings(culprit, innocent, how)
