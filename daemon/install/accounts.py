"""Users and groups of this machine, by name."""

import grp
import pwd


def user_id(name: str) -> int | None:
    """Return the number of a user; None if there is none of that name."""
    try:
        return pwd.getpwnam(name).pw_uid
    except KeyError:
        return None


def group_id(name: str) -> int | None:
    """Return the number of a group; None if there is none of that name."""
    try:
        return grp.getgrnam(name).gr_gid
    except KeyError:
        return None


def is_member(user: str, group: str) -> bool:
    """Return whether a user is in a group; not if one of them does not exist."""
    try:
        account, team = pwd.getpwnam(user), grp.getgrnam(group)
    except KeyError:
        return False
    return account.pw_gid == team.gr_gid or user in team.gr_mem
