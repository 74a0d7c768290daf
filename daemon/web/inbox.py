"""Puts recordings into watched folders on behalf of people: hidden while they are on their way, and then as a whole.

An upload is two hidden files in the folder that it goes to, so that it survives any process: `.upload-ID.part` with
what has arrived, and `.upload-ID.json` with what is wanted. Whoever works on one holds a lock on the first.
"""

import os
import secrets
import stat
import threading
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from daemon.config.options import locate
from daemon.config.settings import Settings
from daemon.errors import TranscribedError
from daemon.filesystem import fingerprint, give_new_name, inode_of
from daemon.watch.names import Names
from daemon.watch.own_options import remove, remove_left, signed
from daemon.web.people import Person
from daemon.web.upload_files import (
    NEW,
    WrongOffset,
    check_room,
    hold,
    let_go,
    lock,
    no_upload,
    numbered,
    opened,
    read_wanted,
    too_large,
    trouble,
    upload_file,
    write_new,
)
from daemon.web.wanted import Wanted, checked_name, checked_options, settings_file, settings_name

LASTS_S = 86_400
"""An upload that nothing is added to for so long is removed."""
NUMBER_MAX = 10_000
"""`talk (10000).mp3` is the last name that is tried."""


def folders_for(settings: Settings, person: Person) -> list[Path]:
    """Return the folders into which somebody may drop recordings; none for who may only read."""
    if person.read_only:
        return []
    watched = [watch.path for watch in settings.watch]
    own = [Path(folder) for folder in person.folders]
    if not own:
        return watched
    inner = [folder for folder in own if _is_watched(settings, folder)]
    outer = [path for path in watched if any(path.is_relative_to(folder) for folder in own)]
    return list(dict.fromkeys([*inner, *outer]))


def _is_watched(settings: Settings, folder: Path) -> bool:
    """Return whether the daemon takes recordings from a folder."""
    place = locate(settings, os.fsencode(folder / "x"))
    if place is None:
        return False
    watch, (*parts, _) = settings.watch[place.folder], place.below.split(b"/")
    names = Names.of(watch, settings.watching)
    return not parts or (watch.recursive and not names.is_put_away(place.below) and not any(map(names.ignored, parts)))


