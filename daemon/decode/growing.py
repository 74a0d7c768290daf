"""A file that is still being written, as FFmpeg gets to see it: without an end (runs in the decoder child).

FFmpeg reads on when there is more, and keeps all that it knows of the stream meanwhile. So what it gives is what it
would give of the complete file, as far as that has been written.
"""

import io
import os
from collections.abc import Callable
from hashlib import blake2b

from daemon.decode.parts import Patches, patched, without_length
from daemon.errors import FailedRecording

FOLLOWED = "wav,flac,mp3,ogg,matroska,aac,mpegts"
"""Containers that can be read while they grow. MP4 and MOV say only at their end what is where in them."""
BLOCK = 1 << 20
"""What is compared at once. A header that is longer is not changed, and no other one is accepted later."""
BEHIND = 1 << 16
"""So much less than there is of a WAV file is read: other chunks may follow the samples, which only the complete header
tells apart."""


class Interrupted(Exception):
    """There may be more, but it is not to be waited for."""


class GrowingFile(io.RawIOBase):
    """A file to be read from its beginning to the end that it will have.

    Args:
        fd: A readable descriptor, which stays open.
        wait: Called where the file ends for now, again and again; it waits for a moment, and returns whether to go on.
    """

    def __init__(self, fd: int, wait: Callable[[], bool]) -> None:
        self._fd = fd
        self._wait = wait
        self._at = 0
        self._end: int | None = None
        """Where it ends, once it is complete."""
        self.ended: Exception | None = None
        """Why it seems to end here. An error would not do: FFmpeg reads on after it, and PyAV raises it later."""
        self._patches: Patches | None = None
        """None until the header is there."""
        self._first = b""
        """The first block, as far as it has been read."""
        self._digests: list[bytes] = []
        """Of the blocks that have been read, the first included."""
        self._digest = blake2b()
        """Of the one after them, as far as it has been read."""

    def readable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Return False: FFmpeg would look for the end."""
        return False

    @property
    def is_complete(self) -> bool:
        """Whether it has its end."""
        return self._end is not None

    def read(self, size: int = -1) -> bytes:
        """Return at least one byte and at most `size`, waiting for them if need be; none at the end."""
        while self.ended is None:
            there = os.fstat(self._fd).st_size
            if self._patches is None:
                self._patches = without_length(self._fd, there)
            if self._patches is None and there > BLOCK:
                self._patches = ()
            if self._patches is not None and (left := self._end_of(there) - self._at) > 0:
                found = os.pread(self._fd, min(size, left), self._at)
                self._note(found)
                return patched(found, self._at - len(found), self._patches)
            if self._end is not None:
                break
            if there < self._at:
                self.ended = FailedRecording("the file has become shorter")
            elif not self._wait():
                self.ended = Interrupted()
        return b""

    def _end_of(self, there: int) -> int:
        """Return how far to read now."""
        if self._end is not None:
            return self._end
        return there - BEHIND if self._patches else there

    def _note(self, found: bytes) -> None:
        """Remember what was read, so that it can be compared."""
        left = memoryview(found)
        while left:
            room = BLOCK - self._at % BLOCK
            self._digest.update(left[:room])
            if self._at < BLOCK:
                self._first += left[:room]
            self._at += len(left[:room])
            left = left[room:]
            if self._at % BLOCK == 0:
                self._digests.append(self._digest.digest())
                self._digest = blake2b()

    def is_beginning_of(self, fd: int, header: int) -> bool:
        """Return whether a file begins with what was read, its header aside.

        Args:
            fd: A readable descriptor of the file.
            header: How long its header is.
        """
        if header > BLOCK:
            return False
        for nth, digest in enumerate([*self._digests, self._digest.digest()]):
            size = min(BLOCK, self._at - nth * BLOCK)
            block = os.pread(fd, size, nth * BLOCK)
            if len(block) < size:
                return False
            if block[header:] != self._first[header:] if nth == 0 else blake2b(block).digest() != digest:
                return False
        return True

    def complete(self, fd: int, end: int) -> bool:
        """Read on from a complete file, to its end; return whether that has not been passed already."""
        if self._at > end:
            return False
        self._fd, self._end = fd, end
        return True
