"""Places that an installation may write to: those where nobody else can lead it astray."""

import os
import stat
from pathlib import Path

from daemon.errors import Unavailable
from daemon.permissions import user_name


def check_way(path: Path) -> None:
    """Check the way to an absolute path, which need not be there: folders of this user or of root, and no links.

    A link, or a folder of somebody else's, could lead to another place by the time that something is made there.

    Raises:
        Unavailable: Something on the way is a link or not a folder, or belongs to somebody else.
    """
    for folder in reversed(path.parents):
        try:
            status = folder.lstat()
        except FileNotFoundError:
            return
        except OSError as error:
            raise Unavailable(f"{folder}: {error.strerror}", "see who may use it: ls -ld") from error
        if stat.S_ISLNK(status.st_mode):
            raise Unavailable(f"{folder} is a link", f"name the place itself: {path.resolve()}")
        if not stat.S_ISDIR(status.st_mode):
            raise Unavailable(f"{folder} is not a folder", "name another place")
        if status.st_uid not in (0, os.geteuid()):
            raise Unavailable(
                f"{path} is not safe: {folder} belongs to {user_name(status.st_uid)}, who could exchange it",
                "name another place",
            )


def check_no_link(path: Path) -> None:
    """Check that a path is not a link itself.

    Raises:
        Unavailable: It is one.
    """
    if path.is_symlink():
        raise Unavailable(f"{path} is a link to {os.readlink(path)}", "remove it, or name the place itself")


def open_folder(path: Path) -> int:
    """Open a folder without following any link, and make what is missing on the way, with mode 0755.

    Raises:
        OSError: Something on the way is a link or no folder, or not permitted.
    """
    folder = os.open("/", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    for name in path.parts[1:]:
        try:
            inner = _folder_in(folder, name)
        finally:
            os.close(folder)
        folder = inner
    try:
        return os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=folder)
    finally:
        os.close(folder)


def _folder_in(folder: int, name: str) -> int:
    how = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        return os.open(name, how, dir_fd=folder)
    except FileNotFoundError:
        os.mkdir(name, 0o700, dir_fd=folder)
        made = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)
        try:
            os.fchmod(made, 0o755)  # whatever the umask
        finally:
            os.close(made)
        return os.open(name, how, dir_fd=folder)