class Incoming:
    """A recording on its way into a folder. Nobody else can work on it until it is closed.

    Use `begin` or `resume`, and close it, as by `with`.

    Args:
        settings: The whole configuration.
        folder: Where it goes.
        key: The random part of the names of its files.
        where: Descriptor of the folder; from now on this object closes it.
    """

    def __init__(self, settings: Settings, folder: Path, key: str, where: int) -> None:
        self.folder = folder
        self.key = key
        self.offset = 0
        self.version = ""
        """`inode_of` the recording as it has arrived, once it is finished: what is added to it later is another one."""
        self.wanted = Wanted("", None, "")
        self._settings = settings
        self._where = where
        self._fd = -1
        self._holds = False
        self._turn = threading.RLock()  # a request may be ended while a thread still writes for it

    @classmethod
    def begin(
        cls,
        folder: Path,
        name: str,
        size: int | None,
        language: str = "",
        task: str = "",
        *,
        settings: Settings,
        person: str = "",
        options: Mapping[str, Any] | None = None,
        told: str = "",
        at_most: int = 0,
    ) -> Self:
        """Make room for a recording.

        Args:
            folder: One of `folders_for`.
            name: As the sender has it; of a path, the last component counts.
            size: In bytes; None where it shows only at the end.
            language: Its code, `auto`, or "" as in the folder.
            task: `transcribe`, `translate`, `both`, or "" as in the folder.
            settings: The whole configuration.
            person: Whose it is.
            options: What else is wanted, by the names of `NAME.toml`.
            told: What else a client wants to be told of it.
            at_most: For what there must be room where the size is not known, in bytes.

        Raises:
            TranscribedError: It cannot have this name, or be transcribed like that.
            TooLarge: It is larger than allowed.
            NoRoom: There is no room for it.
            Unavailable: The folder is missing, or may not be written.
        """
        name = checked_name(settings, folder, name)
        given = checked_options(settings, folder, name, {"language": language, "task": task, **(options or {})})
        if size == 0:
            raise TranscribedError(f"{name} is empty", "there is nothing to be heard in it")
        if (size or 0) > settings.web.upload_max_bytes:
            raise too_large(settings, name)
        with trouble(folder):
            made = cls(settings, folder, secrets.token_hex(16), opened(settings, folder))
        made.wanted = Wanted(name, size, person, given, told)
        try:
            with trouble(folder):
                check_room(settings, folder, made._where, name, size or at_most)
                made._make()
        except BaseException:
            made._discard()
            raise
        return made

    @classmethod
    def resume(cls, settings: Settings, folder: Path, key: str, person: str | None) -> Self:
        """Go on with an upload.

        Args:
            settings: The whole configuration.
            folder: Where it may be.
            key: Of 32 hexadecimal digits.
            person: Who asks; None for the server itself.

        Raises:
            NoUpload: There is none here that this person began.
            Busy: Somebody works on it.
            Unavailable: The folder or the file cannot be read.
        """
        with trouble(folder):
            found = cls(settings, folder, key, opened(settings, folder))
            try:
                found._find(person)
            except BaseException:
                found.close()
                raise
        return found

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    @property
    def is_whole(self) -> bool:
        """Whether everything has arrived, as far as the size was told beforehand."""
        return self.offset == self.wanted.size

    @property
    def ends_at(self) -> float:
        """When it is removed unless something is added (seconds since 1970)."""
        return os.fstat(self._fd).st_mtime + LASTS_S

    def write(self, offset: int, data: bytes | bytearray | memoryview) -> None:
        """Add what has arrived.

        Raises:
            WrongOffset: It does not go on where the file ends.
            TooLarge: It is more than was told beforehand, or than is allowed.
            NoRoom: There is no room for it; `offset` says how much of it there was.
            Unavailable: The folder cannot be written.
        """
        if offset != self.offset:
            raise WrongOffset(f"the upload has {self.offset} bytes, and cannot go on at {offset}", "ask for its offset")
        most = self._settings.web.upload_max_bytes if self.wanted.size is None else self.wanted.size
        if offset + len(data) > most:
            raise too_large(self._settings, self.wanted.name, self.wanted.size)
        view = memoryview(data)
        with self._turn, trouble(self.folder):
            check_room(self._settings, self.folder, self._where, self.wanted.name, len(data))
            while view:
                written = os.pwrite(self._fd, view, self.offset)
                self.offset += written
                view = view[written:]

    def sync(self) -> None:
        """Have what has arrived on the disk.

        Raises:
            Unavailable: The disk fails.
        """
        with self._turn, trouble(self.folder):
            os.fsync(self._fd)

    def finish(self) -> Path:
        """Give the recording its name, so that the daemon takes it; return where it is now.

        Where the name is taken, it gets a number: no file is ever replaced.

        Raises:
            TranscribedError: It is not whole, or may no longer have its name.
            Unavailable: The folder cannot be written. It can be tried again.
        """
        if not self.offset or (self.wanted.size is not None and not self.is_whole):
            raise TranscribedError(f"{self.wanted.name} is not whole: {self.offset} bytes have arrived")
        wanted = checked_name(self._settings, self.folder, self.wanted.name)
        checked_options(self._settings, self.folder, wanted, self.wanted.options)
        with self._turn:
            with trouble(self.folder):
                os.fsync(self._fd)
                version = inode_of(fingerprint(os.fstat(self._fd)))
                name = self._name(wanted)
                os.fsync(self._where)
            self.version = version
            self._discard()
        return self.folder / name

    def drop(self) -> None:
        """Remove what has arrived."""
        with self._turn:
            self._discard()

    def close(self) -> None:
        """Let others work on it."""
        with self._turn:
            for fd in (self._fd, self._where):
                if fd >= 0:
                    os.close(fd)
            self._fd = self._where = -1
            if self._holds:
                self._holds = False
                let_go(self.key)

    def _make(self) -> None:
        self._hold()
        write_new(self._where, self._file("json"), self.wanted.to_json())
        self._fd = os.open(self._file("part"), NEW, 0o666, dir_fd=self._where)
        lock(self._fd)
        os.fsync(self._where)

    def _find(self, person: str | None) -> None:
        gone = no_upload(self.key)
        try:
            self.wanted = read_wanted(self._where, self.key)
            if person is not None and person != self.wanted.person:
                raise gone
            self._hold()
            flags = os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
            self._fd = os.open(self._file("part"), flags, dir_fd=self._where)
        except (FileNotFoundError, ValueError) as error:
            raise gone from error
        lock(self._fd)
        status = os.fstat(self._fd)
        # Another server may have finished or removed it before the lock was ours.
        with suppress(FileNotFoundError):
            named = os.stat(self._file("part"), dir_fd=self._where, follow_symlinks=False)
            if os.path.samestat(status, named) and stat.S_ISREG(status.st_mode):
                os.fsync(self._fd)
                self.offset = status.st_size
                return
        raise gone

    def _hold(self) -> None:
        hold(self.key)
        self._holds = True

    def _name(self, wanted: str) -> str:
        """Give the file the first name that is free; return it."""
        status = os.fstat(self._fd)
        for number in range(1, NUMBER_MAX + 1):
            name = numbered(wanted, number)
            with suppress(FileNotFoundError):
                if os.path.samestat(status, os.stat(name, dir_fd=self._where, follow_symlinks=False)):
                    return name  # It had got its name when the server was killed.
                continue
            if status.st_nlink > 1:
                return wanted  # So it had, and has another one by now: its job is done, or somebody has moved it.
            with suppress(FileExistsError):
                self._take(name)
                return name
        raise TranscribedError(f"{wanted} and all of its names with a number are taken", "rename the recording")

    def _take(self, name: str) -> None:
        """Give the file this name, with its options beside it before anybody can see it.

        Raises:
            FileExistsError: The name is taken, or that of its options.
        """
        # Those of an earlier recording, which has gone, would count for this one.
        remove_left(self._where, os.fsencode(name))
        content = settings_file(self._settings, self.folder / name, self.wanted.options)
        beside = settings_name(os.fsencode(name))
        if content is not None:
            hidden = self._file("toml")
            with suppress(FileNotFoundError):
                os.unlink(hidden, dir_fd=self._where)
            write_new(self._where, hidden, signed(content, self.key))
            try:
                give_new_name(hidden, beside, self._where)
            finally:
                with suppress(FileNotFoundError):
                    os.unlink(hidden, dir_fd=self._where)
            os.fsync(self._where)
        try:
            give_new_name(self._file("part"), os.fsencode(name), self._where)
        except OSError:
            if content is not None:
                with suppress(FileNotFoundError):
                    remove(self._where, beside, self.key)  # Somebody may have put their own there meanwhile.
            raise

    def _discard(self) -> None:
        """Remove the hidden files and close; what cannot be removed now is removed when it has expired."""
        with suppress(OSError):
            for kind in ("part", "toml", "json"):
                with suppress(FileNotFoundError):
                    os.unlink(self._file(kind), dir_fd=self._where)
            os.fsync(self._where)
        self.close()

    def _file(self, kind: str) -> bytes:
        return upload_file(self.key, kind)
