"""Decodes the audio of a media file, packet by packet, as a stream (runs in the decoder child)."""

import logging
import os
from collections.abc import Iterator
from hashlib import blake2b
from itertools import chain
from pathlib import Path
from typing import Any

import av
import av.logging
import numpy as np
from numpy.typing import NDArray

from daemon.chunk import SAMPLE_RATE
from daemon.decode.dates import recorded_at
from daemon.decode.growing import FOLLOWED, GrowingFile
from daemon.decode.lengths import is_any_of, lengths_s
from daemon.decode.parts import Part, PartFile
from daemon.decode.resample import Resampler, Sound, joined
from daemon.decode.tracks import playlist
from daemon.errors import BadRecording
from daemon.sound import Track

log = logging.getLogger(__name__)

FORMATS = (
    "wav,w64,aiff,flac,mp3,ogg,mov,matroska,aac,amr,caf,asf,mpegts,mpeg,avi,au,flv,ac3,eac3,dts,dv,loas,mxf,rm,ircam,tta,"
    "voc,wtv,wv,gsm,ape,mpc,mpc8,tak,dsf,iff,nistsphere,dss,oma"
)
"""Containers that hold their own media. Playlists and concatenations (HLS, DASH, ffconcat, SDP) are left out: they
would make FFmpeg open other files and the network."""
PAUSING = frozenset("mov matroska mpegts mpeg asf flv avi".split())
"""Containers in which audio may pause, as in a live stream or a muted call. In the others, where time is missing, data
is."""
SEQUENTIAL = frozenset("matroska asf flv".split())
"""Containers whose packets are demuxed in the order in which they are in the file, with little between them."""

OPEN_OPTIONS = {"format_whitelist": FORMATS, "protocol_whitelist": "file"}
FOLLOW_OPTIONS = OPEN_OPTIONS | {"format_whitelist": FOLLOWED}
MAX_GAP_S = 3600.0
"""A larger jump in the timestamps comes from a broken header, not a pause, and is not filled with silence."""
FIRST = 5 * SAMPLE_RATE
"""So many samples of a file that has become complete are decoded again, to see what its header makes of them."""
MIN_GAP_S = 0.2
"""Smaller gaps come from encoder delay and rounding; filling them would put clicks into speech."""
RESYNCED = frozenset("mpegts mpeg".split())
"""Containers in which FFmpeg silently skips what it cannot read, and which may have stuffing between packets: data is
missing where both bytes and time are."""
MIN_LEAD_S = 0.02
"""Audio that begins this much later than the picture, or more, has silence put before it, as a player does."""
BACK_S = 0.5
"""A larger jump back in the timestamps means that they begin anew, as in joined streams."""

HOLE_BYTES = 4096
"""Between two packets, a container has less than this of its own; more of it could not be read."""
SHORT_BY_S = 2.0
"""A file was cut short if its audio ends this much earlier than its header says; less is rounding."""

av.logging.set_level(None)


