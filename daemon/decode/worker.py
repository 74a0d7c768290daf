"""The decoder child: cuts media files into chunks of speech, one window at a time, for all open recordings.

It never touches a model for transcription, the network or any path: it is handed descriptors.
"""

import hashlib
import os
from collections.abc import Iterator
from multiprocessing.connection import Connection
from multiprocessing.reduction import recv_handle

from daemon.chunk import Chunk
from daemon.decode.chunker import Chunker, Cut
from daemon.decode.media import Media
from daemon.decode.sandbox import enter_sandbox
from daemon.errors import BadRecording
from daemon.processes.protocol import Close, DecoderReady, Next, Open, Opened, Refused, Window

HASH_BLOCK = 1 << 20


class OpenRecording:
    """One recording between Open and its last window."""

    def __init__(self, order: Open, fd: int) -> None:
        self._order = order
        self.run = order.run
        self._fd = fd
        self._idx = 0
        self.content_hash = _sha256(fd)
        self._media = Media(fd, order.size_bytes)
        self.header_s = self._media.header_s
        limit_s = order.options.max_hours * 3600
        if self.header_s is not None and self.header_s > limit_s:
            self._media.close()
            raise _too_long(self.header_s, limit_s)
        self._limit_s = limit_s
        self._chunker = Chunker(order.options)
        self._blocks = self._media.samples()
        self._ended = False

    def close(self) -> None:
        """Close the file and its descriptor."""
        self._media.close()
        os.close(self._fd)

    def next_window(self) -> Window:
        """Decode until some chunks are ready or a window's worth of audio has been read.

        Raises:
            BadRecording: The recording is too long, or has no audio that can be decoded.
        """
        chunks = [self._chunk(cut) for cut in self._cuts()]
        return Window(
            job_id=self._order.job_id,
            run=self.run,
            chunks=tuple(chunks),
            last=self._ended,
            duration_s=self._chunker.position_s,
            speech_s=self._chunker.speech_s,
            damaged=self._media.damaged,
        )

    def _cuts(self) -> Iterator[Cut]:
        stop_s = self._chunker.position_s + self._chunker.window_s
        for block in self._blocks:
            cuts = list(self._chunker.feed(block))
            if self._chunker.position_s > self._limit_s:
                raise _too_long(self._chunker.position_s, self._limit_s)
            yield from cuts
            if cuts or self._chunker.position_s >= stop_s:
                return
        self._ended = True
        yield from self._chunker.finish()
        if self._chunker.position_s == 0:
            raise BadRecording("none of its audio could be decoded", "the file may be damaged or cut short")

    def _chunk(self, cut: Cut) -> Chunk:
        spans, audio = cut
        options = self._order.options
        chunk = Chunk(
            job_id=self._order.job_id,
            idx=self._idx,
            spans=spans,
            audio=audio,
            run=self.run,
            language=self._order.language,
            task=options.task,
            beam_size=options.beam_size,
            word_timestamps=options.word_timestamps,
            full_context=options.context == "full",
        )
        self._idx += 1
        return chunk


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


def _sha256(fd: int) -> str:
    digest = hashlib.sha256()
    offset = 0
    while block := os.pread(fd, HASH_BLOCK, offset):
        digest.update(block)
        offset += len(block)
    return digest.hexdigest()


def _too_long(length_s: float, limit_s: float) -> BadRecording:
    return BadRecording(
        f"longer than the limit: {length_s / 3600:.1f} h, allowed {limit_s / 3600:g} h",
        "raise watching.max_hours or cut the recording",
    )
