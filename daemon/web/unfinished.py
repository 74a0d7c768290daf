"""The uploads that are on their way: whose they are, which have been left, and which only lack their name."""

import base64
import logging
import os
import re
import threading
import time
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path

from daemon.config.settings import Settings
from daemon.errors import TranscribedError, Unavailable
from daemon.watch.names import UPLOAD
from daemon.web.arrived import tell_complete
from daemon.web.inbox import LASTS_S, Incoming, folders_for
from daemon.web.people import ANYBODY, Person
from daemon.web.upload_files import NoUpload, no_upload, opened, read_wanted, upload_file

UNFINISHED_MAX = 20
"""Uploads into a folder that a person may have begun and not ended."""
REMEMBERED_MAX = 1000
"""So many are remembered: where they are, and, for who did not hear it, that all has arrived."""
KEY = re.compile(r"[0-9a-f]{32}")

log = logging.getLogger(__name__)


class TooMany(TranscribedError):
    """Somebody has begun more uploads than may be on their way."""


@dataclass(frozen=True, slots=True)
class Upload:
    """An upload that is not whole yet."""

    id: str
    name: str
    folder: str
    size: int | None
    """In bytes; None where it shows only at the end."""
    offset: int
    """How much of it is there."""
    expires_at: float
    """Seconds since 1970."""
    metadata: dict[str, str]
    """What the client said of it."""


@dataclass(frozen=True, slots=True)
class _Finished:
    person: str
    size: int
    told: str


