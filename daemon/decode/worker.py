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
from daemon.decode.opened import OpenRecording
from daemon.decode.sandbox import enter_sandbox
from daemon.decode.vad import Looks
from daemon.errors import BadRecording, FailedRecording
from daemon.processes.protocol import Close, DecoderReady, Next, Open, Opened, Refused, StillGrowing

LOOK_S = 0.5
"""How often a recording that grows is looked at for more."""
SIGN_OF_LIFE_S = 5.0
"""How often the daemon is told that there is no more of it for now."""


def main(conn: Connection) -> None:
    """Answer the daemon's orders until it closes the connection."""
    conn.send(DecoderReady(enter_sandbox()))
    recordings: dict[int, OpenRecording] = {}
    while True:
        order = conn.recv()
        try:
            with suppress(Interrupted):
                _obey(order, conn, recordings)
        except (BadRecording, FailedRecording, MemoryError, OSError) as error:
            recording = recordings.pop(order.job_id, None)
            if recording is not None:
                recording.close()
            run = order.run if isinstance(order, Open) or recording is None else recording.run
            reason = str(error) or "the decoder ran out of memory"
            conn.send(Refused(order.job_id, run, reason, retry=not isinstance(error, BadRecording)))


def _obey(order: object, conn: Connection, recordings: dict[int, OpenRecording]) -> None:
    """Do what an order asks for.

    Raises:
        Interrupted: The next order has come while it waited for a recording to grow.
        BadRecording, FailedRecording, MemoryError, OSError: The recording cannot be decoded.
    """
    match order:
        case Open():
            before = recordings.pop(order.job_id, None)
            opened = recordings[order.job_id] = _open(order, conn, before)
            conn.send(Opened(order.job_id, order.run, opened.content_hash, opened.header_s))
        case Next(job_id) if job_id in recordings:
            window = recordings[job_id].next_window()
            if window.last:
                recordings.pop(job_id).close()
            conn.send(window)
        case Close(job_id) if job_id in recordings:
            recordings.pop(job_id).close()


def _open(order: Open, conn: Connection, before: OpenRecording | None) -> OpenRecording:
    """Open a recording; what the VAD has said of it while it grew, it need not be asked again."""
    fd = recv_handle(conn)
    try:
        if before is not None:
            before.close()
        if order.growing:
            return OpenRecording(order, fd, _wait_for_more(order, conn), Looks())
        return OpenRecording(order, fd, look=None if before is None else before.look)
    except BaseException:
        os.close(fd)
        raise


def _wait_for_more(order: Open, conn: Connection) -> Callable[[], bool]:
    told = time.monotonic()

    def wait() -> bool:
        nonlocal told
        if conn.poll(LOOK_S):
            return False
        if time.monotonic() - told >= SIGN_OF_LIFE_S:
            told = time.monotonic()
            conn.send(StillGrowing(order.job_id, order.run))
        return True

    return wait