class Media:
    """One open media file, or one part of a file.

    Args:
        fd: A readable descriptor; the file is opened through /proc/self/fd, so that no path is followed twice.
        part: The bytes of the recording in it.
        track: Which of its audio tracks to decode, from 1; None for the one that a player would take, or else the next.
        growing: The file as FFmpeg is to see it, if it is still being written.

    Raises:
        BadRecording: The file is not media, or has no audio that could be decoded.
    """

    def __init__(self, fd: int, part: Part, track: int | None = None, growing: GrowingFile | None = None) -> None:
        file = os.fstat(fd)
        if part.end <= part.start:
            raise BadRecording("the file is empty")
        whole = part == Part(0, file.st_size)
        try:
            # FFmpeg reads a descriptor itself; only a part must be shown to it.
            shown = growing or (f"/proc/self/fd/{fd}" if whole else PartFile(fd, part))
            self._container: Any = av.open(shown, options=OPEN_OPTIONS if growing is None else FOLLOW_OPTIONS)
        except (av.error.FFmpegError, ValueError, OSError) as error:
            if growing is not None:
                raise BadRecording("this kind of file cannot be read before it is complete") from error
            raise BadRecording(
                f"not a recording that can be read: {_text(error)}", "check that it plays, or convert it to wav or mp3"
            ) from error
        streams = self._container.streams.audio
        best = self._container.streams.best("audio") or (streams[0] if streams else None)
        self.tracks = tuple(_track(number, stream, stream is best) for number, stream in enumerate(streams, 1))
        """Its audio tracks."""
        if best is None:
            self._container.close()
            raise BadRecording("has no audio stream")
        try:
            wanted = "auto" if track is None else min(track, len(streams))
            self.track = playlist(self.tracks, wanted, language="auto").tracks[0]
            """The number of the one that is decoded."""
        except BadRecording:
            self._container.close()
            raise
        self._stream = streams[self.track - 1]
        self._stream.thread_type = "NONE"
        self._sequential = self._is_any_of(SEQUENTIAL)
        self._skipped = False
        """Whether bytes were skipped since the last frame."""
        self.damaged = 0
        self.payload_at: int | None = None
        """Where in the file the first packet is, once that has been read."""
        self._first = blake2b()
        """The digest of its first samples."""
        self._compared = 0
        """How many these are."""
        self._latest_s = 0.0
        self.header_s, self._promised_s = (
            (None, None) if growing else lengths_s(self._container, self._stream, fd, part)
        )
        self.recorded_at = recorded_at((self._container.metadata, self._stream.metadata), file.st_mtime)

    def close(self) -> None:
        """Close the file; the descriptor stays open."""
        self._container.close()

    def samples(self) -> Iterator[Sound]:
        """Yield the audio from start to end as blocks of float32 samples at 16 kHz, shape (samples, channels).

        Times are those that a player shows: 0 is where the file begins, be it with picture or sound. Where the
        timestamps leave a pause, silence takes its place. A frame that cannot be decoded is skipped, and what follows
        is decoded; `damaged` counts each such place, and a premature end.
        """
        return joined(self._noted(self._blocks()))

    def becomes(self, complete: "Media") -> bool:
        """Go on as the complete file, if that would have given the same so far; return whether it would.

        Its header may be another one by now: most programs write the length into it at the end. Then the same tracks
        and the same first samples must come out of it. What an MP3 with a stated length is to leave out at its end,
        only its own demuxer knows.

        Args:
            complete: The file as it is now, just opened.
        """
        names = (self._container.format.name, complete._container.format.name)
        if names[0] != names[1] or (names[0] == "mp3" and complete.header_s is not None):
            return False
        if (self.tracks, self.track, self._zero_s()) != (complete.tracks, complete.track, complete._zero_s()):
            return False
        if self._compared < FIRST or not complete._fits(self._latest_s):
            return False
        for _ in complete._noted(complete._blocks()):
            if complete._compared >= self._compared:
                break
        if complete._first.digest() != self._first.digest():
            return False
        self._promised_s = complete._promised_s
        return True

    def _noted(self, blocks: Iterator[Sound]) -> Iterator[Sound]:
        """Yield what comes, and remember what came first."""
        for block in blocks:
            if self._compared < FIRST:
                self._first.update(block.tobytes())
                self._compared += len(block)
            yield block

    def _blocks(self) -> Iterator[Sound]:
        """Yield what each frame gives."""
        resampler = Resampler()
        produced = 0
        lead_s = 0.0
        zero_s = self._zero_s()
        for frame in self._frames():
            if frame.time is not None:
                at_s = produced / SAMPLE_RATE + resampler.gathered_s
                zero_s = frame.time - at_s if zero_s is None else zero_s
                gap_s = frame.time - zero_s - at_s
                lead_s = lead_s if at_s else gap_s
                self._latest_s = max(self._latest_s, frame.time - zero_s - lead_s)
                if gap_s < -BACK_S or gap_s > MAX_GAP_S or not self._fits(frame.time - zero_s - lead_s):
                    zero_s = frame.time - at_s
                elif gap_s > (MIN_GAP_S if at_s else MIN_LEAD_S):
                    lost = not self._is_any_of(PAUSING) or (self._skipped and self._is_any_of(RESYNCED))
                    self.damaged += bool(at_s) and lost
                    for block in chain(self._whole(resampler.give()), _silence(gap_s, frame.layout.nb_channels)):
                        produced += len(block)
                        yield block
            self._skipped = False
            try:
                for block in resampler.take(frame):
                    produced += len(block)
                    yield block
            except (av.error.FFmpegError, ValueError):
                self.damaged += 1
                resampler = Resampler()
        for block in self._whole(resampler.finish()):
            produced += len(block)
            yield block
        if self._promised_s is not None and produced / SAMPLE_RATE - lead_s < self._promised_s - SHORT_BY_S:
            self.damaged += 1

    def _whole(self, blocks: Iterator[Sound]) -> Iterator[Sound]:
        """Yield blocks; where one cannot be resampled, note the damage."""
        try:
            yield from blocks
        except (av.error.FFmpegError, ValueError):
            self.damaged += 1

    def _frames(self) -> Iterator[av.AudioFrame]:
        packets = self._container.demux()
        read_to = 0
        while True:
            try:
                packet = next(packets)
            except StopIteration:
                return
            except (av.error.FFmpegError, ValueError, OSError) as error:
                log.debug("demuxing stopped: %s", error)
                self.damaged += 1
                return
            if packet.pos is not None:
                self.payload_at = packet.pos if self.payload_at is None else self.payload_at
                hole = bool(read_to) and packet.pos - read_to > HOLE_BYTES
                self._skipped |= hole
                self.damaged += hole and self._sequential
                read_to = max(read_to, packet.pos + packet.size)
            if packet.stream_index != self._stream.index:
                continue
            try:
                yield from packet.decode()
            except (av.error.FFmpegError, ValueError):
                # A packet without data, as FLV has for new parameters, holds nothing that could be lost.
                self.damaged += packet.size > 0

    def _is_any_of(self, containers: frozenset[str]) -> bool:
        return is_any_of(self._container, containers)

    def _zero_s(self) -> float | None:
        """Return the timestamp that a player shows as 0; None if only the first frame tells."""
        start = self._container.start_time
        return None if start is None else float(start / av.time_base)

    def _fits(self, time_s: float) -> bool:
        """Tell whether a moment of the track lies within its length, if that is stated."""
        return self._promised_s is None or time_s <= self._promised_s + 1


