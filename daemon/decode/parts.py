"""Finds recordings that were joined into one file, and headers that say less than the file holds.

FFmpeg stops where the header of a file says that it ends (docs/facts.md, fact 13). Two WAV files put together with
`cat`, a recorder that lost its power before it wrote the final sizes, and sizes that wrapped around at 4 GiB would lose
everything after that.
"""

import io
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

PARTS_MAX = 1000
"""A file that seems to hold more recordings is taken as one from there on."""
OVERLAP = 64
"""The most bytes that a signature and what is checked around it take."""
UNKNOWN_LENGTH = b"\xff\xff\xff\xff"
"""A size in a RIFF or AIFF header with which FFmpeg reads on to the end of the file."""
CHUNKS_MAX = 10_000
WAV = {b"RIFF": "little", b"RF64": "little", b"BW64": "little", b"RIFX": "big"}
"""How WAV files of any size begin, and the order of the bytes in their numbers."""
ENDLESS = (1 << 62).to_bytes(8, "little")
"""A length of eight bytes with which FFmpeg reads on likewise."""

Patches = tuple[tuple[int, bytes], ...]
"""(where in a file, the bytes to be read there instead)."""


@dataclass(frozen=True, slots=True)
class Part:
    """The bytes of one recording in a file, and what is to be read differently in them."""

    start: int
    end: int
    patches: Patches = ()


class PartFile(io.RawIOBase):
    """A part as a file of its own, read-only; FFmpeg reads it through PyAV.

    Args:
        fd: A readable descriptor of the whole file, which stays open.
        part: What to show of it.
    """

    def __init__(self, fd: int, part: Part) -> None:
        self._fd = fd
        self._part = part
        self._at = 0

    def readable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Return True."""
        return True

    def tell(self) -> int:
        """Return the position in the part."""
        return self._at

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Move to a position in the part, and return it."""
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._part.end - self._part.start}[whence]
        self._at = max(0, base + offset)
        return self._at

    def read(self, size: int = -1) -> bytes:
        """Return at most `size` bytes, with the patches in place."""
        begin = self._part.start + self._at
        left = max(0, self._part.end - begin)
        found = os.pread(self._fd, left if size < 0 else min(size, left), begin)
        self._at += len(found)
        return patched(found, begin, self._part.patches)


def patched(block: bytes, begin: int, patches: Patches) -> bytes:
    """Return bytes of a file with the patches in place.

    Args:
        block: The bytes.
        begin: Where in the file they are.
        patches: What is to be read differently in the file.
    """
    changed = bytearray(block)
    for where, patch in patches:
        for nth, byte in enumerate(patch, where - begin):
            if 0 <= nth < len(changed):
                changed[nth] = byte
    return bytes(changed)


@dataclass(frozen=True, slots=True)
class _Signature:
    """How a kind of file begins."""

    needle: bytes
    offset: int = 0
    """Where the needle is, from the start of the file."""
    begins: Callable[[bytes], bool] = lambda _head: True
    """Whether bytes, from where the file would start, are really the start of one; there may be fewer than it needs."""
    grouped: bool = False
    """Whether several beginnings one after another are those of one file."""


def _is_mp3(head: bytes) -> bool:
    known = head[:3] == b"ID3" and head[3:4] in (b"\x02", b"\x03", b"\x04") and head[4:5] == b"\x00"
    return known and all(byte < 0x80 for byte in head[6:10])


SIGNATURES = {
    "wav": _Signature(b"WAVE", 8, lambda head: head[:4] in (b"RIFF", b"RF64", b"BW64", b"RIFX")),
    "aiff": _Signature(b"AIF", 8, lambda head: head[:4] == b"FORM" and head[11:12] in (b"F", b"C")),
    "w64": _Signature(b"riff\x2e\x91\xcf\x11\xa5\xd6\x28\xdb"),
    "caf": _Signature(b"caff\x00\x01\x00\x00"),
    "au": _Signature(b".snd\x00\x00", 0, lambda head: int.from_bytes(head[12:16], "big") in range(1, 28)),
    "flac": _Signature(b"fLaC\x00\x00\x00\x22"),
    "mp4": _Signature(b"ftyp", 4, lambda head: head[:3] == b"\x00\x00\x00" and head[8:12].isascii()),
    "matroska": _Signature(b"\x1aE\xdf\xa3", 0, lambda head: b"webm" in head or b"matroska" in head),
    "asf": _Signature(b"\x30\x26\xb2\x75\x8e\x66\xcf\x11\xa6\xd9"),
    "flv": _Signature(b"FLV\x01", 0, lambda head: head[5:9] == b"\x00\x00\x00\x09"),
    "avi": _Signature(b"AVI LIST", 8, lambda head: head[:4] == b"RIFF"),
    "amr": _Signature(b"#!AMR", 0, lambda head: head[5:6] in (b"\n", b"-")),
    "tta": _Signature(b"TTA1\x01\x00"),
    "mp3": _Signature(b"ID3", 0, _is_mp3),
    # The first page of an Ogg stream has the flag "begin of stream"; several streams may begin together.
    "ogg": _Signature(b"OggS\x00", 0, lambda head: bool(int.from_bytes(head[5:6]) & 2), grouped=True),
}
"""Kinds of files whose beginning can be told from what they hold. The others (MPEG streams without ID3) have no header:
FFmpeg reads on where one is joined to another."""


