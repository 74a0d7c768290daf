"""Walks a watched folder without following links, and tells recordings from other files."""

import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum
from fnmatch import fnmatchcase
from pathlib import Path

from daemon.config.formats import EXTENSIONS
from daemon.filesystem import fingerprint

MEDIA = frozenset(
    """
    .3gp .3g2 .aac .ac3 .aif .aifc .aiff .amr .asf .au .avi .caf .f4v .flac .flv .m2ts .m4a .m4b .m4v .mka .mkv .mov
    .mp2 .mp3 .mp4 .mpeg .mpg .mpga .mts .oga .ogg .ogv .ogx .opus .qt .spx .ts .vob .w64 .wav .wave .weba .webm
    .wma .wmv
    """.split()
)
"""The extensions of recordings. Only these files are decoded."""

NETWORK_FILE_SYSTEMS = frozenset(
    "nfs nfs4 cifs smb3 smbfs 9p virtiofs ceph glusterfs afs fuse.sshfs fuse.rclone fuse.s3fs fuse.glusterfs".split()
)
"""File systems on which inotify does not see what other machines write."""


class Kind(Enum):
    """What a path is to the daemon."""

    RECORDING = "recording"
    SPECIAL = "special"
    """Named like a recording, but a link, folder, pipe, socket or device."""
    OTHER = "other"
    """Not named like a recording, or named by an ignore pattern."""
    TRANSCRIPT = "transcript"
    """Named like a transcript: never a recording, and not recorded as a job."""


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
    root: Path, ignore: Sequence[str], *, recursive: bool, below: bytes = b"", skip: Sequence[Path] = ()
) -> Iterator[Found]:
    """Yield everything below a folder, or below one of its sub-folders, without following links.

    `skip` are folders that are watched on their own. A sub-folder that cannot be listed is skipped; the next
    comparison tries it again.

    Raises:
        OSError: The folder itself cannot be listed.
    """
    top = os.fsencode(root)
    skipped = {os.fsencode(path) for path in skip}
    pending = [below]
    while pending:
        folder = pending.pop()
        try:
            entries = sorted(os.scandir(os.path.join(top, folder)), key=lambda entry: entry.name)
        except OSError:
            if not folder:
                raise
            continue
        for entry in entries:
            path = os.path.join(folder, entry.name)
            if entry.path in skipped:
                continue
            with suppress(OSError):
                found = classify(path, entry.stat(follow_symlinks=False), ignore)
                if found is not None:
                    yield found
                if recursive and entry.is_dir(follow_symlinks=False) and not ignored(entry.name, ignore):
                    pending.append(path)


def look(root: Path, path: bytes, ignore: Sequence[str]) -> Found | None:
    """Look at one path below a folder; return None if nothing is there, or nothing that matters."""
    if any(ignored(part, ignore) for part in path.split(b"/")):
        return None
    try:
        return classify(path, os.lstat(os.path.join(os.fsencode(root), path)), ignore)
    except OSError:
        return None


def classify(path: bytes, status: os.stat_result, ignore: Sequence[str]) -> Found | None:
    """Return what a path is; None for a plain folder."""
    name = os.path.basename(path)
    is_folder = stat.S_ISDIR(status.st_mode)
    if pattern := ignored(name, ignore):
        kind, reason = Kind.OTHER, f"matches the ignore pattern {pattern!r}"
    else:
        kind, reason = named(name)
        if kind is Kind.RECORDING and not stat.S_ISREG(status.st_mode):
            kind, reason = Kind.SPECIAL, _special(status.st_mode)
        elif is_folder:
            return None
    version = fingerprint(status) if kind is Kind.RECORDING else kind.value
    return Found(path, kind, reason, version, status.st_size)


def ignored(name: bytes, ignore: Sequence[str]) -> str | None:
    """Return the ignore pattern that a name matches, or None."""
    text = os.fsdecode(name)
    return next((pattern for pattern in ignore if fnmatchcase(text, pattern)), None)


def is_transcript(path: bytes, ignore: Sequence[str]) -> bool:
    """Return whether a path counts as a transcript by its name, so that no job records it."""
    name = os.path.basename(path)
    return not ignored(name, ignore) and named(name)[0] is Kind.TRANSCRIPT


def named(name: bytes) -> tuple[Kind, str]:
    """Return what a file is by its name, and why it is no recording; "" if it is one."""
    extension = os.path.splitext(os.fsdecode(name))[1].lower()
    if extension in MEDIA:
        return Kind.RECORDING, ""
    if extension in EXTENSIONS:
        return Kind.TRANSCRIPT, ""
    return Kind.OTHER, f"not named like a recording ({extension or 'no extension'})"


def _special(mode: int) -> str:
    if stat.S_ISLNK(mode):
        return "a symbolic link, which is not followed; drop the file itself or a hard link"
    if stat.S_ISDIR(mode):
        return "a folder, not a recording"
    if stat.S_ISFIFO(mode):
        return "a named pipe, not a recording"
    if stat.S_ISSOCK(mode):
        return "a socket, not a recording"
    return "a device, not a recording"


def on_network(path: Path) -> bool:
    """Return whether a folder is on a file system that other machines may write to without inotify noticing."""
    try:
        mounts = [line.split(" ")[1:3] for line in Path("/proc/self/mounts").read_text("utf-8").splitlines()]
    except OSError:
        return False
    holding = [(len(point), kind) for point, kind in mounts if path.is_relative_to(point.replace("\\040", " "))]
    return bool(holding) and max(holding)[1] in NETWORK_FILE_SYSTEMS
