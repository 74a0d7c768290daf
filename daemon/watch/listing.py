"""What lies in a watched folder: walk it without following links, and tell recordings from the rest."""

import errno
import fcntl
import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum
from fnmatch import fnmatchcase
from pathlib import Path

MEDIA = frozenset(
    """
    .3gp .3g2 .aac .ac3 .aif .aifc .aiff .amr .asf .au .avi .caf .f4v .flac .flv .m2ts .m4a .m4b .m4v .mka .mkv .mov
    .mp2 .mp3 .mp4 .mpeg .mpg .mpga .mts .oga .ogg .ogv .ogx .opus .qt .spx .ts .vob .w64 .wav .wave .weba .webm
    .wma .wmv
    """.split()
)
"""Names that recordings have. Only these are decoded."""

TRANSCRIPTS = frozenset(".txt .srt .vtt .json .tsv .lrc .ass".split())
"""Names that transcripts have; they are never recordings and are not recorded as jobs."""

NETWORK_FILE_SYSTEMS = frozenset(
    "nfs nfs4 cifs smb3 smbfs 9p virtiofs ceph glusterfs afs fuse.sshfs fuse.rclone fuse.s3fs fuse.glusterfs".split()
)
"""Where inotify does not see what other machines write."""


class Kind(Enum):
    RECORDING = "recording"
    SPECIAL = "special"
    """Named like a recording, but a link, folder, pipe, socket or device."""
    OTHER = "other"
    """Not named like a recording, or named by an ignore pattern."""
    TRANSCRIPT = "transcript"


@dataclass(frozen=True, slots=True)
class Found:
    """One path below a watched folder."""

    path: bytes
    """Relative to the folder."""
    kind: Kind
    reason: str
    fingerprint: str
    size_bytes: int


def fingerprint(status: os.stat_result) -> str:
    """(dev, ino, size, mtime_ns, ctime_ns): another value means another version of the file."""
    return f"{status.st_dev}:{status.st_ino}:{status.st_size}:{status.st_mtime_ns}:{status.st_ctime_ns}"


def device_of(version: str) -> int | None:
    """The device number in a fingerprint; None in that of something that is no recording."""
    device = version.partition(":")[0]
    return int(device) if device.isdigit() else None


def walk(
    root: Path, ignore: Sequence[str], *, recursive: bool, below: bytes = b"", skip: Sequence[Path] = ()
) -> Iterator[Found]:
    """Everything below a folder (or below one of its sub-folders), links never followed.

    `skip` are folders that are watched on their own. A sub-folder that cannot be listed is passed over; the
    next comparison sees it again.
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
    """One path below a folder; None if nothing is there or nothing need be known of it."""
    if any(ignored(part, ignore) for part in path.split(b"/")):
        return None
    try:
        return classify(path, os.lstat(os.path.join(os.fsencode(root), path)), ignore)
    except OSError:
        return None


def classify(path: bytes, status: os.stat_result, ignore: Sequence[str]) -> Found | None:
    """What a path is; None for a plain folder."""
    name = os.path.basename(path)
    is_folder = stat.S_ISDIR(status.st_mode)
    if pattern := ignored(name, ignore):
        kind, reason = Kind.OTHER, f"matches the ignore pattern {pattern!r}"
    else:
        kind, reason = _named(name)
        if kind is Kind.RECORDING and not stat.S_ISREG(status.st_mode):
            kind, reason = Kind.SPECIAL, _special(status.st_mode)
        elif is_folder:
            return None
    version = fingerprint(status) if kind is Kind.RECORDING else kind.value
    return Found(path, kind, reason, version, status.st_size)


def ignored(name: bytes, ignore: Sequence[str]) -> str | None:
    """The ignore pattern that a name matches."""
    text = os.fsdecode(name)
    return next((pattern for pattern in ignore if fnmatchcase(text, pattern)), None)


def _named(name: bytes) -> tuple[Kind, str]:
    extension = os.path.splitext(os.fsdecode(name))[1].lower()
    if extension in MEDIA:
        return Kind.RECORDING, ""
    if extension in TRANSCRIPTS:
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


def exists(root: str, path: bytes) -> bool:
    """Whether anything, be it a dangling link, has this path below a root."""
    return os.path.lexists(os.path.join(os.fsencode(root), path))


def away(root: str, path: bytes, version: str) -> bool:
    """Whether the file system that a version was found on is not there: its drive is not mounted, so that nothing can
    be said of the file. Where it was, there is what another file system has at that place, mostly an empty folder.
    """
    where = os.path.join(os.fsencode(root), path)
    while where != b"/":
        where = os.path.dirname(where)
        with suppress(OSError):
            return os.stat(where).st_dev != device_of(version)
    return True


def open_folder(root: str, path: bytes) -> int:
    """A descriptor of the folder that holds a path below a root; no link below the root is followed.

    Raises:
        OSError: it is not there, behind a link (ENOTDIR, ELOOP) or not permitted.
    """
    folder = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    for part in path.split(b"/")[:-1]:
        try:
            inner = os.open(part, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)
        finally:
            os.close(folder)
        folder = inner
    return folder


def open_beneath(root: str, path: bytes) -> int:
    """A descriptor of a regular file below a root; no link below the root is followed, and nothing hangs.

    Raises:
        OSError: it is not there, not a regular file (EINVAL), behind a link (ELOOP) or not permitted.
    """
    folder = open_folder(root, path)
    try:
        name = os.path.basename(path)
        fd = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
    finally:
        os.close(folder)
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        os.close(fd)
        raise OSError(errno.EINVAL, "not a regular file")
    return fd


def being_written(fd: int) -> bool:
    """Whether any process has the file open for writing, by asking for a read lease (RELIABILITY, fact 2).

    False where the file system or the permissions do not tell; then only the settle time protects.
    """
    try:
        fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_RDLCK)
    except OSError as error:
        return error.errno == errno.EAGAIN
    fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    return False


def on_network(path: Path) -> bool:
    """Whether a folder lies on a file system that other machines may write to without inotify noticing."""
    try:
        mounts = [line.split(" ")[1:3] for line in Path("/proc/self/mounts").read_text("utf-8").splitlines()]
    except OSError:
        return False
    holding = [(len(point), kind) for point, kind in mounts if path.is_relative_to(point.replace("\\040", " "))]
    return bool(holding) and max(holding)[1] in NETWORK_FILE_SYSTEMS
