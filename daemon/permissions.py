"""Who may use a file, in words for those who may not."""

import grp
import os
import pwd
import stat
from pathlib import Path
from typing import NamedTuple


class Denied(NamedTuple):
    """Why this process may not do something, and what its user can do about it."""

    message: str
    hint: str


def denied(file: Path, *, write: bool = False) -> Denied | None:
    """Return who may read or change a file instead of this process; None if it may, or if that is not the reason.

    Args:
        file: What is to be used. The folders above it count, too.
        write: It is to be changed, not only read.
    """
    for folder in reversed(file.absolute().parents):
        if not folder.exists():
            return None
        if not _may(folder, os.X_OK):
            return _told(file, folder, 1, write)
    if not file.exists() or _may(file, os.W_OK if write else os.R_OK):
        return None
    if os.statvfs(file).f_flag & os.ST_RDONLY and write:  # then nobody may
        return None
    return _told(file, file, 2 if write else 4, write)


def _may(path: Path, mode: int) -> bool:
    return os.access(path, mode, effective_ids=True)


def _told(file: Path, obstacle: Path, bit: int, write: bool) -> Denied:
    """Say who has the right that is missing.

    Args:
        file: What was to be used.
        obstacle: The file itself or the folder above it that stands in the way.
        bit: The right, as among the lowest three bits of a mode.
        write: The file was to be changed.
    """
    status = obstacle.stat()
    me, owner, group = user_name(os.geteuid()), user_name(status.st_uid), group_name(status.st_gid)
    verb = "change" if write else "read"
    as_owner = f"as its owner: sudo -u {owner} transcribed ..."
    if write or not stat.S_IMODE(status.st_mode) & bit << 3:
        return Denied(f"{me} may not {verb} {file}: its owner {owner} may", as_owner)
    return Denied(
        f"{me} may not {verb} {file}: its owner {owner} and the group {group} may",
        f"join the group: sudo usermod -aG {group} {me}, then log in again; or {as_owner}",
    )


def user_name(number: int) -> str:
    """Return the name of a user, or his number where he has none."""
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return str(number)


def group_name(number: int) -> str:
    """Return the name of a group, or its number where it has none."""
    try:
        return grp.getgrgid(number).gr_name
    except KeyError:
        return str(number)
