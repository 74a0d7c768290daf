"""The steps of an installation, as values: each looks at the system and says what it would change there."""

import os
import stat
import struct
from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from daemon.errors import Unavailable
from daemon.install.accounts import group_id, user_id
from daemon.install.places import check_no_link, check_way, open_folder
from daemon.install.sealed import Present, compare, sealed
from daemon.permissions import user_name

OF_GROUP = struct.pack("<I HHI HHI HHI", 2, 0x01, 7, 0xFFFFFFFF, 0x04, 7, 0xFFFFFFFF, 0x20, 0, 0xFFFFFFFF)
"""An access control list (linux/posix_acl_xattr.h): all for the owner and the group, nothing for others."""
DEFAULT_ACL = "system.posix_acl_default"
"""The attribute of a folder with the list for what is made in it, which then counts instead of the umask."""


@dataclass(frozen=True, slots=True)
class Change:
    """What a step is going to do, in the imperative, and doing it."""

    what: str
    do: Callable[[], None]


class Step(Protocol):
    """A step, which changes nothing when it has been done before."""

    @property
    def what(self) -> str:
        """The step in the imperative, shown when there is nothing to do."""

    def change(self, changed: Collection["Step"], /) -> Change | None:
        """Return what there is to do; None if it is done.

        Args:
            changed: The steps before this one that had something to do.

        Raises:
            Unavailable: It may not or should not be done, and a person must look at it.
        """


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder with an owner, a group and a mode; with the setgid bit, whatever is made in it is the group's, too."""

    path: Path
    owner: str
    group: str
    mode: int

    @property
    def what(self) -> str:
        """As in `Step`."""
        return f"make the folder {self.path} ({self._rights})"

    @property
    def _rights(self) -> str:
        return f"{self.owner}:{self.group} {self.mode:04o}"

    def change(self, _changed: Collection[Step] = (), /) -> Change | None:
        """As in `Step`; a folder that is there and in use is left as it is, or refused."""
        check_way(self.path)
        check_no_link(self.path)
        try:
            status = self.path.lstat()
        except FileNotFoundError:
            return Change(self.what, self._make)
        if not stat.S_ISDIR(status.st_mode):
            raise Unavailable(f"{self.path} is not a folder", "move it away, or name another place")
        if self._suits(status):
            return None
        by_hand = f"sudo chown {self.owner}:{self.group} {self.path} && sudo chmod {self.mode:o} {self.path}"
        if status.st_uid not in (0, os.geteuid(), user_id(self.owner)):
            raise Unavailable(
                f"{self.path} belongs to {user_name(status.st_uid)}",
                f"name another folder, or give it over: {by_hand}",
            )
        if any(entry.name != "lost+found" for entry in self.path.iterdir()):
            raise Unavailable(
                f"{self.path} is in use, with other rights than {self._rights}",
                f"if it is what you mean, give it over: {by_hand}",
            )
        return Change(f"give the empty folder {self.path} to {self._rights}", self._make)

    def _suits(self, status: os.stat_result) -> bool:
        """Return whether a folder gives everybody who should have them at least these rights."""
        by_group = self.mode >> 3 & 7 != self.mode & 7
        return (
            status.st_mode & self.mode & 0o777 == self.mode & 0o777
            and (not by_group or status.st_gid == group_id(self.group))
            and (by_group or status.st_uid == user_id(self.owner))
        )

    def _make(self) -> None:
        folder = open_folder(self.path)
        try:
            os.fchown(folder, *_ids(self.owner, self.group))
            os.fchmod(folder, self.mode)
            if self.mode & stat.S_ISGID:
                with suppress(OSError):  # a file system without such lists: the umask counts
                    os.setxattr(folder, DEFAULT_ACL, OF_GROUP)
        finally:
            os.close(folder)


@dataclass(frozen=True, slots=True)
class File:
    """A file; one that has been edited since the last installation is kept, and the new text put beside it."""

    path: Path
    text: str
    owner: str
    group: str
    mode: int

    @property
    def what(self) -> str:
        """As in `Step`."""
        return f"write {self.path} ({self.owner}:{self.group} {self.mode:04o})"

    def change(self, _changed: Collection[Step] = (), /) -> Change | None:
        """As in `Step`."""
        check_way(self.path)
        match self._present(self.path):
            case None | Present.OLD:
                return Change(self.what, lambda: self._write(self.path))
            case Present.CURRENT:
                return None
        beside = self.path.with_name(f"{self.path.name}.new")
        if self._present(beside) is Present.CURRENT:
            return None
        told = f"keep {self.path}, which was edited, and write {beside.name} beside it"
        return Change(told, lambda: self._write(beside))

    def _present(self, path: Path) -> Present | None:
        check_no_link(path)
        try:
            return compare(path.read_text("utf-8", "replace"), self.text)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise Unavailable(f"{path}: {error.strerror}", "move it away") from error

    def _write(self, path: Path) -> None:
        folder = open_folder(path.parent)
        partial = f".{path.name}.partial"
        try:
            with suppress(FileNotFoundError):
                os.unlink(partial, dir_fd=folder)
            fd = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600, dir_fd=folder)
            with os.fdopen(fd, "w", encoding="utf-8") as file:
                os.fchown(fd, *_ids(self.owner, self.group))
                os.fchmod(fd, self.mode)
                file.write(sealed(self.text))
                file.flush()
                os.fsync(fd)
            os.rename(partial, path.name, src_dir_fd=folder, dst_dir_fd=folder)
        finally:
            os.close(folder)


@dataclass(frozen=True, slots=True)
class Link:
    """A link to the program, where the shell finds it; whatever has that name already is left alone."""

    path: Path
    target: Path

    @property
    def what(self) -> str:
        """As in `Step`."""
        if self._is_free or self._is_ours:
            return f"link {self.path} to {self.target}"
        return f"leave {self.path} as it is, for it is another program"

    def change(self, _changed: Collection[Step] = (), /) -> Change | None:
        """As in `Step`."""
        return Change(self.what, self._make) if self._is_free else None

    @property
    def _is_free(self) -> bool:
        return not os.path.lexists(self.path)

    @property
    def _is_ours(self) -> bool:
        return self.path.is_symlink() and os.readlink(self.path) == str(self.target)

    def _make(self) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.path.symlink_to(self.target)


def _ids(owner: str, group: str) -> tuple[int, int]:
    """Return the numbers of a user and a group.

    Raises:
        Unavailable: There is none of that name.
    """
    uid, gid = user_id(owner), group_id(group)
    if uid is None or gid is None:
        raise Unavailable(f"there is no user {owner}, or no group {group}", "see what systemd-sysusers said")
    return uid, gid