def samples(path: Path) -> bytes:
    """Return all samples of a recording, its channels mixed: 16 kHz mono, signed 16 bit, little-endian.

    Raises:
        BadRecording: The recording cannot be decoded.
    """
    with path.open("rb") as file:
        media = Media(file.fileno(), Part(0, path.stat().st_size))
        try:
            return b"".join(as_int16(block.mean(axis=1)).tobytes() for block in media.samples())
        finally:
            media.close()


def as_int16(samples: NDArray[np.float32]) -> NDArray[np.int16]:
    """Return float samples as signed 16-bit ones."""
    scaled: NDArray[np.int16] = np.clip(np.rint(samples * 32768.0), -32768, 32767).astype(np.int16)
    return scaled


def _track(number: int, stream: Any, is_default: bool) -> Track:
    codec = stream.codec_context
    return Track(
        number=number,
        codec="" if codec is None else codec.name,
        channels=0 if codec is None else codec.channels,
        sample_rate=0 if codec is None else codec.sample_rate or 0,
        language=stream.language or "",
        title=stream.metadata.get("title", ""),
        is_default=is_default,
    )


def _silence(length_s: float, channels: int) -> Iterator[Sound]:
    left = round(length_s * SAMPLE_RATE)
    while left > 0:
        yield np.zeros((min(left, SAMPLE_RATE), channels), dtype=np.float32)
        left -= SAMPLE_RATE


def _text(error: Exception) -> str:
    return (getattr(error, "strerror", None) or str(error)).lower()
