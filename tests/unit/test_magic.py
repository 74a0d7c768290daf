"""Media is told from other content by its first bytes."""

from pathlib import Path

import av
import pytest

from daemon.watch.magic import HEAD_BYTES, is_media
from tests.support import ROOT, write_wav

CONTAINERS = [
    ("wav", "pcm_s16le"), ("w64", "pcm_s16le"), ("aiff", "pcm_s16be"), ("au", "pcm_s16be"), ("caf", "pcm_s16be"),
    ("flac", "flac"), ("ogg", "flac"), ("mp3", "libmp3lame"), ("mp2", "mp2"), ("adts", "aac"), ("ipod", "aac"),
    ("mov", "pcm_s16be"), ("mp4", "aac"), ("3gp", "aac"), ("matroska", "pcm_s16le"), ("webm", "libopus"),
    ("avi", "pcm_s16le"), ("asf", "mp2"), ("mpegts", "aac"), ("vob", "mp2"), ("flv", "aac"), ("ac3", "ac3"),
    ("eac3", "eac3"), ("wv", "wavpack"), ("tta", "tta"), ("voc", "pcm_u8"), ("rm", "ac3"), ("ircam", "pcm_s16le"),
]  # fmt: skip


def written(path: Path, container: str, codec: str) -> bytes:
    """The first bytes of a second of silence as FFmpeg writes it."""
    with av.open(str(path), "w", format=container) as file:
        stream = file.add_stream(codec, rate=48_000, layout="mono")
        form = stream.codec_context.format
        assert form is not None
        converter = av.AudioResampler(form, "mono", 48_000, frame_size=stream.codec_context.frame_size or 1024)
        silence = av.AudioFrame("s16", "mono", 48_000)
        for plane in silence.planes:
            plane.update(bytes(plane.buffer_size))
        silence.sample_rate, silence.pts = 48_000, 0
        for frame in [*converter.resample(silence), *converter.resample(None)]:
            file.mux(stream.encode(frame))
        file.mux(stream.encode(None))
    return path.read_bytes()[:HEAD_BYTES]


@pytest.mark.parametrize(("container", "codec"), CONTAINERS, ids=[container for container, _ in CONTAINERS])
def test_every_container_that_is_written_here(tmp_path: Path, container: str, codec: str) -> None:
    assert is_media(written(tmp_path / "a", container, codec))


@pytest.mark.parametrize(
    "head",
    [
        b"ID3\x04\x00\x00\x00\x00\x00\x00", b"#!AMR\n\x3c", b"\x00\x00\x00\x18ftypqt  ", b"\x00\x00\x00\x08wide",
        b"MAC \x96\x0f", b"MPCKSH", b"tBaK", b"NIST_1A\n   1024", b"\x02dss", b"EA3\x03\x00", b"\x1f\x07\x00\xbf",
        b"FRM8\x00\x00\x00\x00\x00\x00\x00\x00DSD ", b"\x00\x00\x01\x00" + b"\x47" + bytes(191) + b"\x47",
        b"\x06\x0e\x2b\x34\x02\x05\x01\x01\x0d\x01\x02", b"\x7f\xfe\x80\x01", b"RF64\xff\xff\xff\xffWAVEds64",
    ],
)  # fmt: skip
def test_what_others_write(head: bytes) -> None:
    assert is_media(head)


@pytest.mark.parametrize(
    "head",
    [
        b"", b"\xff", b"plain text\n", "\ufeffText".encode("utf-16-le"), b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff\xe0JFIF",
        b"%PDF-1.7", b"PK\x03\x04", b"\x1f\x8b\x08\x00", b"\x7fELF\x02", b"#!/bin/sh\n", b"SQLite format 3\x00",
        b"\x00\x00\x00\x18ftypavif", b"\x00\x00\x00\x18ftypheic", b"\x00\x00\x00\x18ftypmif1", b"MThd\x00\x00\x00\x06",
        b"RIFF\x00\x00\x00\x00WEBPVP8 ", b"MAC addresses", b"ID3 tags", b"DSD files", bytes(HEAD_BYTES),
        b"\xff" * HEAD_BYTES, b"G" + bytes(HEAD_BYTES - 1), b"#EXTM3U\n", b"ffconcat version 1.0\n", b"<smil>",
    ],
)  # fmt: skip
def test_what_is_none(head: bytes) -> None:
    assert not is_media(head)


def test_the_project_itself_is_not_taken_for_a_recording() -> None:
    folders = ("daemon", "docs", "migrations", "systemd", "tests", "tools")
    files = [file for folder in folders for file in (ROOT / folder).rglob("*") if file.is_file()]
    assert len(files) > 100
    taken = {file.suffix for file in files if is_media(file.read_bytes()[:HEAD_BYTES])}
    assert taken <= {".mp3", ".wav", ".flac", ".ogg", ".opus", ".m4a"}, taken


def test_a_recording_that_was_cut_off_early(tmp_path: Path) -> None:
    file = write_wav(tmp_path / "a.wav")
    assert is_media(file.read_bytes()[:16]) and not is_media(file.read_bytes()[:8])
