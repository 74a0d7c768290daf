"""Moves or deletes recordings that are done, where the configuration says so, and only as they were transcribed."""

import logging
import os
import stat
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

from daemon.filesystem import being_written, fingerprint, inode_of, is_there, open_folder, open_in
from daemon.hooks.answers import Answer, Delivered, Later, NotYet, Unwanted
from daemon.hooks.orders import DAY_S, MOVE
from daemon.hooks.renames import modes_down, open_made, rename_new, shell_word
from daemon.store.outbox import Letter
from daemon.store.records import Moved, Seen, Whereabouts, readable, seconds_until
from daemon.store.schema import DONE
from daemon.store.store import Store
from daemon.watch import own_options
from daemon.watch.resolver import Resolver

log = logging.getLogger(__name__)

NUMBER_MAX = 9_999
"""How many numbered names are tried where the usual one is taken."""
NAME_MAX = 255
"""The most bytes in a file name on Linux file systems."""

TakeAlong = Callable[[Store, Whereabouts, Seen], tuple[Mapping[str, bytes], str | None]]
"""Moves the transcript of a job; `daemon.publish.relocation.take_along`."""
CHANGED = "the recording is no longer the version that was transcribed"
IN_USE = "a program has the recording open for writing"


@dataclass(frozen=True, slots=True)
class Recordings:
    """Delivers letters by moving or deleting the recordings that they are about.

    Args:
        store: Where the jobs are.
        resolver: Tells what the configuration says now: it may have changed since the job was done.
        take_along: Moves transcripts.
    """

    store: Store
    resolver: Resolver
    take_along: TakeAlong

    def __call__(self, letters: Sequence[Letter]) -> Answer:
        """Do to one recording what is to become of it, if that is still wanted."""
        (letter,) = letters
        found = self.store.whereabouts(letter.job_id)
        if found is None or found[0].state != DONE:
            return Unwanted("the job is no longer done")
        job, finished_at = found
        wanted = self.resolver.afterwards(job.root, job.path_bytes)
        if wanted.after_success != letter.event:
            return Unwanted(f"after_success is {wanted.after_success!r} now")
        left_s = seconds_until(finished_at) + wanted.after_success_days * DAY_S
        if left_s > 0:
            return NotYet(f"after_success_days is {wanted.after_success_days:g} now", left_s)
        try:
            if letter.event == MOVE:
                return self._move(letter, job, os.fsencode(wanted.done_folder))
            return self._delete(job)
        except OSError as error:
            why = (error.strerror or str(error)).lower()
            return Later(f"{readable(job.path_bytes)} cannot be {letter.event}d: {why}")

    # -- moving ----------------------------------------------------------------------------------------------

    def _move(self, letter: Letter, job: Whereabouts, done: bytes) -> Answer:
        """Move a recording into the mirrored tree of what is done, and its transcript with it.

        The new name is noted and logged before, so that after a crash in between it is known where the recording is.

        Raises:
            OSError: A folder is missing, may not be written, or is on another file system.
        """
        if job.path_bytes == letter.moved_to:
            return Delivered(f"moved to {readable(job.path_bytes)}")
        if job.path_bytes.startswith(done + b"/"):
            return Unwanted(f"it is in {readable(done)} already")
        *folders, name = job.path_bytes.split(b"/")
        modes = modes_down(job.root, folders)
        done_folders = done.split(b"/")
        source = open_folder(job.root, job.path_bytes)
        try:
            if letter.moved_to is None and (refusal := _refusal(source, name, job.fingerprint)) is not None:
                return refusal
            target = open_made(job.root, [*done_folders, *folders], [modes[0]] * len(done_folders) + modes[1:])
            try:
                if letter.moved_to is None or not _arrived(source, name, target, letter.moved_to, job.fingerprint):
                    if isinstance(moved := self._rename(letter, job, (source, target), done), Later | Unwanted):
                        return moved
                    path = moved
                else:
                    path = letter.moved_to
                _move_options(source, name, target, os.path.basename(path))
                os.fsync(target)
                os.fsync(source)
                return self._recorded(job, path, os.stat(os.path.basename(path), dir_fd=target, follow_symlinks=False))
            finally:
                os.close(target)
        finally:
            os.close(source)

    def _rename(
        self, letter: Letter, job: Whereabouts, folders: tuple[int, int], done: bytes
    ) -> bytes | Later | Unwanted:
        """Give a recording a free name in another folder, and return its new path below the root."""
        source, target = folders
        below, name = os.path.split(job.path_bytes)
        if (refusal := _refusal(source, name, job.fingerprint)) is not None:
            return refusal
        for new in _names(name):
            path = os.path.join(done, below, new)
            if is_there(target, new):
                continue
            self.store.will_move_to(letter.id, path)
            now, then = (shell_word(os.path.join(os.fsencode(job.root), each)) for each in (job.path_bytes, path))
            log.info("moving job %d, which is done; to undo it: mv -n -- %s %s", job.job_id, then, now)
            try:
                rename_new(source, name, target, new)
            except FileExistsError:
                continue
            status = os.stat(new, dir_fd=target, follow_symlinks=False)
            if inode_of(fingerprint(status)) != inode_of(job.fingerprint):
                rename_new(target, new, source, name)  # it was replaced just now
                return Later(CHANGED)
            return path
        return Later(f"no name is free for it in {readable(done)}")

    def _recorded(self, job: Whereabouts, path: bytes, status: os.stat_result) -> Delivered:
        """Have job and transcript follow a recording that was moved."""
        seen = Seen(job.root, path, fingerprint(status), status.st_size)
        with self.store.files_turn:
            files, reason = self.take_along(self.store, job, seen)
            self.store.follow([Moved(job.job_id, *self.resolver.of(seen), files, reason)])
        if reason:
            log.warning("job %d %s: %s", job.job_id, readable(path), reason)
        return Delivered(f"moved to {readable(path)}")

    # -- deleting --------------------------------------------------------------------------------------------

    def _delete(self, job: Whereabouts) -> Answer:
        """Delete a recording whose transcript is there.

        It gets a hidden name first: under that nobody can replace it any more between the last look and the end.

        Raises:
            OSError: Its folder is missing or may not be written.
        """
        if missing := self._missing(job.job_id):
            return Unwanted(missing)
        name, hidden = os.path.basename(job.path_bytes), f".transcribed-{job.job_id}-delete.tmp".encode()
        folder = open_folder(job.root, job.path_bytes)
        try:
            if not is_there(folder, hidden):
                if (refusal := _refusal(folder, name, job.fingerprint)) is not None:
                    return refusal
                rename_new(folder, name, folder, hidden)
            if not _is_unused(folder, hidden, job.fingerprint):
                rename_new(folder, hidden, folder, name)
                return Later(CHANGED)
            os.unlink(hidden, dir_fd=folder)
            _delete_options(folder, name)
            os.fsync(folder)
        finally:
            os.close(folder)
        log.info("deleted the recording of job %d, %s: its transcript stays", job.job_id, readable(job.path_bytes))
        return Delivered("deleted")

    def _missing(self, job_id: int) -> str:
        """Return what of the transcript of a job is not there, or "" if all of it is."""
        files = self.store.files_of(job_id)
        for file in files:
            try:
                status = os.lstat(file.path_bytes)
            except OSError:
                return f"its {file.format} file is not there any more"
            if not stat.S_ISREG(status.st_mode) or (file.size_bytes and not status.st_size):
                return f"its {file.format} file is empty, or no file any more"
        return "" if files else "it has no transcript"


