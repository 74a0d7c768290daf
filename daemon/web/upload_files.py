"""The hidden files of uploads in watched folders, and what can be wrong with an upload."""

import errno
import fcntl
import os
import threading
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from daemon.config.folder_settings import language_in
from daemon.config.options import locate
from daemon.config.settings import Settings
from daemon.errors import TranscribedError, Unavailable
from daemon.filesystem import open_folder, open_in
from daemon.web.wanted import Wanted

JSON_BYTES = 65_536
NO_LOCKS = frozenset({errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS})
"""What a file system answers that knows no locks; then only one process may serve the page."""
BUSY = "wait until that ends, or is broken off"
NEW = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
MAKE_ROOM = "free space there; what has arrived is kept, and the upload can go on"
CURES = {
    errno.ENOENT: "make the folder, or mount its drive",
    errno.ENOTDIR: "make the folder, or mount its drive; links below a watched folder are not followed",
}


_held: set[str] = set()
"""Uploads that this process works on. On NFS, its second descriptor of a file is not kept out by the lock on the first,
and takes that lock away when it is closed."""
_turn = threading.Lock()


class NoUpload(TranscribedError):
    """There is no such upload, or none that this person began."""


class Busy(TranscribedError):
    """Somebody sends to this upload at this moment."""


class WrongOffset(TranscribedError):
    """What is sent does not go on where the upload ends."""


class TooLarge(TranscribedError):
    """It is more than may be sent."""


class NoRoom(Unavailable):
    """The disk has no room for it, or only what the daemon needs itself."""


def no_upload(key: str) -> NoUpload:
    """Return the error for an upload that is not there, or not for whoever asks."""
    return NoUpload(f"there is no upload {key[:40]!r}", "it was finished, cancelled, or left for more than a day")


def upload_file(key: str, kind: str) -> bytes:
    """Return the name of one of the hidden files of an upload: `part`, `json` or `toml`."""
    return f".upload-{key}.{kind}".encode()


def read_wanted(where: int, key: str) -> Wanted:
    """Return what is wanted of an upload.

    Args:
        where: Descriptor of its folder.
        key: Of 32 hexadecimal digits.

    Raises:
        OSError: There is none, or it cannot be read.
        ValueError: It is damaged.
    """
    with os.fdopen(open_in(where, upload_file(key, "json")), "rb") as file:
        return Wanted.from_json(file.read(JSON_BYTES))


def hold(key: str) -> None:
    """Take an upload, before its file is opened, so that nobody else in this process works on it until it is let go.

    Raises:
        Busy: Somebody else has it.
    """
    with _turn:
        if key in _held:
            raise Busy("this recording is being sent already", BUSY)
        _held.add(key)


def let_go(key: str) -> None:
    """Let others take an upload; its file is closed by now."""
    with _turn:
        _held.discard(key)


def lock(fd: int) -> None:
    """Lock the file of an upload, so that no other server works on it until it is closed.

    Raises:
        Busy: Another one does.
        OSError: The file system fails.
    """
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise Busy("this recording is being sent already", BUSY) from error
    except OSError as error:
        if error.errno not in NO_LOCKS:
            raise


def numbered(name: str, number: int) -> str:
    """Return a name with a number, unless that is the first: `talk (2).mp3`, `talk (2).de.mp3`."""
    if number == 1:
        return name
    stem, suffix = os.path.splitext(name)
    if language_in(os.fsencode(name)):
        stem, _, code = stem.rpartition(".")
        suffix = f".{code}{suffix}"
    return f"{stem} ({number}){suffix}"


def opened(settings: Settings, folder: Path) -> int:
    """Open a folder, following no link below the watched one.

    Raises:
        TranscribedError: It is in no watched folder.
        OSError: It is missing, behind a link, or not permitted.
    """
    place = locate(settings, os.fsencode(folder / "x"))
    if place is None:
        raise TranscribedError(f"{folder} is below no watched folder")
    return open_folder(str(settings.watch[place.folder].path), place.below)


def write_new(where: int, name: bytes, content: bytes) -> None:
    """Write a file that does not exist yet, and have it on the disk.

    Raises:
        OSError: It exists, or cannot be written.
    """
    fd = os.open(name, NEW, 0o666, dir_fd=where)
    with os.fdopen(fd, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(fd)


@contextmanager
def trouble(folder: Path) -> Generator[None, None, None]:
    """Make what the system says into what a person can act on."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        if error.errno in FULL:
            raise NoRoom(f"{folder} cannot take the recording: {reason.lower()}", MAKE_ROOM) from error
        cure = CURES.get(error.errno or 0, "let the user that the page runs as write there")
        raise Unavailable(f"{folder} cannot take the recording: {reason.lower()}", cure) from error


def check_room(settings: Settings, folder: Path, where: int, name: str, size: int) -> None:
    """Return if there is room for so much more, with what the daemon and other programs need left free.

    Args:
        settings: Say how much that is: `monitor.disk_free_mb`, below which the monitor raises an alert.
        folder: Where the recording goes.
        where: Descriptor of the folder.
        name: That of the recording.
        size: In bytes.

    Raises:
        NoRoom: There is not.
        OSError: The file system does not answer.
    """
    status = os.fstatvfs(where)
    least_mb = settings.monitor.disk_free_mb
    room = max(0, status.f_bavail * status.f_frsize - int(least_mb * 1e6))
    if size > room:
        kept = f", as {least_mb:g} MB stay free (monitor.disk_free_mb)" if least_mb else ""
        raise NoRoom(f"{folder} has room for {gb(room)}, and {name} needs {gb(size)} more{kept}", MAKE_ROOM)


def too_large(settings: Settings, name: str, told: int | None = None) -> TooLarge:
    """Return the error for a recording that is larger than was told beforehand, or than is allowed."""
    if told is not None:
        return TooLarge(f"{name} is larger than the {told} bytes that were told", "has it changed meanwhile?")
    most = gb(settings.web.upload_max_bytes)
    return TooLarge(f"{name} is larger than {most}, the most that may be sent", "raise web.upload_max_gb")


def gb(size: int) -> str:
    """Return a size for people."""
    return f"{size / 1e9:.3g} GB"
