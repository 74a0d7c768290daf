"""Where the files of a transcript go: beside the recording, or into a tree of their own."""

import os
import stat
from contextlib import suppress
from dataclasses import dataclass

from daemon.chunk import BESIDE
from daemon.errors import Unavailable
from daemon.filesystem import enter, open_folder

OWNER_BITS, WHO_BITS = 0o700, 0o777


@dataclass(frozen=True, slots=True)
class Target:
    """The folder of a recording's transcript."""

    root: str
    """The watched folder."""
    path: bytes
    """The recording, below it."""
    output: str = BESIDE
    """BESIDE, or the absolute path of the folder that holds the mirrored tree."""

    @property
    def is_beside(self) -> bool:
        """Whether transcripts go beside their recordings."""
        return self.output == BESIDE

    @property
    def folder(self) -> bytes:
        """The absolute path of the folder."""
        base = self.root if self.is_beside else self.output
        return os.path.dirname(os.path.join(os.fsencode(base), self.path))

    def open(self) -> int:
        """Open the folder, following no link below the root or the output folder.

        In an output folder, what is missing of the tree is made, with the mode of the folder that it mirrors.

        Raises:
            OSError: The recording's folder is missing, behind a link or not permitted.
            Unavailable: So is the output folder, or it cannot be written.
        """
        if self.is_beside:
            return open_folder(self.root, self.path)
        try:
            return self._made()
        except OSError as error:
            raise Unavailable(
                f"the output folder {self.output} cannot be used: {error.strerror}",
                "create or mount it, and let the daemon's user write there; the daemon will try again",
            ) from error

    def _made(self) -> int:
        folder = os.open(self.output, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        below = os.fsencode(self.root)
        for part in self.path.split(b"/")[:-1]:
            below = os.path.join(below, part)
            try:
                inner = _entered(folder, part, below)
            finally:
                os.close(folder)
            folder = inner
        return folder


def _entered(folder: int, name: bytes, mirrored: bytes) -> int:
    """Open a folder within another one, and make it if there is none, for those who may use what it mirrors."""
    inner, made = enter(folder, name, OWNER_BITS)
    if made:
        with suppress(OSError):  # The mirrored folder may be gone by now.
            who = os.stat(mirrored).st_mode & WHO_BITS
            special = stat.S_IMODE(os.fstat(inner).st_mode) & ~WHO_BITS
            os.fchmod(inner, special | who | OWNER_BITS)
    return inner
