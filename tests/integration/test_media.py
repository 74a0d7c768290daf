"""The decoder on real media: every container, damage, lies, bombs, files that point elsewhere."""

import os
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from daemon.chunk import SAMPLE_RATE, Chunk, Options
from daemon.clips import CLIPS, voices
from daemon.decode import opened
from daemon.decode.chunker import Chunker
from daemon.decode.media import Media
from daemon.decode.opened import OpenRecording
from daemon.decode.parts import Part
from daemon.decode.resample import Resampler, Sound
from daemon.errors import BadRecording
from daemon.processes.protocol import Open, Window
from daemon.sound import RecordedAt
from tests.faults import hostile
from tests.media import clip, one, to_its_end
from tests.support import write_wav

CONTAINERS = {
    "wav": "pcm_s16le", "w64": "pcm_s16le", "aiff": "pcm_s16be", "caf": "pcm_s16le", "flac": "flac", "mp3": "libmp3lame",
    "m4a": "aac", "mp4": "aac", "mov": "aac", "aac": "aac", "ogg": "libopus", "opus": "libopus", "webm": "libopus",
    "mkv": "libmp3lame", "wma": "wmav2", "asf": "wmav2", "avi": "mp2", "ts": "aac", "mpg": "mp2",
    "au": "pcm_s16be", "flv": "libmp3lame", "ac3": "ac3", "mp2": "mp2", "3gp": "aac", "mka": "libopus",
}  # fmt: skip


def tone(seconds: float, rate: int = 44_100) -> np.ndarray:
    t = np.arange(int(seconds * rate)) / rate
    return (8000 * np.sin(2 * np.pi * 440 * t)).astype(np.int16)


def encode(path: Path, codec: str, seconds: float = 4.0, rate: int = 44_100, layout: str = "stereo") -> Path:
    channels = [tone(seconds, SAMPLE_RATE) / np.float32(32768)] * (2 if layout == "stereo" else 1)
    return one(path, np.stack(channels), codec, 48_000 if codec == "libopus" else rate)


def decode(path: Path, **options: Any) -> tuple[list[Chunk], Window]:
    """All chunks of a file and its last window, in this process."""
    fd = os.open(path, os.O_RDONLY)
    values = {"vad": False} | options
    recording = OpenRecording(Open(1, 1, Options(**values), path.stat().st_size, "auto"), fd)
    return to_its_end(recording)


@pytest.mark.parametrize("suffix", CONTAINERS)
def test_every_container(tmp_path: Path, suffix: str) -> None:
    path = encode(tmp_path / f"a.{suffix}", CONTAINERS[suffix])
    chunks, window = decode(path)
    assert window.duration_s == pytest.approx(4.0, abs=0.15)
    assert window.damaged == 0
    samples = np.frombuffer(chunks[0].audio, dtype="<i2")
    # Two stereo channels of 8000 mixed to one, whatever the codec makes of the level.
    assert 6000 < np.abs(samples[SAMPLE_RATE:-SAMPLE_RATE]).max() < 12_500


