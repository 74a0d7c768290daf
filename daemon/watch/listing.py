"""Walks a watched folder without following links, and tells recordings from other files."""

import os
import stat
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TypeVar

from daemon.filesystem import fingerprint, open_beneath
from daemon.watch.magic import HEAD_BYTES, is_media
from daemon.watch.names import TEMPORARY, UPLOAD, Kind, Names

T = TypeVar("T")

NETWORK_FILE_SYSTEMS = frozenset(
    "nfs nfs4 cifs smb3 smbfs 9p virtiofs ceph glusterfs afs fuse.sshfs fuse.rclone fuse.s3fs fuse.glusterfs".split()
)
"""File systems on which inotify does not see what other machines write."""


Closed = Callable[[bytes, OSError], None]
"""Takes note of a sub-folder that cannot be listed, by its path relative to the watched folder."""


@dataclass(frozen=True, slots=True)
class Found:
    """One path below a watched folder."""

    path: bytes
    """The path relative to the folder."""
    kind: Kind
    reason: str
    fingerprint: str
    size_bytes: int


def walk(
    root: Path,
    names: Names,
    *,
    recursive: bool,
    below: bytes = b"",
    skip: Sequence[Path] = (),
    closed: Closed = lambda _folder, _error: None,
) -> Iterator[Found]:
    """Yield everything below a folder, or below one of its sub-folders, without following links.

    Args:
        root: The watched folder.
        names: How files are told apart by their names.
        recursive: Whether its sub-folders are walked, too.
        below: Where to begin, relative to the watched folder.
        skip: Folders that are watched on their own.
        closed: Called with every sub-folder whose files cannot be seen, and why; the next comparison tries it again.

    Raises:
        OSError: The folder itself cannot be listed.
    """
    top = os.fsencode(root)
    skipped = {os.fsencode(path) for path in skip}
    pending = [below]
    while pending:
        folder = pending.pop()
        if names.is_put_away(folder):
            continue
        for entry in _entries(top, folder, closed):
            path = os.path.join(folder, entry.name)
            if entry.path in skipped:
                continue
            try:
                status = entry.stat(follow_symlinks=False)
            except PermissionError as error:
                closed(folder, error)  # Its names may be read, but nothing else.
                break
            except OSError:
                continue
            found = classify(root, path, status, names)
            if found is not None:
                yield found
            if recursive and stat.S_ISDIR(status.st_mode) and not names.ignored(entry.name):
                pending.append(path)


def _entries(top: bytes, folder: bytes, closed: Closed) -> list[os.DirEntry[bytes]]:
    """Return what is in a folder, sorted by name; nothing of a sub-folder that is gone or cannot be listed."""
    try:
        return sorted(os.scandir(os.path.join(top, folder)), key=lambda entry: entry.name)
    except OSError as error:
        if not folder:
            raise
        if not isinstance(error, FileNotFoundError | NotADirectoryError):
            closed(folder, error)
    return []


def look(root: Path, path: bytes, names: Names) -> Found | None:
    """Look at one path below a folder; return None if nothing is there, or nothing that matters."""
    if names.is_put_away(path) or any(names.ignored(part) for part in path.split(b"/")):
        return None
    try:
        return classify(root, path, os.lstat(os.path.join(os.fsencode(root), path)), names)
    except OSError:
        return None


def classify(root: Path, path: bytes, status: os.stat_result, names: Names) -> Found | None:
    """Return what a path below a folder is; None for a plain folder, an upload on its way and a temporary file.

    Args:
        root: The watched folder.
        path: The path relative to it.
        status: What is there, links not followed.
        names: How files are told apart by their names.
    """
    name = os.path.basename(path)
    if UPLOAD.fullmatch(name) or TEMPORARY.fullmatch(name):
        return None
    reason = names.ignored(name)
    if names.is_settings(name):
        kind, reason = Kind.SETTINGS, ""
    elif reason:
        kind = Kind.OTHER
    elif stat.S_ISDIR(status.st_mode):
        return None
    else:
        kind, reason = names.named(name)
        if kind is Kind.RECORDING and not stat.S_ISREG(status.st_mode):
            kind, reason = Kind.SPECIAL, _special(status.st_mode)
        elif names.asks_content(name) and stat.S_ISREG(status.st_mode):
            kind, reason = _sniffed(root, path)
    version = fingerprint(status) if kind is Kind.RECORDING else kind.value
    return Found(path, kind, reason, version, status.st_size)


def is_refused(root: Path, path: bytes, names: Names) -> bool:
    """Return whether there is something at a path, and it is still no recording that could be transcribed."""
    try:
        found = classify(root, path, os.lstat(os.path.join(os.fsencode(root), path)), names)
    except OSError:
        return False
    return found is not None and found.kind in (Kind.OTHER, Kind.SPECIAL)


def _sniffed(root: Path, path: bytes) -> tuple[Kind, str]:
    """Return what a file without an extension is by its first bytes, and why it is no recording; "" if it is one."""
    try:
        fd = open_beneath(str(root), path)
    except OSError as error:
        return Kind.OTHER, f"no extension, and its content cannot be read: {error.strerror}"
    try:
        if is_media(os.pread(fd, HEAD_BYTES, 0)):
            return Kind.RECORDING, ""
    finally:
        os.close(fd)
    return Kind.OTHER, "no extension, and its first bytes are not those of a recording"


def _special(mode: int) -> str:
    if stat.S_ISLNK(mode):
        return "a symbolic link, which is not followed; drop the file itself or a hard link"
    if stat.S_ISFIFO(mode):
        return "a named pipe, not a recording"
    if stat.S_ISSOCK(mode):
        return "a socket, not a recording"
    return "a device, not a recording"


def on_network(path: Path) -> bool:
    """Return whether a folder is on a file system that other machines may write to without inotify noticing."""
    return file_system(path) in NETWORK_FILE_SYSTEMS


def file_system(path: Path) -> str:
    """Return the type of the file system that a path is on, such as `ext4`; "" where Linux does not say."""
    try:
        mounts = [line.split(" ")[1:3] for line in Path("/proc/self/mounts").read_text("utf-8").splitlines()]
    except OSError:
        return ""
    holding = [(len(point), kind) for point, kind in mounts if path.is_relative_to(point.replace("\\040", " "))]
    return max(holding)[1] if holding else ""


def in_groups(items: Iterable[T], size: int) -> Iterator[list[T]]:
    """Yield items in lists of a size, the last of which may be shorter."""
    iterator = iter(items)
    while group := list(islice(iterator, size)):
        yield group
