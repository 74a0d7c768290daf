"""The decoder child: cuts media files into chunks of speech, one window at a time, for all open recordings.

It never touches a model for transcription, the network or any path: it is handed descriptors.
"""

import os
from multiprocessing.connection import Connection
from multiprocessing.reduction import recv_handle

from daemon.decode.opened import OpenRecording
from daemon.decode.sandbox import enter_sandbox
from daemon.errors import BadRecording
from daemon.processes.protocol import Close, DecoderReady, Next, Open, Opened, Refused


def main(conn: Connection) -> None:
    """Answer the daemon's orders until it closes the connection."""
    conn.send(DecoderReady(enter_sandbox()))
    recordings: dict[int, OpenRecording] = {}
    while True:
        order = conn.recv()
        try:
            match order:
                case Open():
                    recordings[order.job_id] = _open(order, recv_handle(conn))
                    opened = recordings[order.job_id]
                    conn.send(Opened(order.job_id, order.run, opened.content_hash, opened.header_s))
                case Next(job_id) if job_id in recordings:
                    window = recordings[job_id].next_window()
                    if window.last:
                        recordings.pop(job_id).close()
                    conn.send(window)
                case Close(job_id) if job_id in recordings:
                    recordings.pop(job_id).close()
        except (BadRecording, MemoryError, OSError) as error:
            recording = recordings.pop(order.job_id, None)
            if recording is not None:
                recording.close()
            run = order.run if isinstance(order, Open) or recording is None else recording.run
            reason = str(error) or "the decoder ran out of memory"
            conn.send(Refused(order.job_id, run, reason, retry=not isinstance(error, BadRecording)))


def _open(order: Open, fd: int) -> OpenRecording:
    try:
        return OpenRecording(order, fd)
    except BaseException:
        os.close(fd)
        raise