def test_video_with_sound(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    encode(tmp_path / "sound.wav", "pcm_s16le")
    with av.open(str(path), "w") as out, av.open(str(tmp_path / "sound.wav")) as sound:
        video = out.add_stream("mpeg4", rate=10)
        video.width, video.height = 64, 64
        audio = out.add_stream("aac", rate=44_100)
        for _ in range(40):
            out.mux(video.encode(av.VideoFrame(64, 64, "yuv420p")))
        for frame in sound.decode(audio=0):
            frame.pts = None
            out.mux(audio.encode(frame))
        out.mux(video.encode(None))
        out.mux(audio.encode(None))
    _, window = decode(path)
    assert window.duration_s == pytest.approx(4.0, abs=0.2)


@pytest.mark.guarantee(16)
@pytest.mark.parametrize("suffix", ["wav", "mp3", "flac", "ogg", "m4a", "webm", "ts"])
def test_damage_in_the_middle_is_counted_and_the_rest_decoded(tmp_path: Path, suffix: str) -> None:
    path = encode(tmp_path / f"a.{suffix}", CONTAINERS[suffix], seconds=30.0)
    content = bytearray(path.read_bytes())
    middle = len(content) // 3
    content[middle : middle + len(content) // 100] = os.urandom(len(content) // 100)
    path.write_bytes(content)
    _, window = decode(path)
    assert window.duration_s == pytest.approx(30.0, abs=2.5)
    assert suffix == "wav" or window.damaged > 0


@pytest.mark.guarantee(16)
@pytest.mark.parametrize("suffix", ["wav", "mp3", "flac", "ogg", "ts"])
def test_a_truncated_file_gives_what_there_is(tmp_path: Path, suffix: str) -> None:
    path = encode(tmp_path / f"a.{suffix}", CONTAINERS[suffix], seconds=20.0)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    _, window = decode(path)
    assert 8 < window.duration_s < 12.5
    # Streams (ogg, ts) do not say how long they should be.
    assert window.damaged > 0 or suffix in ("ogg", "ts")


def test_a_gap_in_the_time_stamps_becomes_silence(tmp_path: Path) -> None:
    path = tmp_path / "a.mkv"
    with av.open(str(path), "w", format="matroska") as out:
        stream = out.add_stream("pcm_s16le", rate=16_000, layout="mono")
        for second in [0, 1, 2, 10, 11]:
            frame = av.AudioFrame.from_ndarray(tone(1.0, 16_000)[None, :], format="s16", layout="mono")
            frame.sample_rate, frame.pts, frame.time_base = 16_000, second * 16_000, Fraction(1, 16_000)
            out.mux(stream.encode(frame))
    _, window = decode(path)
    assert window.duration_s == pytest.approx(12.0, abs=0.1)


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("empty.wav", b"", "is empty"),
        ("text.mp3", b"this is no recording at all\n" * 50, "not a recording"),
        ("zip.wav", b"PK\x03\x04" + bytes(1000), "not a recording"),
        ("zero.mp3", bytes(100_000), "not a recording|no audio"),
        ("head.wav", b"RIFF\x24\x00\x00\x00WAVEfmt ", "not a recording|no audio"),
    ],
)
def test_what_is_no_recording_says_so(tmp_path: Path, name: str, content: bytes, reason: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(BadRecording, match=reason):
        decode(tmp_path / name)


def test_video_without_sound(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    with av.open(str(path), "w") as out:
        video = out.add_stream("mpeg4", rate=10)
        video.width, video.height = 64, 64
        out.mux(video.encode(av.VideoFrame(64, 64, "yuv420p")))
        out.mux(video.encode(None))
    with pytest.raises(BadRecording, match="no audio stream"):
        decode(path)


@pytest.mark.guarantee(15)
def test_a_header_that_claims_hours_is_seen_through(tmp_path: Path) -> None:
    path = write_wav(tmp_path / "a.wav", 3.0)
    content = bytearray(path.read_bytes())
    content[40:44] = (0x7FFFFFF0).to_bytes(4, "little")  # the size of the samples: 18 hours of them
    path.write_bytes(content)
    _, window = decode(path, max_hours=1)
    assert window.duration_s == pytest.approx(3.0, abs=0.01)
    assert window.damaged == 0


@pytest.mark.guarantee(15)
def test_too_long_is_rejected_by_its_header_and_by_its_samples(tmp_path: Path) -> None:
    path = write_wav(tmp_path / "a.wav", 8.0)
    with pytest.raises(BadRecording, match="longer than the limit"):
        decode(path, max_hours=5 / 3600)
    raw = tmp_path / "a.aac"
    encode(raw, "aac", seconds=8.0)
    with pytest.raises(BadRecording, match="longer than the limit"):
        decode(raw, max_hours=5 / 3600)


@pytest.mark.guarantee(14)
def test_files_that_point_elsewhere_reach_nothing(tmp_path: Path, canary: tuple[str, list[str]]) -> None:
    url, asked = canary
    neighbour = write_wav(tmp_path / "secret.wav", 2.0)
    for name in hostile.pointers(tmp_path, url, neighbour) + hostile.pointers_outside(tmp_path, neighbour):
        with pytest.raises(BadRecording):
            decode(tmp_path / os.fsdecode(name))
    assert asked == []


def test_speech_is_found_and_silence_left_out(tmp_path: Path) -> None:
    with av.open(str(CLIPS / "demo.flac")) as clip:
        speech = np.concatenate([frame.to_ndarray()[0] for frame in clip.decode(audio=0)])
    path = tmp_path / "a.wav"
    silence = np.zeros(5 * SAMPLE_RATE, dtype=np.int16)
    with av.open(str(path), "w") as out:
        stream = out.add_stream("pcm_s16le", rate=SAMPLE_RATE, layout="mono")
        frame = av.AudioFrame.from_ndarray(
            np.concatenate([silence, speech, silence])[None, :], format="s16", layout="mono"
        )
        frame.sample_rate = SAMPLE_RATE
        out.mux(stream.encode(frame))
    chunks, window = decode(path, vad=True)
    assert len(chunks) == 1
    assert 4.4 < chunks[0].start_s < 5.3
    assert chunks[0].end_s < 5 + len(speech) / SAMPLE_RATE + 0.5
    assert window.speech_s < len(speech) / SAMPLE_RATE + 1


@pytest.mark.parametrize(
    ("suffix", "tags", "time"),
    [
        ("m4a", {"creation_time": "2024-05-01T10:20:30Z"}, "2024-05-01T10:20:30Z"),
        ("mka", {"creation_time": "2024-05-01T10:20:30Z"}, "2024-05-01T10:20:30Z"),
        ("flac", {"date": "2024-05-01"}, "2024-05-01"),
        ("opus", {"date": "2024-05-01"}, "2024-05-01"),
        ("mp3", {"date": "2024-05-01"}, "2024-05-01"),
        ("wav", {"origination_date": "2024:05:01", "origination_time": "10-20-30"}, "2024-05-01T10:20:30"),
        ("wav", {}, "2001-09-09T01:46:40Z"),
    ],
)
def test_a_recording_has_its_own_date(tmp_path: Path, suffix: str, tags: dict[str, str], time: str) -> None:
    codec = {"m4a": "aac", "mka": "libopus", "flac": "flac", "opus": "libopus", "mp3": "libmp3lame", "wav": "pcm_s16le"}
    path = tmp_path / f"a.{suffix}"
    options = {"write_bext": "1"} if "origination_time" in tags else {}
    with av.open(str(path), "w", options=options if suffix == "wav" else {}) as out:
        out.metadata.update(tags)
        stream = out.add_stream(codec[suffix], rate=48_000, layout="mono")
        frame = av.AudioFrame.from_ndarray(tone(1.0, 48_000)[None], format="s16", layout="mono")
        frame.sample_rate = 48_000
        resampler = av.AudioResampler(stream.format, "mono", 48_000, stream.frame_size or None)
        for part in [*resampler.resample(frame), *resampler.resample(None), None]:
            out.mux(stream.encode(part))
    os.utime(path, (1_000_000_000, 1_000_000_000))
    _, window = decode(path)
    assert window.sound.recorded_at == RecordedAt(time, "container" if tags else "file")


def media(path: Path) -> Media:
    fd = os.open(path, os.O_RDONLY)
    return Media(fd, Part(0, path.stat().st_size))


@pytest.mark.parametrize(("seconds", "damaged"), [(8.1, 0), (7.9, 1)])
def test_a_recording_of_short_frames_is_as_long_as_it_is(tmp_path: Path, seconds: float, damaged: int) -> None:
    """What is gathered of its end counts, too: more than two seconds must be missing."""
    opened = media(encode(tmp_path / "a.opus", "libopus", seconds))
    opened._promised_s = 10.0
    assert sum(map(len, opened.samples())) == pytest.approx(seconds * SAMPLE_RATE, abs=0.03 * SAMPLE_RATE)
    assert opened.damaged == damaged
    opened.close()


@pytest.mark.parametrize("method", ["finish", "give"])
def test_what_cannot_be_resampled_is_damage_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    def fail(_: Resampler) -> Iterator[Sound]:
        raise ValueError("cannot be resampled")
        yield

    opened = media(encode(tmp_path / "a.opus", "libopus", 4.0))
    monkeypatch.setattr(Resampler, method, fail)
    assert sum(map(len, opened.samples())) < 4 * SAMPLE_RATE
    assert opened.damaged > 0
    opened.close()


@pytest.mark.parametrize(("rate", "narrow"), [(8_000, True), (16_000, False), (48_000, False)])
def test_what_comes_over_a_telephone_is_listened_to_as_such(
    tmp_path: Path, rate: int, narrow: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[bool] = []

    class Spy(Chunker):
        def __init__(self, *arguments: Any, narrow: bool, **others: Any) -> None:
            asked.append(narrow)
            super().__init__(*arguments, narrow=narrow, **others)

    monkeypatch.setattr(opened, "Chunker", Spy)
    decode(one(tmp_path / "a.wav", clip(next(iter(voices()))), "pcm_s16le", rate))
    assert asked == [narrow]
