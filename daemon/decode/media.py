"""Decodes a media file to 16 kHz mono samples, packet by packet, as a stream (runs in the decoder child)."""

import logging
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import av
import av.logging
import numpy as np
from numpy.typing import NDArray

from daemon.chunk import SAMPLE_RATE
from daemon.errors import BadRecording

log = logging.getLogger(__name__)

FORMATS = "wav,w64,aiff,flac,mp3,ogg,mov,matroska,aac,amr,caf,asf,mpegts,mpeg,avi,au,flv,ac3"
"""Containers that hold their own media. Playlists and concatenations (HLS, DASH, ffconcat, SDP) are left out: they
would make FFmpeg open other files and the network."""

OPEN_OPTIONS = {"format_whitelist": FORMATS, "protocol_whitelist": "file"}
MAX_GAP_S = 3600.0
"""A larger jump in the timestamps comes from a broken header, not a pause, and is not filled with silence."""
MIN_GAP_S = 0.2
"""Smaller gaps come from encoder delay and rounding; filling them would put clicks into speech."""

UNKNOWN_LENGTH_BYTES = 0x7FFF0000
"""Sizes in a header from here on mean "not known yet" (FFmpeg writes 0xFFFFFFFF, SoX 0x7FFFFFFF and less)."""
SHORT_BY_S = 2.0
"""A file was cut short if its audio ends this much earlier than its header says; less is rounding."""

Samples = NDArray[np.int16]

av.logging.set_level(None)


class Media:
    """One open media file.

    Args:
        fd: A readable descriptor; the file is opened through /proc/self/fd, so that no path is followed twice.
        size_bytes: The size of the file, to detect headers that claim hours of raw samples.

    Raises:
        BadRecording: The file is not media, or has no audio.
    """

    def __init__(self, fd: int, size_bytes: int) -> None:
        if size_bytes == 0:
            raise BadRecording("the file is empty")
        try:
            self._container = av.open(f"/proc/self/fd/{fd}", options=OPEN_OPTIONS)
        except (av.error.FFmpegError, ValueError, OSError) as error:
            raise BadRecording(
                f"not a recording that can be read: {_text(error)}", "check that it plays, or convert it to wav or mp3"
            ) from error
        if not self._container.streams.audio:
            self._container.close()
            raise BadRecording("has no audio stream")
        self._stream = self._container.streams.best("audio") or self._container.streams.audio[0]
        if self._stream.codec_context is None:
            self._container.close()
            raise BadRecording("its audio is in a format that FFmpeg does not know", "convert it to wav or mp3")
        self._stream.thread_type = "NONE"
        self.damaged = 0
        self.header_s, self._promised_s = self._lengths_s(fd, size_bytes)

    def close(self) -> None:
        """Close the file; the descriptor stays open."""
        self._container.close()

    def samples(self) -> Iterator[Samples]:
        """Yield the audio from start to end as blocks of int16 mono samples at 16 kHz, shape (samples,).

        A frame that cannot be decoded is skipped, and what follows is decoded. Where timestamps show that audio is
        missing, silence takes its place, so that later times stay correct. `damaged` counts each such place, and a
        premature end.
        """
        resampler = _resampler()
        form: tuple[object, ...] | None = None
        produced = 0
        start: float | None = None
        for frame in self._frames():
            if form != (form := (frame.format.name, frame.layout.name, frame.sample_rate)) and produced:
                resampler = _resampler()
            if frame.time is not None:
                start = frame.time if start is None else start
                gap_s = frame.time - start - produced / SAMPLE_RATE
                if MIN_GAP_S < gap_s < MAX_GAP_S and self._fits(frame.time - start):
                    self.damaged += 1
                    yield from _silence(gap_s)
                    produced += round(gap_s * SAMPLE_RATE)
            frame.pts = None
            try:
                blocks = [block.to_ndarray()[0] for block in resampler.resample(frame)]
            except (av.error.FFmpegError, ValueError):
                self.damaged += 1
                resampler = _resampler()
                continue
            for block in blocks:
                produced += len(block)
                yield block
        with suppress(av.error.FFmpegError, ValueError):
            for block in resampler.resample(None):
                yield block.to_ndarray()[0]
        if self._promised_s is not None and produced / SAMPLE_RATE < self._promised_s - SHORT_BY_S:
            self.damaged += 1

    def _frames(self) -> Iterator[av.AudioFrame]:
        packets = self._container.demux(self._stream)
        while True:
            try:
                packet = next(packets)
            except StopIteration:
                return
            except (av.error.FFmpegError, ValueError, OSError) as error:
                log.debug("demuxing stopped: %s", error)
                self.damaged += 1
                return
            try:
                yield from packet.decode()
            except (av.error.FFmpegError, ValueError):
                self.damaged += 1

    def _fits(self, time_s: float) -> bool:
        return not self._container.duration or time_s <= self._container.duration / av.time_base + 1

    def _lengths_s(self, fd: int, size_bytes: int) -> tuple[float | None, float | None]:
        """Return (plausible, promised): the length of the recording as far as is known, and when it was complete.

        For raw samples, FFmpeg also trusts the file's size rather than a header that promises more. Such a file was
        cut short, unless the promise is what programs write that do not know the length yet.
        """
        if not self._container.duration:
            return None, None
        length_s = float(self._container.duration / av.time_base)
        codec = self._stream.codec_context
        if not codec.name.startswith("pcm_") or not codec.sample_rate:
            return length_s, length_s
        width = 8 if "64" in codec.name else 4 if "32" in codec.name else 2 if "16" in codec.name else 1
        bytes_per_s = float(width * max(1, codec.channels) * codec.sample_rate)
        promised_s = None
        if self._container.format.name == "wav":
            riff_bytes = int.from_bytes(os.pread(fd, 4, 4), "little")
            promised_s = riff_bytes / bytes_per_s if riff_bytes < UNKNOWN_LENGTH_BYTES else None
        return min(length_s, size_bytes / bytes_per_s), promised_s


def samples(path: Path) -> bytes:
    """Return all samples of a recording: 16 kHz mono, signed 16 bit, little-endian.

    Raises:
        BadRecording: The recording cannot be decoded.
    """
    with path.open("rb") as file:
        media = Media(file.fileno(), path.stat().st_size)
        try:
            return b"".join(block.tobytes() for block in media.samples())
        finally:
            media.close()


def _resampler() -> av.AudioResampler:
    return av.AudioResampler(format="s16", layout="mono", rate=SAMPLE_RATE)


def _silence(length_s: float) -> Iterator[Samples]:
    left = round(length_s * SAMPLE_RATE)
    while left > 0:
        yield np.zeros(min(left, SAMPLE_RATE), dtype=np.int16)
        left -= SAMPLE_RATE


def _text(error: Exception) -> str:
    return (getattr(error, "strerror", None) or str(error)).lower()
