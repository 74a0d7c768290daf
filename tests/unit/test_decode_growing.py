"""A file as FFmpeg sees it while it grows: where it ends for now, what its header says, and whether it is still the same."""

import os
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest

from daemon.decode.growing import BEHIND, BLOCK, GrowingFile, Interrupted
from daemon.decode.parts import ENDLESS, UNKNOWN_LENGTH, Part, parts, samples_end
from daemon.errors import FailedRecording


class Writer:
    """A file that grows by one piece whenever the reader has to wait."""

    def __init__(self, path: Path, *pieces: bytes) -> None:
        self.path, self.pieces = path, list(pieces)
        self.path.write_bytes(b"")
        self.fd = os.open(path, os.O_RDONLY)
        self.file = GrowingFile(self.fd, self.more)

    def more(self) -> bool:
        if not self.pieces:
            return False
        with self.path.open("ab") as file:
            file.write(self.pieces.pop(0))
        return True

    def read(self) -> bytes:
        return b"".join(iter(lambda: self.file.read(1000), b""))


@pytest.fixture
def grown() -> Iterator[list[Writer]]:
    made: list[Writer] = []
    yield made
    for each in made:
        os.close(each.fd)


def wav(length: int, samples: bytes, name: bytes = b"RIFF", more: bytes = b"") -> bytes:
    long = b"ds64" + struct.pack("<IQQQI", 28, 0, length, 0, 0) if name != b"RIFF" else b""
    short = struct.pack("<I", length if name == b"RIFF" else 0xFFFFFFFF)
    form = b"fmt " + struct.pack("<IHHIIHH", 16, 1, 1, 16000, 32000, 2, 16)
    return name + bytes(4) + b"WAVE" + long + form + b"data" + short + samples + more


def test_what_comes_is_read_and_there_is_no_end_until_waiting_is_over(tmp_path: Path, grown: list[Writer]) -> None:
    writer = Writer(tmp_path / "a.ogg", b"", b"one ", b"", b"two ", b"and three")
    grown.append(writer)
    assert writer.read() == b"one two and three"
    assert isinstance(writer.file.ended, Interrupted) and not writer.file.seekable()
    assert writer.file.read(10) == b"", "it stays so"


@pytest.mark.parametrize("length", [0, 12, 1 << 20, 0xFFFFFFFF])
def test_a_wav_has_no_length_while_it_grows_and_its_end_is_left_for_later(
    tmp_path: Path, grown: list[Writer], length: int
) -> None:
    samples = os.urandom(3 * BEHIND)
    whole = wav(length, samples)
    writer = Writer(tmp_path / "a.wav", whole[:3], whole[3:40], whole[40:50], whole[50:])
    grown.append(writer)
    found = writer.read()
    assert found == whole[:40] + UNKNOWN_LENGTH + samples[:-BEHIND]


@pytest.mark.parametrize("name", [b"RF64", b"BW64"])
def test_the_long_length_of_a_large_wav_likewise(tmp_path: Path, grown: list[Writer], name: bytes) -> None:
    whole = wav(0, os.urandom(3 * BEHIND), name)
    writer = Writer(tmp_path / "a.wav", whole[:30], whole[30:])
    grown.append(writer)
    assert writer.read()[:76] == (whole[:28] + ENDLESS + whole[36:])[:76]


def test_a_file_that_becomes_shorter_is_given_up(tmp_path: Path, grown: list[Writer]) -> None:
    writer = Writer(tmp_path / "a.ogg", b"0123456789abcdef")
    grown.append(writer)
    assert writer.file.read(6) == b"012345"
    os.truncate(writer.path, 3)
    assert writer.file.read(6) == b"" and isinstance(writer.file.ended, FailedRecording)


@pytest.mark.parametrize("size", [100, BLOCK, BLOCK + 1, 2 * BLOCK + 70_000])
def test_only_the_header_may_have_changed(tmp_path: Path, grown: list[Writer], size: int) -> None:
    content = os.urandom(size)
    writer = Writer(tmp_path / "a.ogg", content)
    grown.append(writer)
    assert writer.read() == content
    complete = tmp_path / "complete"

    def is_same(now: bytes) -> bool:
        complete.write_bytes(now)
        with complete.open("rb") as file:
            return writer.file.is_beginning_of(file.fileno(), 40)

    assert is_same(content) and is_same(bytes(40) + content[40:]) and is_same(content + b"more")
    assert not is_same(content[:-1]), "shorter"
    for at in {40, size // 2, size - 1}:
        assert not is_same(content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :]), at
    assert not writer.file.is_beginning_of(writer.fd, BLOCK + 1)


def test_it_goes_on_with_the_complete_file_to_its_end(tmp_path: Path, grown: list[Writer]) -> None:
    writer = Writer(tmp_path / "a.ogg", b"0123456789abcdef")
    grown.append(writer)
    assert writer.file.read(6) == b"012345"
    assert not writer.file.complete(writer.fd, 5) and not writer.file.is_complete
    assert writer.file.complete(writer.fd, 8) and writer.file.is_complete
    assert writer.read() == b"67" and writer.file.ended is None


@pytest.mark.parametrize(
    ("length", "name", "more", "end"),
    [
        (1000, b"RIFF", b"LIST\x04\0\0\0abcd", 1044),
        (1000, b"RF64", b"LIST\x04\0\0\0abcd", 1080),
        (1000, b"RIFF", b"", 1044),
        (0, b"RIFF", b"", 1044),
        (0xFFFFFFFF, b"RIFF", b"", 1044),
        (5000, b"RIFF", b"", 1044),
    ],
)
def test_where_the_samples_of_a_wav_end(tmp_path: Path, length: int, name: bytes, more: bytes, end: int) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(wav(length, bytes(1000), name, more))
    with path.open("rb") as file:
        (part,) = parts(file.fileno(), [0], path.stat().st_size)
        assert samples_end(file.fileno(), part) == end
    other = tmp_path / "a.ogg"
    other.write_bytes(bytes(100))
    with other.open("rb") as file:
        assert samples_end(file.fileno(), Part(0, 100)) == 100