class Joints:
    """Looks for the places where a file of the same kind begins anew, while the file is read from start to end."""

    def __init__(self) -> None:
        self._signature: _Signature | None = None
        self._tail = b""
        self._at = 0
        self._began = False
        """Whether what the needle was last found in was the beginning of a file."""
        self.starts = [0]
        """Where the recordings of the file begin; [0] for all but joined ones."""

    def feed(self, block: bytes) -> None:
        """Take the next bytes of the file."""
        if self._at == 0:
            self._signature = next((each for each in SIGNATURES.values() if _begins(each, block[:OVERLAP])), None)
        if self._signature is not None:
            held = self._tail + block
            self._search(held, self._at - len(self._tail), self._signature)
            self._tail = held[-(OVERLAP - 1) :]
        self._at += len(block)

    def _search(self, held: bytes, base: int, signature: _Signature) -> None:
        at = held.find(signature.needle, signature.offset)
        while at != -1 and (begin := at - signature.offset) + OVERLAP <= len(held):
            before, self._began = self._began, signature.begins(held[begin : begin + OVERLAP])
            is_joint = self._began and base + begin > 0 and not (before and signature.grouped)
            if is_joint and len(self.starts) < PARTS_MAX:
                self.starts.append(base + begin)
            at = held.find(signature.needle, at + 1)


def _begins(signature: _Signature, head: bytes) -> bool:
    return head[signature.offset :].startswith(signature.needle) and signature.begins(head)


def parts(fd: int, starts: list[int], size_bytes: int) -> list[Part]:
    """Return the recordings in a file, each with a header that does not cut it short.

    Args:
        fd: A readable descriptor.
        starts: Where they begin, from `Joints`.
        size_bytes: The size of the file.
    """
    ends = [*starts[1:], size_bytes]
    return [Part(start, end, _mended(fd, start, end)) for start, end in zip(starts, ends, strict=True)]


def without_length(fd: int, end: int) -> Patches | None:
    """Return what to change in the header of a WAV file so that FFmpeg reads on for as long as there is more.

    Args:
        fd: A readable descriptor of the file, which may still grow.
        end: How long it is by now.

    Returns:
        Nothing to change for other files; None if the header is not complete yet.
    """
    head = os.pread(fd, 12, 0)
    if len(head) < 12:
        return None
    order = WAV.get(head[:4])
    if order is None or head[8:] != b"WAVE":
        return ()
    patches: Patches = ()
    for name, at, _ in _chunks(fd, 12, end, order):
        if name == b"ds64":
            patches = ((at + 16, ENDLESS),)
        if name == b"data":
            return patches or ((at + 4, UNKNOWN_LENGTH),)
    return None


def samples_end(fd: int, part: Part) -> int:
    """Return where the samples of a recording end: in a WAV file, other chunks may come after them."""
    head = os.pread(fd, 12, part.start)
    order = WAV.get(head[:4])
    if order is None or head[8:] != b"WAVE" or part.patches:
        return part.end
    long = 0
    for name, at, length in _chunks(fd, part.start + 12, part.end, order):
        if name == b"ds64":
            long = int.from_bytes(os.pread(fd, 8, at + 16), "little")
        if name == b"data":
            length = long or length
            known = length and length.to_bytes(8, "little")[:4] != UNKNOWN_LENGTH
            return min(at + 8 + length, part.end) if known else part.end
    return part.end


def _mended(fd: int, start: int, end: int) -> Patches:
    """Return what to change in the header of a WAV or AIFF file so that FFmpeg reads on to the end of the file.

    Nothing, if the header covers the file, or if what follows the samples are further chunks of the container. AU,
    FLAC, MP3 and streams are read to their end whatever their header says.
    """
    head = os.pread(fd, 12, start)
    order: str | None = {b"RIFF": "little", b"FORM": "big"}.get(head[:4])
    if order is None or head[8:12] not in (b"WAVE", b"AIFF", b"AIFC"):
        return ()
    samples = b"data" if order == "little" else b"SSND"
    for name, at, length in _chunks(fd, start + 12, end, order):
        if name != samples:
            continue
        rest = at + 8 + length + length % 2
        if not length or rest >= end or _is_chunks(fd, rest, end, order):
            return ()
        return ((at + 4, UNKNOWN_LENGTH),)
    return ()


def _chunks(fd: int, at: int, end: int, order: str) -> Iterator[tuple[bytes, int, int]]:
    """Yield (name, where, length of the content) of the chunks of an IFF container."""
    for _ in range(CHUNKS_MAX):
        head = os.pread(fd, 8, at)
        if len(head) < 8 or at + 8 > end:
            return
        length = int.from_bytes(head[4:], "little" if order == "little" else "big")
        yield head[:4], at, length
        at += 8 + length + length % 2


def _is_chunks(fd: int, at: int, end: int, order: str) -> bool:
    """Tell whether the bytes between two places are chunks of an IFF container, up to a few bytes of padding."""
    for name, where, length in _chunks(fd, at, end, order):
        if not re.fullmatch(rb"[ -~]{4}", name) or where + 8 + length > end + 1:
            return False
        at = where + 8 + length + length % 2
    return at >= end - 8