class Unfinished:
    """All uploads into the watched folders. The files there say everything; nothing is lost with this object.

    Args:
        settings: The whole configuration.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._turn = threading.Lock()
        """Held while nothing but memory is touched: the drive of a folder may hang."""
        self._turns: dict[Path, threading.Lock] = {}
        """Those who begin uploads into a folder take turns, so that nobody begins too many; other folders go on."""
        self._finished: OrderedDict[str, _Finished] = OrderedDict()
        self._places: OrderedDict[str, Path] = OrderedDict()
        """Where uploads are that were begun lately, so that no other folder is asked for them."""

    def begin(self, person: Person, size: int, told: str) -> Incoming:
        """Begin an upload.

        Args:
            person: Whose it is.
            size: In bytes.
            told: `filename`, and if need be `folder`, `language` and `task`, as tus has them in `Upload-Metadata`.

        Raises:
            TranscribedError: It cannot be taken like that.
            TooMany: This person has too many on their way.
            NoRoom: The disk has no room for it.
            Unavailable: The folder is missing, or may not be written.
        """
        metadata = metadata_of(told)
        folders = folders_for(self._settings, person)
        by_name = {str(folder): folder for folder in folders}
        folder = by_name.get(metadata["folder"]) if metadata.get("folder") else next(iter(folders), None)
        if folder is None:
            place = metadata.get("folder") or "any folder"
            raise TranscribedError(
                f"nothing may be dropped into {place}", f"choose one of {', '.join(by_name) or 'none'}"
            )
        with self._turns.setdefault(folder, threading.Lock()):
            if sum(whose == person.name for _, whose in self._in(folder)) >= UNFINISHED_MAX:
                text = f"{UNFINISHED_MAX} recordings are on their way into {folder} already"
                raise TooMany(text, "send them to their end, or cancel some")
            begun = Incoming.begin(
                folder, metadata.get("filename", ""), size, metadata.get("language", ""), metadata.get("task", ""),
                settings=self._settings, person=person.name, told=told,
            )  # fmt: skip
        with self._turn:
            self._places[begun.key] = folder
            while len(self._places) > REMEMBERED_MAX:
                self._places.popitem(last=False)
        return begun

    def resume(self, person: Person, key: str) -> Incoming:
        """Take an upload of somebody, to go on with it; one that was left for too long is removed instead.

        Raises:
            NoUpload: There is none that this person began.
            Busy: Somebody works on it.
            Unavailable: A folder or the file cannot be read.
        """
        trouble: TranscribedError = no_upload(key)
        folders = folders_for(self._settings, person) if KEY.fullmatch(key) else []
        if (place := self._places.get(key)) in folders:
            folders.sort(key=lambda folder: folder != place)
        for folder in folders:
            try:
                incoming = Incoming.resume(self._settings, folder, key, person.name)
            except NoUpload:
                continue
            except Unavailable as error:  # The drive of another folder may be away.
                trouble = error
                continue
            if incoming.is_whole or incoming.ends_at > time.time():
                return incoming
            incoming.drop()
        raise trouble

    def finish(self, incoming: Incoming) -> Path:
        """Give a whole recording its name.

        Raises:
            TranscribedError: It may no longer have it.
            Unavailable: The folder cannot be written; what has arrived stays.
        """
        wanted, key = incoming.wanted, incoming.key
        path = incoming.finish()
        tell_complete(self._settings, incoming.version)
        log.info("received %s from %s", path, wanted.person or "the page")
        with self._turn:
            self._finished[key] = _Finished(wanted.person, wanted.size or 0, wanted.told)
            while len(self._finished) > REMEMBERED_MAX:
                self._finished.popitem(last=False)
        return path

    def finished(self, person: Person, key: str) -> tuple[int, str] | None:
        """Return the size of an upload of somebody that is finished, and what was told of it; None if there is none.

        Who lost the connection before the last answer asks for it.
        """
        found = self._finished.get(key)
        return (found.size, found.told) if found is not None and found.person == person.name else None

    def of(self, person: Person) -> list[Upload]:
        """Return what somebody has begun and not ended, the oldest first; folders that are away are left out."""
        found = [
            upload
            for folder in folders_for(self._settings, person)
            for upload, whose in self._in(folder)
            if whose == person.name
        ]
        return sorted(found, key=lambda upload: upload.expires_at)

    def sweep(self) -> None:
        """Remove what was left for too long, and give what is whole its name: the server was killed before it did."""
        people = [
            ANYBODY,
            *(Person(name, tuple(map(str, user.folders))) for name, user in self._settings.web.users.items()),
        ]
        for folder in dict.fromkeys(folder for person in people for folder in folders_for(self._settings, person)):
            with suppress(TranscribedError, OSError), closing(_Folder(self._settings, folder)) as there:
                for key in there.begun():
                    self._sweep(folder, key)
                there.remove_leftovers()

    def _sweep(self, folder: Path, key: str) -> None:
        with suppress(TranscribedError), Incoming.resume(self._settings, folder, key, None) as incoming:
            if incoming.is_whole:
                self.finish(incoming)
            elif incoming.ends_at < time.time():
                log.info("removed the upload of %s, which was left for more than a day", incoming.wanted.name)
                incoming.drop()

    def _in(self, folder: Path) -> Iterator[tuple[Upload, str]]:
        with suppress(TranscribedError, OSError), closing(_Folder(self._settings, folder)) as there:
            for key in there.begun():
                with suppress(OSError, ValueError, TranscribedError):
                    wanted, status = read_wanted(there.where, key), there.stat(upload_file(key, "part"))
                    ends_at, metadata = status.st_mtime + LASTS_S, metadata_of(wanted.told)
                    found = Upload(key, wanted.name, str(folder), wanted.size, status.st_size, ends_at, metadata)
                    yield found, wanted.person


class _Folder:
    """A folder that is looked through for uploads."""

    def __init__(self, settings: Settings, folder: Path) -> None:
        self.where = opened(settings, folder)

    def close(self) -> None:
        os.close(self.where)

    def stat(self, name: bytes) -> os.stat_result:
        return os.stat(name, dir_fd=self.where, follow_symlinks=False)

    def begun(self) -> list[str]:
        """Return the uploads of which it is known what is wanted."""
        return sorted(match[1].decode() for match in self._files() if match[2] == b"json")

    def remove_leftovers(self) -> None:
        """Remove old files of uploads that nobody can go on with: of which a part is missing, or damaged."""
        files = self._files()
        names = {match[0] for match in files}
        for match in files:
            key = match[1].decode()
            with suppress(OSError):
                is_old = self.stat(match[0]).st_mtime + LASTS_S < time.time()
                if is_old and not (upload_file(key, "part") in names and self._is_sound(key)):
                    os.unlink(match[0], dir_fd=self.where)

    def _is_sound(self, key: str) -> bool:
        try:
            read_wanted(self.where, key)
        except (FileNotFoundError, ValueError):
            return False
        return True

    def _files(self) -> list[re.Match[bytes]]:
        names = (os.fsencode(entry.name) for entry in os.scandir(self.where))
        return list(filter(None, map(UPLOAD.fullmatch, names)))


def metadata_of(told: str) -> dict[str, str]:
    """Return what an `Upload-Metadata` of the tus protocol says: names, each with a value in base64.

    Raises:
        TranscribedError: It is none.
    """
    found: dict[str, str] = {}
    try:
        for pair in filter(None, map(str.strip, told.split(","))):
            key, _, value = pair.partition(" ")
            found[key] = base64.b64decode(value, validate=True).decode()
    except ValueError as error:
        raise TranscribedError(f"Upload-Metadata is not names with values in base64: {error}") from error
    return found
