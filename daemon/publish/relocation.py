"""Takes the files of a transcript along when its recording has been renamed or moved."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from daemon.errors import Unavailable
from daemon.filesystem import NO_HARD_LINKS
from daemon.publish.files import content_hash
from daemon.publish.target import Target
from daemon.store.records import Output, Seen, Whereabouts, readable
from daemon.store.store import Store


@dataclass(frozen=True, slots=True)
class _File:
    """A file of a transcript and its name before and after."""

    format: str
    old: bytes
    new: bytes
    sha256: str


def take_along(store: Store, job: Whereabouts, seen: Seen) -> tuple[dict[str, bytes], str | None]:
    """Give the transcript of a job that is done the names that go with its recording's new path.

    The files go along as a set if none of them was edited and every new name is free; otherwise all stay where they
    are. What its owner has moved or deleted is not made again. Doing this again, after a crash, changes nothing.

    Args:
        store: What was published is looked up there; nothing in it is changed.
        job: The job, and where its recording was.
        seen: Where the recording is now.

    Returns:
        The new absolute paths by format, and why the files stayed, if they did.
    """
    before, now = (Target(at.root, at.path_bytes, job.output) for at in (job, seen))
    files = []
    for output in store.files_of(job.job_id):
        folder, name = os.path.split(output.path_bytes)
        renamed = _renamed(output, *(os.path.basename(at.path_bytes) for at in (job, seen)))
        if folder == before.folder and (folder, name) != (now.folder, renamed):
            files.append(_File(output.format, name, renamed, output.sha256))
    if not files:
        return {}, None
    try:
        with _opened(before) as old, _opened(now) as new:
            if new is None:
                return {}, None
            # A folder beside that is gone was renamed with all that was in it.
            stays = "" if old is None else _move_all(old, new, files)
    except (OSError, Unavailable) as error:
        stays = f"it cannot be moved: {_why(error)}"
    if stays:
        return {}, f"its transcript stays in {readable(before.folder)}: {stays}"
    return {file.format: os.path.join(now.folder, file.new) for file in files}, None


def _why(error: OSError | Unavailable) -> str:
    return error.message if isinstance(error, Unavailable) else (error.strerror or str(error)).lower()


def _renamed(output: Output, old: bytes, new: bytes) -> bytes:
    """Return the name of a file after its recording was renamed: a.srt → b.srt, a.mp3.1.srt → b.mp3.1.srt."""
    extension = b"." + output.format.encode()
    base = os.path.basename(output.path_bytes).removesuffix(extension)
    if old == new:
        return base + extension
    if base == os.path.splitext(old)[0]:
        return os.path.splitext(new)[0] + extension
    return new + (base.removeprefix(old) if base.startswith(old) else b"") + extension


@contextmanager
def _opened(target: Target) -> Iterator[int | None]:
    """Open the folder of a transcript; None if there is none. In a tree of its own it is made."""
    try:
        folder = target.open()
    except (FileNotFoundError, NotADirectoryError):
        yield None
        return
    try:
        yield folder
    finally:
        os.close(folder)


def _move_all(old: int, new: int, files: Sequence[_File]) -> str:
    """Move the files that are still where they were published; return why they all stay, or "" if they do not."""
    here = []
    for file in files:
        content = content_hash(old, file.old)
        if content is None:
            continue
        if content != file.sha256:
            return f"{readable(file.old)} was edited"
        here.append(file)
    # With talk.mp3 → talk.en.mp3, talk.srt takes the name of talk.en.srt, which must go first.
    going = {file.old for file in here} if os.path.sameopenfile(old, new) else set()
    here.sort(key=lambda file: len(file.old), reverse=any(len(file.new) > len(file.old) for file in here))
    for file in here:
        if file.new not in going and content_hash(new, file.new) not in (None, file.sha256):
            return f"{readable(file.new)} is taken by another file"
    moved: list[_File] = []
    try:
        for file in here:
            _move(old, file.old, new, file.new)
            moved.append(file)
    except OSError:
        for file in moved:
            with suppress(OSError):
                _move(new, file.new, old, file.old)
        raise
    return ""


def _move(old_folder: int, old: bytes, new_folder: int, new: bytes) -> None:
    """Move a file to a name that is free, or that has the same content because a crash came between these steps.

    Raises:
        OSError: The name has been taken meanwhile, or the folder cannot be written.
    """
    try:
        os.link(old, new, src_dir_fd=old_folder, dst_dir_fd=new_folder, follow_symlinks=False)
    except FileExistsError:
        if content_hash(new_folder, new) != content_hash(old_folder, old):
            raise
    except OSError as error:
        if error.errno not in NO_HARD_LINKS:
            raise
        os.rename(old, new, src_dir_fd=old_folder, dst_dir_fd=new_folder)
        return
    os.fsync(new_folder)
    os.unlink(old, dir_fd=old_folder)
