"""Whether a recording came with a transcript of its own, for `[[watch]] when_transcript_exists = "skip"`."""

import os
import stat
from collections.abc import Callable, Collection, Iterator

from daemon.config.formats import FORMATS

NO_TEXT = ("json", "rttm")
"""The formats whose extensions say too little: beside recordings, such files mostly hold no text."""


def own_transcript(full: bytes, files: Collection[str], is_ours: Callable[[bytes], bool]) -> bytes | None:
    """Return the name of a transcript that lies beside a recording and is not the daemon's, or None.

    Args:
        full: The absolute path of the recording.
        files: What the daemon would write, as `files_of` names it. A JSON or rttm file counts only if it is among them,
            and so does a translation (talk.en.srt); the other formats always do.
        is_ours: Tells whether the daemon wrote the file at an absolute path.
    """
    folder = os.path.dirname(full)
    for name in _names(os.path.basename(full), files):
        path = os.path.join(folder, name)
        try:
            status = os.lstat(path)
        except OSError:
            continue
        if stat.S_ISREG(status.st_mode) and status.st_size and not is_ours(path):
            return name
    return None


def _names(recording: bytes, files: Collection[str]) -> Iterator[bytes]:
    """Yield the names that a transcript of a recording may have: for talk.mp3 talk.srt, talk.mp3.srt and so on."""
    for form in dict.fromkeys((*FORMATS, *files)):
        if form not in NO_TEXT or form in files:
            for base in (os.path.splitext(recording)[0], recording):
                yield base + f".{form}".encode()
                yield base + f".{form.upper()}".encode()
