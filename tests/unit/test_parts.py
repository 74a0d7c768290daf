"""Files that hold more than their header says: joined ones, and those whose sizes were never written."""

import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.decode.parts import OVERLAP, PARTS_MAX, UNKNOWN_LENGTH, Joints, Part, PartFile, parts

BODY = bytes(range(1, 200)) * 3


def wav(samples: bytes, *, states: int | None = None, after: bytes = b"") -> bytes:
    """A WAV file whose header states some number of bytes of samples, the true one by default."""
    size = len(samples) if states is None else states
    form = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, 16_000, 32_000, 2, 16)
    chunks = form + struct.pack("<4sI", b"data", size) + samples + after
    return struct.pack("<4sI4s", b"RIFF", min(4 + len(form) + 8 + size, 0xFFFFFFFF), b"WAVE") + chunks


def aiff(samples: bytes, *, states: int) -> bytes:
    common = struct.pack(">4sIhIh10s", b"COMM", 18, 1, states // 2, 16, bytes.fromhex("400cfa00000000000000"))
    sound = struct.pack(">4sIII", b"SSND", states + 8, 0, 0) + samples
    return struct.pack(">4sI4s", b"FORM", 4 + len(common) + 16 + states, b"AIFF") + common + sound


def ogg_page(flags: int, body: bytes = b"x" * 100) -> bytes:
    return b"OggS\x00" + bytes([flags]) + bytes(20) + bytes([1, len(body)]) + body


HEADS = {
    "wav": wav(BODY),
    "aiff": aiff(BODY, states=len(BODY)),
    "flac": b"fLaC\x00\x00\x00\x22" + BODY,
    "mp4": b"\x00\x00\x00\x1cftypM4A \x00\x00\x02\x00" + BODY,
    "webm": b"\x1aE\xdf\xa3\x9fB\x86\x81\x01B\x82\x84webm" + BODY,
    "mp3": b"ID3\x04\x00\x00\x00\x00\x00\x0a" + BODY,
    "amr": b"#!AMR\n" + BODY,
    "caf": b"caff\x00\x01\x00\x00desc" + BODY,
    "au": b".snd\x00\x00\x00\x18\xff\xff\xff\xff\x00\x00\x00\x03" + BODY,
    "flv": b"FLV\x01\x05\x00\x00\x00\x09" + BODY,
    "avi": b"RIFF\x00\x10\x00\x00AVI LIST" + BODY,
}


def starts(content: bytes, block: int = 1 << 20) -> list[int]:
    joints = Joints()
    for at in range(0, len(content), block):
        joints.feed(content[at : at + block])
    return joints.starts


@pytest.mark.parametrize("kind", HEADS)
@pytest.mark.parametrize("block", [97, 1 << 20])
def test_the_recordings_of_a_joined_file_are_found(kind: str, block: int) -> None:
    one = HEADS[kind]
    assert starts(one * 3, block) == [0, len(one), 2 * len(one)]
    assert starts(one, block) == [0]


@given(st.binary(min_size=1, max_size=300), st.integers(70, 400))
def test_where_the_file_is_cut_for_reading_makes_no_difference(middle: bytes, block: int) -> None:
    content = HEADS["flac"] + middle + HEADS["flac"] + BODY
    assert starts(content, block) == starts(content)


def test_another_kind_of_file_inside_is_no_joint() -> None:
    assert starts(HEADS["webm"] + HEADS["wav"] + HEADS["flac"]) == [0]
    assert starts(b"plain bytes " * 50 + HEADS["wav"]) == [0]


def test_chained_ogg_streams_are_told_from_those_that_begin_together() -> None:
    together = ogg_page(2) + ogg_page(2) + ogg_page(0) + ogg_page(4)
    assert starts(together) == [0]
    assert starts(together + together) == [0, len(together)]


def test_a_file_of_signatures_is_cut_a_limited_number_of_times() -> None:
    assert len(starts(HEADS["amr"] * (PARTS_MAX + 50) + bytes(OVERLAP))) == PARTS_MAX


@contextmanager
def opened(path: Path, content: bytes) -> Iterator[int]:
    path.write_bytes(content)
    fd = os.open(path, os.O_RDONLY)
    yield fd
    os.close(fd)


def mended(tmp_path: Path, content: bytes) -> bool:
    """Whether the header of a file is read differently from what it says."""
    with opened(tmp_path / "a", content) as fd:
        (part,) = parts(fd, [0], len(content))
        if part.patches:
            (patch,) = part.patches
            assert patch[1] == UNKNOWN_LENGTH and content[patch[0] - 4 : patch[0]] in (b"data", b"SSND")
    return bool(part.patches)


def test_a_header_that_stops_short_is_mended(tmp_path: Path) -> None:
    assert mended(tmp_path, wav(BODY * 10, states=100))
    assert mended(tmp_path, aiff(BODY * 10, states=100))


@pytest.mark.parametrize(
    "content",
    [
        wav(BODY),
        wav(BODY, states=len(BODY) * 2),
        wav(BODY, states=0),
        wav(BODY, states=0xFFFFFFFF),
        wav(b"x" * 100, after=b"LIST" + struct.pack("<I", 4) + b"INFO"),
        wav(b"x" * 100, after=b"bext" + struct.pack("<I", 5) + b"a note" + b"id3 " + struct.pack("<I", 2) + b"xx"),
        wav(b"x" * 101, after=b"\x00"),
        aiff(BODY, states=len(BODY)),
        b"RIFF\x04\x00\x00\x00WAVE",
        b"RIFF\x04\x00\x00\x00AVI " + BODY,
        b"nothing of that kind" * 9,
    ],
    ids=lambda content: repr(content[:4]),
)
def test_a_header_that_is_right_or_says_nothing_is_left_alone(tmp_path: Path, content: bytes) -> None:
    assert not mended(tmp_path, content)


def test_a_part_reads_as_a_file_of_its_own(tmp_path: Path) -> None:
    with opened(tmp_path / "a", b"0123456789abcdef") as fd:
        file = PartFile(fd, Part(4, 12, ((6, b"XY"),)))
        assert file.read() == b"45XY89ab" and file.read(3) == b""
        assert file.seek(3) == 3 and file.read(2) == b"Y8" and file.tell() == 5
        assert file.seek(-1, os.SEEK_END) == 7 and file.read(5) == b"b"
        assert file.seek(-2, os.SEEK_CUR) == 6 and file.seek(-99, os.SEEK_CUR) == 0


@pytest.mark.parametrize("head", [*HEADS.values(), ogg_page(2), b"TTA1\x01\x00" + BODY], ids=[*HEADS, "ogg", "tta"])
def test_a_file_may_end_anywhere_in_its_header(tmp_path: Path, head: bytes) -> None:
    path = tmp_path / "a"
    for length in range(100):
        path.write_bytes(head[:length])
        with path.open("rb") as file:
            assert parts(file.fileno(), starts(head[:length]), length)