def _move_options(source: int, name: bytes, target: int, new: bytes) -> None:
    """Have the options follow a recording if the page wrote them for it, lest they count for the next of its name."""
    try:
        own_options.move_left(source, name, target, new)
    except OSError as error:  # The next upload of that name removes them.
        log.warning("the options of %s cannot follow it: %s", readable(name), error.strerror)


def _delete_options(folder: int, name: bytes) -> None:
    try:
        own_options.remove_left(folder, name)
    except OSError as error:
        log.warning("the options of %s cannot be deleted: %s", readable(name), error.strerror)


def _refusal(folder: int, name: bytes, version: str) -> Later | Unwanted | None:
    """Return why a recording is left where it is for now; None if nothing speaks against touching it."""
    try:
        fd = open_in(folder, name)
    except FileNotFoundError:
        return Unwanted("the recording is gone")
    try:
        if fingerprint(os.fstat(fd)) != version:
            return Later(CHANGED)
        return Later(IN_USE) if being_written(fd) else None
    finally:
        os.close(fd)


def _is_unused(folder: int, name: bytes, version: str) -> bool:
    """Return whether a file that has just been renamed is this version, and nobody writes to it."""
    fd = open_in(folder, name)
    try:
        return inode_of(fingerprint(os.fstat(fd))) == inode_of(version) and not being_written(fd)
    finally:
        os.close(fd)


def _arrived(source: int, name: bytes, target: int, path: bytes, version: str) -> bool:
    """Return whether a recording was moved before a crash; where that left it in both places, it leaves the old one."""
    try:
        status = os.stat(os.path.basename(path), dir_fd=target, follow_symlinks=False)
    except OSError:
        return False
    if inode_of(fingerprint(status)) != inode_of(version):
        return False
    with suppress(OSError):
        if os.path.samestat(status, os.stat(name, dir_fd=source, follow_symlinks=False)):
            os.unlink(name, dir_fd=source)
    return True


def _names(name: bytes) -> Iterator[bytes]:
    """Yield talk.mp3, talk.1.mp3 and so on."""
    yield name
    stem, extension = os.path.splitext(name)
    for number in range(1, NUMBER_MAX + 1):
        numbered = f".{number}".encode()
        yield stem[: NAME_MAX - len(numbered) - len(extension)] + numbered + extension
