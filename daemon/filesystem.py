"""Files below a watched folder: which version they are, and how they are opened without following links."""

import errno
import fcntl
import os
import stat
from collections.abc import Generator, Iterable
from contextlib import suppress
from pathlib import Path

NO_HARD_LINKS = frozenset({errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS})
"""What a file system that knows no hard links answers."""


def fingerprint(status: os.stat_result) -> str:
    """Return (dev, ino, size, mtime_ns, ctime_ns) as text; another value means another version of the file."""
    return f"{status.st_dev}:{status.st_ino}:{status.st_size}:{status.st_mtime_ns}:{status.st_ctime_ns}"


def device_of(version: str) -> int | None:
    """Return the device number in a fingerprint, or None if it belongs to something that is no recording."""
    device = version.partition(":")[0]
    return int(device) if device.isdigit() else None


def inode_of(version: str) -> str:
    """Return (dev, ino, size, mtime_ns) of a fingerprint: what a rename, a chmod or a chown leaves as it is."""
    return version.rpartition(":")[0]


def file_of(version: str) -> str:
    """Return (dev, ino) of a fingerprint: what also stays as it is while a program writes the file."""
    return ":".join(version.split(":")[:2])


def has_grown(before: str, now: str) -> bool:
    """Return whether, by two fingerprints of a file, a program may have written on: neither size nor time is less."""
    return all(int(new) >= int(old) for old, new in zip(before.split(":")[2:4], now.split(":")[2:4], strict=True))


def is_remounted(before: str, now: str) -> bool:
    """Return whether two fingerprints differ in the device number alone, which a drive gets anew with every mount."""
    return device_of(before) not in (None, device_of(now)) and before.partition(":")[2] == now.partition(":")[2]


def has_left(root: str, path: bytes, version: str) -> bool:
    """Return whether the file with this fingerprint no longer has this path: nothing is there, or another file."""
    try:
        status = os.lstat(os.path.join(os.fsencode(root), path))
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError:
        return False
    return file_of(version) != file_of(fingerprint(status))


def exists(root: str, path: bytes) -> bool:
    """Return whether anything, even a dangling link, has this path below a root; what may not be looked at counts."""
    try:
        os.lstat(os.path.join(os.fsencode(root), path))
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        return True
    return True


def is_there(folder: int, name: bytes) -> bool:
    """Return whether a folder, given by its descriptor, has anything of this name, even a dangling link.

    Raises:
        OSError: It may not be looked at.
    """
    try:
        os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return True


def away(root: str, path: bytes, version: str) -> bool:
    """Return whether the file system that a version was found on is missing, so that nothing is known about the file.

    Where a drive is not mounted, its mount point belongs to another file system and is usually an empty folder.
    """
    where = os.path.join(os.fsencode(root), path)
    while where != b"/":
        where = os.path.dirname(where)
        with suppress(OSError):
            return os.stat(where).st_dev != device_of(version)
    return True


def open_inner(folder: int, name: bytes) -> int:
    """Open a folder within another one, which is an open descriptor, unless it is a link.

    Raises:
        OSError: It is missing, no folder or a link (ENOTDIR, ELOOP), or not permitted.
    """
    return os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)


def enter(folder: int, name: bytes, mode: int) -> tuple[int, bool]:
    """Open a folder within another one, and make it if there is none; also return whether it was made.

    Args:
        folder: Descriptor of the other one.
        name: Its name there.
        mode: Its permissions, if it is made; the umask counts, too.

    Raises:
        OSError: As for `open_inner`, or it may not be made.
    """
    made = False
    with suppress(FileExistsError):
        os.mkdir(name, mode, dir_fd=folder)
        os.fsync(folder)
        made = True
    return open_inner(folder, name), made


def give_new_name(old: bytes | Path, new: bytes | Path, folder: int | None = None, target: int | None = None) -> None:
    """Give a file another name unless that is taken; where there are hard links, it keeps the old one as well.

    Args:
        old: Its name.
        new: Its new name, on the same file system.
        folder: Descriptor of the folder that they are in; None for paths.
        target: Descriptor of the folder for the new name, if that is another one.

    Raises:
        FileExistsError: The name is taken.
        OSError: The folder cannot be written.
    """
    into = folder if target is None else target
    try:
        os.link(old, new, src_dir_fd=folder, dst_dir_fd=into, follow_symlinks=False)
    except OSError as error:
        if error.errno not in NO_HARD_LINKS:
            raise
        with suppress(FileNotFoundError):
            os.stat(new, dir_fd=into, follow_symlinks=False)
            raise FileExistsError(errno.EEXIST, "file exists") from error
        os.rename(old, new, src_dir_fd=folder, dst_dir_fd=into)


def open_folder(root: str, path: bytes) -> int:
    """Open the folder that holds a path below a root, following no link below the root.

    Raises:
        OSError: The folder is missing, behind a link (ENOTDIR, ELOOP) or not permitted.
    """
    folder = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    for part in path.split(b"/")[:-1]:
        try:
            inner = open_inner(folder, part)
        finally:
            os.close(folder)
        folder = inner
    return folder


def folders_down(root: str, parts: Iterable[bytes]) -> Generator[int, None, None]:
    """Yield a descriptor of a root and of each folder on a way down from it, following no link below the root.

    Each is closed when the next one is asked for.

    Raises:
        OSError: A folder is missing, behind a link (ENOTDIR, ELOOP) or not permitted.
    """
    folder = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield folder
        for part in parts:
            inner = open_inner(folder, part)
            os.close(folder)
            folder = inner
            yield folder
    finally:
        os.close(folder)


def open_beneath(root: str, path: bytes) -> int:
    """Open a regular file below a root for reading, following no link below the root and never blocking.

    Raises:
        OSError: The file is missing, not a regular file (EINVAL), behind a link (ELOOP) or not permitted.
    """
    folder = open_folder(root, path)
    try:
        return open_in(folder, os.path.basename(path))
    finally:
        os.close(folder)


def open_in(folder: int, name: bytes) -> int:
    """Open a regular file of a folder, which is an open descriptor, in the same way.

    Raises:
        OSError: As for `open_beneath`.
    """
    fd = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        os.close(fd)
        raise OSError(errno.EINVAL, "not a regular file")
    return fd


def being_written(fd: int) -> bool:
    """Return whether any process has the file open for writing, by asking for a read lease (docs/facts.md, fact 2).

    Where the file system or the permissions give no answer, this is False and only the settle time protects the file.
    """
    try:
        fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_RDLCK)
    except OSError as error:
        return error.errno == errno.EAGAIN
    fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    return False
