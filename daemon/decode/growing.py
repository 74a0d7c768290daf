"""A file that is still being written, as FFmpeg gets to see it: without an end (runs in the decoder child).

FFmpeg reads on when there is more, and keeps all that it knows of the stream meanwhile. So what it gives is what it
would give of the complete file, as far as that has been written.
"""

import io
import os
from collections.abc import Callable

from daemon.decode.parts import Patches, patched, without_length
from daemon.errors import FailedRecording

FOLLOWED = "wav,flac,mp3,ogg,matroska,aac,mpegts"
"""Containers that can be read while they grow. MP4 and MOV say only at their end what is where in them."""
HEADER_BYTES = 1 << 20
"""Where a header is longer, nothing in it is changed."""


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
        self.ended: Exception | None = None
        """Why it seems to end here. An error would not do: FFmpeg reads on after it, and PyAV raises it later."""
        self._patches: Patches | None = None
        """None until the header is there."""

    def readable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Return False: FFmpeg would look for the end."""
        return False

    def read(self, size: int = -1) -> bytes:
        """Return at least one byte and at most `size`, waiting for them if need be; none once it has `ended`."""
        while self.ended is None:
            end = os.fstat(self._fd).st_size
            if self._patches is None:
                self._patches = without_length(self._fd, end)
            if self._patches is None and end > HEADER_BYTES:
                self._patches = ()
            if self._patches is not None and (found := os.pread(self._fd, size, self._at)):
                self._at += len(found)
                return patched(found, self._at - len(found), self._patches)
            if end < self._at:
                self.ended = FailedRecording("the file has become shorter")
            elif not self._wait():
                self.ended = Interrupted()
        return b""
