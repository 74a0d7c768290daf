"""The disks of the database, the log and the models: room, inodes, and whether they can be written to."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from daemon.config.paths import hugging_face
from daemon.doctor.case import Case
from daemon.doctor.findings import Finding, failed, ok, warning

SUBJECT = "disk"
LEAST_MB = 50
"""With less the database can hardly be written."""
LEAST_INODES = 100
FREE = "free space there, or move it to another disk"


@dataclass(frozen=True, slots=True)
class Place:
    """A folder that the daemon writes to, or the nearest one above it that is there."""

    what: str
    path: str
    there: bool
    """Whether the folder itself is there."""
    writable: bool
    read_only: bool
    """Whether the whole file system is."""
    free_mb: float
    free_inodes: int | None
    """None where the file system does not count them."""


def examine(case: Case) -> Iterator[Finding]:
    """Check where the daemon writes, besides the watched folders."""
    settings = case.settings
    places = {
        "the database's folder": settings.database_path.parent,
        "the log's folder": settings.monitor.log_file.parent,
        "the models' folder": hugging_face(),
    }
    for what, folder in places.items():
        yield from findings(look(what, folder), settings.monitor.disk_free_mb, case.user)


def look(what: str, folder: Path) -> Place:
    """Look at the file system of a folder, which need not be there.

    Raises:
        OSError: It cannot be looked at.
    """
    nearest = folder
    while not _is_seen(nearest):
        nearest = nearest.parent
    status = os.statvfs(nearest)
    return Place(
        what=what,
        path=str(folder),
        there=nearest == folder,
        writable=os.access(nearest, os.W_OK | os.X_OK),
        read_only=bool(status.f_flag & os.ST_RDONLY),
        free_mb=status.f_bavail * status.f_frsize / 1e6,
        free_inodes=status.f_favail if status.f_files else None,
    )


def _is_seen(folder: Path) -> bool:
    try:
        folder.stat()
    except OSError:
        return False
    return True


def findings(place: Place, least_mb: float, user: str) -> Iterator[Finding]:
    """Judge a place.

    Args:
        place: What was found.
        least_mb: `monitor.disk_free_mb`.
        user: As whom it was looked at.
    """
    where = f"{place.what} {place.path}"
    if place.read_only:
        cure = "mount it for writing: dmesg says whether the kernel made it read-only after an error"
        yield failed(SUBJECT, f"{where} is on a read-only file system", cure)
    elif not place.writable:
        cure = f"sudo setfacl -m u:{user}:rwx" if place.there else f"sudo install -d -o {user}"
        told = f"{user} may not {'write to' if place.there else 'create'} {where}"
        yield failed(SUBJECT, told, f"{cure} {place.path}, or name another place")
    elif place.free_inodes is not None and place.free_inodes < LEAST_INODES:
        yield failed(SUBJECT, f"{where}: {place.free_inodes} inodes are free", "remove files there: df -i")
    elif place.free_mb < min(LEAST_MB, least_mb):
        yield failed(SUBJECT, f"{where}: {place.free_mb:.0f} MB are free", FREE)
    elif place.free_mb < least_mb:
        yield warning(SUBJECT, f"{where}: {place.free_mb:.0f} MB are free, less than disk_free_mb ({least_mb:g})", FREE)
    else:
        yield ok(SUBJECT, f"{where}: {room(place.free_mb)} free")


def room(free_mb: float) -> str:
    """Return an amount of space for people."""
    return f"{free_mb / 1000:.0f} GB" if free_mb >= 10_000 else f"{free_mb:.0f} MB"
