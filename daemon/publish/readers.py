"""Gives a file the readers of another one: its owner, group, mode and access control list, as far as is permitted.

A transcript says what its recording says, so the same people may read it, no more and no fewer. The umask of the daemon
has no part in this. In a folder that a group shares, who may read it may also edit it.
"""

import os
import stat
import struct
from contextlib import suppress
from dataclasses import dataclass

ACL = "system.posix_acl_access"
"""The extended attribute that holds a POSIX access control list (acl(5), linux/posix_acl_xattr.h)."""
VERSION = struct.pack("<I", 2)
ENTRY = struct.Struct("<HHI")
USER_OBJ, USER, GROUP_OBJ, GROUP, MASK, OTHER = 0x01, 0x02, 0x04, 0x08, 0x10, 0x20
NO_ID = 0xFFFFFFFF
READ, READ_WRITE = 4, 6
SHARED = stat.S_ISGID | stat.S_IWGRP
"""In the mode of a folder: what is made in it belongs to its group, and who is in the group may replace it anyway."""
Entry = tuple[int, int, int]
"""(tag, permission bits, id)."""


@dataclass(frozen=True, slots=True)
class Access:
    """Who may read and write a file."""

    owner: int
    group: int
    user_bits: int
    group_bits: int
    other_bits: int
    named: tuple[Entry, ...] = ()
    """Further users and groups, from its access control list."""

    @property
    def mode(self) -> int:
        """The mode without the named entries."""
        return self.user_bits << 6 | self.group_bits << 3 | self.other_bits


def access(fd: int) -> Access:
    """Return who may read and write an open file; nobody may execute a transcript."""
    status = os.fstat(fd)
    mode = stat.S_IMODE(status.st_mode) & 0o666
    bits = (mode >> 6, mode >> 3 & 7, mode & 7)
    entries: list[Entry] = []
    with suppress(OSError):
        content = os.getxattr(fd, ACL)
        entries = [ENTRY.unpack_from(content, at) for at in range(len(VERSION), len(content), ENTRY.size)]
    mask = next((bits for tag, bits, _ in entries if tag == MASK), READ_WRITE)
    # With a list, the group bits of the mode are its mask.
    group = next((entry[1] & mask & READ_WRITE for entry in entries if entry[0] == GROUP_OBJ), bits[1])
    named = tuple((tag, bits & mask & READ_WRITE, number) for tag, bits, number in entries if tag in (USER, GROUP))
    return Access(status.st_uid, status.st_gid, bits[0], group, bits[2], named)


def give(fd: int, wanted: Access, *, folder_mode: int) -> bool:
    """Give an open file, which the daemon has just made, the readers that are wanted.

    Args:
        fd: The file.
        wanted: Those of the recording, or of the file that is replaced.
        folder_mode: Of the folder that it is in. Where that is setgid, its group is the right one.

    Returns:
        Whether exactly these may read it. If not, fewer may.
    """
    folder_gives_group = bool(folder_mode & stat.S_ISGID)
    shared = folder_mode & (SHARED | stat.S_ISVTX) == SHARED and bool(wanted.group_bits & READ)
    made = os.fstat(fd)
    if not folder_gives_group and made.st_gid != wanted.group:
        with suppress(OSError):
            os.fchown(fd, -1, wanted.group)
    if made.st_uid != wanted.owner:
        with suppress(OSError):
            os.fchown(fd, wanted.owner, -1)
    made = os.fstat(fd)
    named = list(wanted.named)
    user_bits, group_bits = wanted.user_bits, READ_WRITE if shared else wanted.group_bits
    if made.st_uid != wanted.owner:
        user_bits = READ_WRITE
        if wanted.user_bits & READ and not wanted.other_bits & READ and not shared:
            named.append((USER, wanted.user_bits, wanted.owner))
    if made.st_gid != wanted.group and not folder_gives_group:
        group_bits = wanted.other_bits
        if wanted.group_bits & READ and not wanted.other_bits & READ:
            named.append((GROUP, wanted.group_bits, wanted.group))
    given = Access(made.st_uid, made.st_gid, user_bits, group_bits, wanted.other_bits)
    try:
        os.fchmod(fd, given.mode)
        if named:
            os.setxattr(fd, ACL, _packed(given, named))
    except OSError:  # A file system without modes or lists, or ids that have no meaning here.
        return False
    return True


def _packed(given: Access, named: list[Entry]) -> bytes:
    """Return an access control list as the kernel wants it: sorted by tag and id, with a mask that lets all through."""
    mask = given.group_bits
    for _, bits, _ in named:
        mask |= bits
    entries = [
        (USER_OBJ, given.user_bits, NO_ID),
        *named,
        (GROUP_OBJ, given.group_bits, NO_ID),
        (MASK, mask, NO_ID),
        (OTHER, given.other_bits, NO_ID),
    ]
    return VERSION + b"".join(ENTRY.pack(*entry) for entry in sorted(entries, key=lambda each: (each[0], each[2])))
