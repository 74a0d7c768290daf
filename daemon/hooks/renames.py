"""Renames below a watched folder: by descriptors, following no link, never over a file that is there."""

import ctypes
import errno
import os
import shlex
import stat
from collections.abc import Sequence
from contextlib import closing

from daemon.filesystem import enter, folders_down
from daemon.store.records import readable

RENAME_NOREPLACE = 1
"""See renameat2(2)."""
NO_SUCH_RENAME = frozenset({errno.EINVAL, errno.ENOSYS})
"""What a file system answers that cannot rename like this, such as NFS."""

_libc = ctypes.CDLL(None, use_errno=True)


def rename_new(old_folder: int, old: bytes, new_folder: int, new: bytes) -> None:
    """Rename a file to a name that is free.

    Raises:
        FileExistsError: It is not free.
        OSError: The file is gone, the folders may not be written, or the new one is on another file system.
    """
    rename = getattr(_libc, "renameat2", None)
    if rename is not None:
        if rename(old_folder, old, new_folder, new, RENAME_NOREPLACE) == 0:
            return
        code = ctypes.get_errno()
        if code not in NO_SUCH_RENAME:
            raise OSError(code, os.strerror(code))
    os.link(old, new, src_dir_fd=old_folder, dst_dir_fd=new_folder, follow_symlinks=False)
    os.unlink(old, dir_fd=old_folder)


def open_made(root: str, folders: Sequence[bytes], modes: Sequence[int]) -> int:
    """Open a folder below a root, following no link, and make what there is not of it.

    Args:
        root: The watched folder.
        folders: The names of the folders on the way.
        modes: The permissions of each, if it is made; the umask counts, too.

    Raises:
        OSError: Something else has one of these names, such as a link, or it may not be made.
    """
    folder = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    for name, mode in zip(folders, modes, strict=True):
        try:
            inner, _ = enter(folder, name, mode)
        finally:
            os.close(folder)
        folder = inner
    return folder


def modes_down(root: str, folders: Sequence[bytes]) -> list[int]:
    """Return the permissions of a root and of each folder on a way down from it.

    Raises:
        OSError: A folder is missing, behind a link or not permitted.
    """
    with closing(folders_down(root, folders)) as ways:
        return [stat.S_IMODE(os.fstat(folder).st_mode) & 0o777 for folder in ways]


def shell_word(path: bytes) -> str:
    """Return a path as a shell reads it; what is not printable is escaped as Bash and others understand it."""
    text = readable(path)
    if text.encode() == path:
        return shlex.quote(text)
    plain = {byte: chr(byte) for byte in range(32, 127) if byte not in b"'\\"}
    return "$'" + "".join(plain.get(byte, f"\\x{byte:02x}") for byte in path) + "'"
