"""Recordings in many containers, codecs and layouts, made with FFmpeg's own encoders through PyAV."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from daemon.chunk import SAMPLE_RATE, Chunk
from daemon.decode.media import samples
from daemon.decode.opened import OpenRecording
from daemon.processes.protocol import Window

FORMATS = {
    "m4a": "ipod", "aac": "adts", "wma": "asf", "ts": "mpegts", "mpg": "mpeg", "mkv": "matroska", "mka": "matroska",
}  # fmt: skip
"""FFmpeg's names of the containers, where they differ from the extension."""
LAYOUTS = {1: "mono", 2: "stereo", 6: "5.1"}
PICTURES_PER_S = 25

Sound = NDArray[np.float32]


@dataclass(frozen=True)
class AudioTrack:
    """What a track of a file to be written holds."""

    sound: Sound
    """At 16 kHz between -1 and 1, shape (channels, samples), or (samples,) for one channel."""
    codec: str
    rate: int = 48_000
    language: str = ""
    late_s: float = 0.0
    """Its first time stamp."""


def to_its_end(recording: OpenRecording) -> tuple[list[Chunk], Window]:
    """All chunks of a recording that are still to come, and its last window; then it is closed."""
    chunks: list[Chunk] = []
    while True:
        window = recording.next_window()
        chunks += window.chunks
        if window.last:
            recording.close()
            return chunks, window


def clip(*paths: Path) -> Sound:
    """The samples of some recordings, one after another, mono at 16 kHz between -1 and 1."""
    joined: Sound = np.frombuffer(b"".join(samples(path) for path in paths), dtype="<i2").astype(np.float32)
    return joined / np.float32(32768)


def write(path: Path, *tracks: AudioTrack, picture_s: float = 0.0) -> Path:
    """Encode tracks into a file whose container follows from its extension; `picture_s` of black picture from 0 on."""
    with av.open(str(path), "w", format=FORMATS.get(path.suffix[1:], path.suffix[1:])) as out:
        picture = _picture(out) if picture_s else None
        streams = [_stream(out, track) for track in tracks]
        packets = [packet for stream, track in zip(streams, tracks, strict=True) for packet in _encoded(stream, track)]
        if picture is not None:
            frames = [av.VideoFrame(64, 64, "yuv420p") for _ in range(round(picture_s * PICTURES_PER_S))]
            packets += [packet for frame in [*frames, None] for packet in picture.encode(frame)]
        for packet in sorted(packets, key=lambda packet: packet.dts * packet.time_base):
            out.mux(packet)
    return path


def one(path: Path, sound: Sound, codec: str, rate: int = 48_000, **options: Any) -> Path:
    """Encode a single track."""
    return write(path, AudioTrack(sound, codec, rate, **options))


def _picture(out: Any) -> Any:
    stream = out.add_stream("mpeg2video", rate=PICTURES_PER_S)
    stream.width = stream.height = 64
    stream.pix_fmt = "yuv420p"
    return stream


def _layout(track: AudioTrack) -> str:
    channels = len(np.atleast_2d(track.sound))
    return LAYOUTS.get(channels, f"{channels} channels")


def _stream(out: Any, track: AudioTrack) -> Any:
    stream = out.add_stream(track.codec, rate=track.rate, layout=_layout(track))
    if track.codec == "wmav2":
        stream.bit_rate = 128_000
    if track.language:
        stream.metadata["language"] = track.language
    return stream


def _encoded(stream: Any, track: AudioTrack) -> Sequence[Any]:
    layout, context = _layout(track), stream.codec_context
    samples_ = np.ascontiguousarray(np.atleast_2d(track.sound).T, dtype=np.float32).reshape(1, -1)
    frame = av.AudioFrame.from_ndarray(samples_, format="flt", layout=layout)
    frame.sample_rate = SAMPLE_RATE
    size = context.frame_size or 1024
    resampler = av.AudioResampler(format=context.format, layout=layout, rate=track.rate, frame_size=size)
    at, packets = round(track.late_s * track.rate), []
    for block in [*resampler.resample(frame), *resampler.resample(None)]:
        block.pts, block.time_base = at, Fraction(1, track.rate)
        at += block.samples
        packets += stream.encode(block)
    return [*packets, *stream.encode(None)]
