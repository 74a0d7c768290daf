"""Publishes files beside the recording as a set: complete, synced to the disk, never over a file of the user's."""

import errno
import hashlib
import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass

from daemon.errors import Unavailable
from daemon.filesystem import give_new_name, open_in
from daemon.publish.readers import Access, access, give

NAME_MAX = 255
"""The most bytes in a file name on Linux file systems."""
UTF8_CHARACTER_MAX = 4
SHORTENED_BYTES = 200
"""How much of a name is kept, before a hash, if it is too long for a number to be added."""
NUMBER_MAX = 9_999
"""How many numbered names are tried before the folder counts as full."""
EXTENSION_BYTES = 7
"""The least room that a numbered name leaves for an extension, so that its base does not depend on the formats."""
LARGEST_BYTES = 1 << 30
"""No transcript is larger: the JSON of an hour with the times of its words takes two megabytes."""
ENVIRONMENT_ERRNOS = frozenset(
    {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM, errno.EIO, errno.EMFILE, errno.ENFILE,
     errno.ESTALE, errno.ENOENT}
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Planned:
    """One file of a set: its name in the recording's folder, and whether it replaces a file there."""

    format: str
    name: bytes
    content: bytes
    sha256: str
    present: str
    """`absent`, `same` (these very bytes are there) or `old` (what the daemon wrote for an earlier version)."""


Owner = Callable[[bytes], tuple[bool, str] | None]
"""Tells about a name in the folder: None if the daemon never wrote it, else whether it did so for the recording in
question, and the SHA-256 of what it wrote last."""


def plan(
    folder: int, recording: bytes, files: dict[str, bytes], naming: str, owner: Owner
) -> tuple[list[Planned], str | None]:
    """Choose names for a set of files, all with the same base name.

    Args:
        folder: Descriptor of the recording's folder.
        recording: The recording's file name.
        files: The content of each file, by format.
        naming: `stem` or `name`, as configured.
        owner: Tells who wrote a name, as far as the daemon knows.

    Returns:
        The plan, and a warning if it does not use the usual name.

    Raises:
        Unavailable: Every name that could be tried is taken.
    """
    usual = os.path.splitext(recording)[0] if naming == "stem" else recording
    extension_bytes = max(EXTENSION_BYTES, *(len(_extension(form)) for form in files))
    for base in _bases(recording, naming, NAME_MAX - extension_bytes):
        planned = [_one(folder, base, form, content, owner) for form, content in files.items()]
        fitting = [file for file in planned if file is not None]
        if len(fitting) == len(files):
            if base == usual:
                return fitting, None
            too_long = max(len(usual + _extension(form)) for form in files) > NAME_MAX
            why = "would be too long" if too_long else "is taken by other files"
            return fitting, f"transcript named {os.fsdecode(base)!r}: the usual name {why}"
    raise Unavailable(
        f"no name is free for the transcript of {os.fsdecode(recording)!r}",
        "move the files with numbered names out of its folder",
    )


def publish(folder: int, planned: list[Planned], scratch: str, readers: Access | None = None) -> bool:
    """Put the files of a plan on the disk, in its order; all of them or none.

    Args:
        folder: Descriptor of the recording's folder.
        planned: The files.
        scratch: A name for hidden temporary files, which no other publication uses at the same time.
        readers: Who may read the recording, and so its transcript; None leaves it to the umask. A file that is
            replaced keeps the readers that it has.

    Returns:
        Whether exactly these may read the files; if not, fewer may.

    Raises:
        FileExistsError: A file of that name has been created since the plan; none of ours is left behind.
        Unavailable: The disk is full, read-only or not permitted; none of ours is left behind.
    """
    made: list[bytes] = []
    exactly = True
    try:
        for file in planned:
            if file.present != "same":
                hidden = os.fsencode(f".{scratch}-{file.format}.tmp")
                exactly &= _put(folder, file, hidden, _readers_now(folder, file) or readers)
                if file.present == "absent":
                    made.append(file.name)
        os.fsync(folder)
        return exactly
    except OSError as error:
        for name in made:
            with suppress(OSError):
                os.unlink(name, dir_fd=folder)
        if error.errno in ENVIRONMENT_ERRNOS:
            raise Unavailable(
                f"the transcript cannot be written: {(error.strerror or str(error)).lower()}",
                "free space there or make the folder writable; the daemon will try again",
            ) from error
        raise


def _readers_now(folder: int, file: Planned) -> Access | None:
    """Return who may read the file that is to be replaced; None if there is none."""
    if file.present != "old":
        return None
    fd = open_in(folder, file.name)
    try:
        return access(fd)
    finally:
        os.close(fd)


def _put(folder: int, file: Planned, hidden: bytes, readers: Access | None) -> bool:
    """Make one file visible with all of its content, synced to the disk; return whether its readers are these."""
    with suppress(FileNotFoundError):
        os.unlink(hidden, dir_fd=folder)
    replaces = file.present == "old"
    try:
        fd = os.open(".", os.O_TMPFILE | os.O_WRONLY | os.O_CLOEXEC, 0o666, dir_fd=folder)
        named = False
    except OSError as error:
        if error.errno not in (errno.EOPNOTSUPP, errno.EISDIR, errno.EINVAL):
            raise
        fd = os.open(hidden, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666, dir_fd=folder)
        named = True
    exactly = True
    try:
        _write_all(fd, file.content)
        if readers is not None:
            exactly = give(fd, readers, folder_mode=os.fstat(folder).st_mode)
        os.fsync(fd)
        if not named:
            target = hidden if replaces else file.name
            os.link(f"/proc/self/fd/{fd}", target, dst_dir_fd=folder, follow_symlinks=True)
        if replaces:
            os.rename(hidden, file.name, src_dir_fd=folder, dst_dir_fd=folder)
        elif named:
            give_new_name(hidden, file.name, folder)
    finally:
        os.close(fd)
        if named or replaces:
            with suppress(FileNotFoundError):
                os.unlink(hidden, dir_fd=folder)
    return exactly


def _write_all(fd: int, content: bytes) -> None:
    view = memoryview(content)
    while view:
        view = view[os.write(fd, view) :]


def _one(folder: int, base: bytes, form: str, content: bytes, owner: Owner) -> Planned | None:
    """Plan one file under a base name; return None if the daemon may not use that name."""
    name = base + _extension(form)
    if len(name) > NAME_MAX:
        return None
    wanted = hashlib.sha256(content).hexdigest()
    there = content_hash(folder, name)
    owned = owner(name)
    present = "absent"
    if owned is not None and not owned[0]:
        return None
    if there is not None:
        if there == wanted:
            present = "same"
        elif owned is not None and owned[1] == there:
            present = "old"
        else:
            return None
    return Planned(form, name, content, wanted, present)


def content_hash(folder: int, name: bytes) -> str | None:
    """Return the SHA-256 of a file, None if it does not exist, or "unreadable", which equals no content's hash.

    What is no regular file, or larger than any transcript, is not read.
    """
    try:
        fd = open_in(folder, name)
    except FileNotFoundError:
        return None
    except OSError:
        return "unreadable"
    with os.fdopen(fd, "rb") as file:
        try:
            if os.fstat(fd).st_size <= LARGEST_BYTES:
                return hashlib.file_digest(file, "sha256").hexdigest()
        except OSError:
            pass  # As for what is too large.
    return "unreadable"


def _extension(form: str) -> bytes:
    return b"." + form.encode()


def _bases(recording: bytes, naming: str, length_max: int) -> Iterator[bytes]:
    """Yield talk, talk.mp3, talk.mp3.1 … for talk.mp3; where a number would not fit, a shortened name with a hash.

    Args:
        recording: The recording's file name.
        naming: `stem` or `name`; with `name`, talk is left out.
        length_max: How many bytes a numbered base may have, whatever the recording's name.
    """
    if naming == "stem":
        yield os.path.splitext(recording)[0]
    yield recording
    length_max -= len(f".{NUMBER_MAX}")
    base = recording
    if len(recording) > length_max:
        digest = b"-" + hashlib.sha256(recording).hexdigest()[:12].encode()
        base = _cut(recording, max(0, min(SHORTENED_BYTES, length_max - len(digest)))) + digest
        yield base
    for number in range(1, NUMBER_MAX + 1):
        yield base + f".{number}".encode()


def _cut(name: bytes, length: int) -> bytes:
    """Return the first bytes of a name, at most `length`, without cutting a UTF-8 character in two."""
    for end in range(length, max(0, length - UTF8_CHARACTER_MAX), -1):
        if end >= len(name) or name[end] & 0b1100_0000 != 0b1000_0000:
            return name[:end]
    return name[:length]  # This is not UTF-8.
