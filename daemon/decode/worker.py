"""The decoder child: cuts media files into chunks of speech, one window at a time, for all open recordings.

It never touches a model for transcription, the network or any path: it is handed descriptors.
"""

import os
import time
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.connection import Connection
from multiprocessing.reduction import recv_handle

from daemon.decode.growing import Interrupted
from daemon.decode.listening import Listener, told_apart
from daemon.decode.opened import OpenRecording
from daemon.decode.sandbox import enter_sandbox
from daemon.decode.vad import Looks, warm_up
from daemon.errors import BadRecording, FailedRecording
from daemon.processes.protocol import Close, DecoderReady, Next, Open, Opened, Refused, StillGrowing, TellApart

LOOK_S = 0.5
"""How often a recording that grows is looked at for more."""
SIGN_OF_LIFE_S = 5.0
"""How often the daemon is told that there is no more of it for now."""

TROUBLE = (BadRecording, FailedRecording, MemoryError, OSError)
Order = Open | Next | TellApart | Close


def main(conn: Connection) -> None:
    """Answer the daemon's orders until it closes the connection."""
    conn.send(DecoderReady(enter_sandbox()))
    warm_up()
    decoder = _Decoder(conn)
    while True:
        decoder.obey(*decoder.next_order())


class _Decoder:
    """The recordings that are open, and the orders about them."""

    def __init__(self, conn: Connection) -> None:
        self._conn = conn
        self._recordings: dict[int, OpenRecording] = {}
        self._listener = Listener()
        self._put_back: list[tuple[Order, int]] = []
        """An order that came while a recording was waited for, and its descriptor."""

    def next_order(self) -> tuple[Order, int]:
        """Return the next order and its descriptor; -1 if it has none."""
        if self._put_back:
            return self._put_back.pop()
        order = self._conn.recv()
        return order, recv_handle(self._conn) if isinstance(order, Open) else -1

    def obey(self, order: Order, fd: int) -> None:
        """Do what an order asks for, and answer."""
        try:
            with suppress(Interrupted):
                self._obey(order, fd)
        except TROUBLE as error:
            recording = self._recordings.pop(order.job_id, None)
            if recording is not None:
                recording.close()
            run = order.run if isinstance(order, Open) else 0 if recording is None else recording.run
            reason = str(error) or "the decoder ran out of memory"
            self._conn.send(Refused(order.job_id, run, reason, retry=not isinstance(error, BadRecording)))

    def _obey(self, order: Order, fd: int) -> None:
        match order:
            case Open():
                before = self._recordings.pop(order.job_id, None)
                self._recordings[order.job_id] = opened = self._open(order, fd, before)
                self._conn.send(Opened(order.job_id, order.run, opened.content_hash, opened.header_s))
            case Next(job_id, voiced) if job_id in self._recordings:
                recording = self._recordings[job_id]
                run, window = recording.run, recording.next_window()
                if recording.run != run:
                    # It has become complete meanwhile: the daemon asks again.
                    recording.keep(window)
                    return
                if window.last:
                    self._recordings.pop(job_id).close()
                self._conn.send(window)
                if window.voices_follow:
                    for heard in self._listener.heard(window, recording.speaker_model, voiced):
                        self._conn.send(heard)
            case TellApart():
                self._conn.send(told_apart(order))
            case Close(job_id) if job_id in self._recordings:
                self._recordings.pop(job_id).close()

    def _open(self, order: Open, fd: int, before: OpenRecording | None) -> OpenRecording:
        """Open a recording; what the VAD has said of it while it grew, it need not be asked again."""
        try:
            if before is not None:
                before.close()
            if order.growing:
                return OpenRecording(order, fd, self._wait_for_more(order), Looks())
            return OpenRecording(order, fd, look=None if before is None else before.look)
        except BaseException:
            os.close(fd)
            raise

    def _wait_for_more(self, begun: Open) -> Callable[[], bool]:
        """Return what waits for a recording to grow, for a moment, and tells whether to go on with it."""
        told = time.monotonic()

        def wait() -> bool:
            nonlocal told
            if self._put_back or self._conn.poll(LOOK_S):
                order, fd = self.next_order()
                goes_on = isinstance(order, Open) and self._completed(order, fd)
                if not goes_on:
                    self._put_back.append((order, fd))
                return goes_on
            if time.monotonic() - told >= SIGN_OF_LIFE_S:
                told = time.monotonic()
                self._conn.send(StillGrowing(begun.job_id, begun.run))
            return True

        return wait

    def _completed(self, order: Open, fd: int) -> bool:
        """Go on with a recording that is complete now, and say so; return False if it must be opened anew."""
        recording = self._recordings.get(order.job_id)
        with suppress(*TROUBLE):  # If there is any, it is there again when the recording is opened anew.
            if recording is not None and recording.complete(order, fd):
                hashed, header_s = recording.content_hash, recording.header_s
                self._conn.send(Opened(order.job_id, order.run, hashed, header_s, recording.given))
                return True
        return False
