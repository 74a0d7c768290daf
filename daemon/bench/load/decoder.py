"""A decoder for `bench daemon` that only sends: as much noise as a WAV file is long (runs in the decoder child).

What decoding and the VAD cost has nothing to do with the daemon, nor has the disk. This one says the same as the real
one, in windows of the same lengths, but takes no time of a processor but for its messages.
"""

import os
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.reduction import recv_handle

from daemon.chunk import BYTES_PER_SECOND, CHUNK_MAX_S, Chunk
from daemon.processes.protocol import Close, DecoderReady, Next, Open, Opened, Window
from daemon.sound import Sound, Track

HEADER_BYTES = 44
FIRST_WINDOW_S = 60.0
LEVELS_PER_S = 20
CHUNK_S = float(os.environ.get(CHUNK := "TRANSCRIBED_BENCH_CHUNK_S", CHUNK_MAX_S))
"""How long the chunks are; the environment variable has another length."""
NOISE = os.urandom(round(CHUNK_MAX_S * BYTES_PER_SECOND))
"""What every recording sounds like, 16-bit PCM."""
SOUND = Sound(tracks=(Track(1, "pcm_s16le", 1, 16_000, "", "", is_default=True),), taken=(1,))


@dataclass(slots=True)
class _Reading:
    """A recording that is open."""

    order: Open
    fd: int
    window_s: float = FIRST_WINDOW_S
    at_s: float = 0.0
    idx: int = 0

    @property
    def length_s(self) -> float:
        return (self.order.size_bytes - HEADER_BYTES) / BYTES_PER_SECOND

    def window(self) -> Window:
        """Return the next chunks; windows grow as those of the real decoder do."""
        until_s = min(self.at_s + self.window_s, self.length_s)
        chunks = []
        while self.at_s < until_s:
            chunks.append(self._chunk(min(self.at_s + CHUNK_S, until_s)))
        self.window_s = min(2 * self.window_s, self.order.options.window_s)
        last = self.at_s >= self.length_s
        levels = bytes(round(LEVELS_PER_S * self.length_s)) if last else b""
        return Window(
            self.order.job_id, self.order.run, tuple(chunks), last, self.at_s, self.at_s, 0, SOUND, levels
        )  # fmt: skip

    def _chunk(self, end_s: float) -> Chunk:
        start_s, self.at_s = self.at_s, end_s
        audio = NOISE[: round((end_s - start_s) * BYTES_PER_SECOND)]
        idx, self.idx = self.idx, self.idx + 1
        order = self.order
        return Chunk(
            order.job_id, idx, ((start_s, end_s),), audio, order.run, order.language, beam_size=order.options.beam_size,
            full_context=order.options.context == "full", noise_db=-60.0, digest=f"{idx:032x}",
        )  # fmt: skip


def main(conn: Connection) -> None:
    """Answer the daemon's orders until it closes the connection."""
    conn.send(DecoderReady(()))
    readings: dict[int, _Reading] = {}
    while True:
        match conn.recv():
            case Open() as order:
                reading = readings[order.job_id] = _Reading(order, recv_handle(conn))
                content = f"{os.fstat(reading.fd).st_ino:064x}"
                conn.send(Opened(order.job_id, order.run, content, reading.length_s))
            case Next(job_id) if job_id in readings:
                window = readings[job_id].window()
                if window.last:
                    os.close(readings.pop(job_id).fd)
                conn.send(window)
            case Close(job_id) if job_id in readings:
                os.close(readings.pop(job_id).fd)
