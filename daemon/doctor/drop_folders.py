"""A watched folder: what the daemon may do there, its file system, and whether events really arrive.

A small file is written and removed at once. Its name is that of a recording's settings, which the scanner never takes
for a recording, whatever is configured.
"""

import os
import secrets
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from threading import Event

from daemon.config.settings import Settings
from daemon.doctor.case import Case
from daemon.doctor.disks import FREE, room
from daemon.doctor.findings import Finding, failed, ok, warning
from daemon.filesystem import open_beneath
from daemon.store.records import readable
from daemon.watch.events import FolderEvents
from daemon.watch.listing import NETWORK_FILE_SYSTEMS, file_system, walk
from daemon.watch.names import Kind, Names

SUBJECT = "folder"
EVENT_S = 3.0
"""Events take milliseconds; what takes longer than this does not come."""
FILES_MAX = 2_000
"""How many files of a folder are looked at."""
CANARY = ".transcribed-doctor-"


@dataclass(frozen=True, slots=True)
class Some:
    """How many there are of a kind, and the name of the first of them."""

    count: int = 0
    first: str = ""

    def and_also(self, path: bytes) -> "Some":
        """Return one more."""
        return Some(self.count + 1, self.first or readable(path))


@dataclass(frozen=True, slots=True)
class Folder:
    """A watched folder, as the daemon's user finds it."""

    path: str
    backend: str = "auto"
    """As configured."""
    missing: bool = False
    unlistable: str = ""
    """Why it cannot be listed; "" if it can."""
    unwritable: str = ""
    """Why no file can be made in it; "" if one can."""
    silent: str = ""
    """Why no events come; "" if they do, or none are asked for."""
    file_system: str = ""
    free_mb: float = 0.0
    recordings: int = 0
    """How many were looked at."""
    unreadable: Some = Some()
    """Recordings that cannot be opened."""
    closed: Some = Some()
    """Sub-folders that cannot be listed."""
    fixed: Some = Some()
    """Sub-folders with recordings in which no transcript can be written."""

    @property
    def on_network(self) -> bool:
        """Whether other machines may write to it without inotify noticing."""
        return self.file_system in NETWORK_FILE_SYSTEMS

    @property
    def has_events(self) -> bool:
        """Whether the daemon asks for events."""
        return self.backend == "inotify" or (self.backend == "auto" and not self.on_network)


def examine(case: Case) -> Iterator[Finding]:
    """Check the folder whose number the argument is; without settings, only whether the folder of this name answers."""
    if case.given is None:
        with suppress(FileNotFoundError):
            os.stat(case.argument)
        return iter((ok(SUBJECT, f"{case.argument} answers"),))
    folder = look(case.settings, int(case.argument))
    return findings(folder, case.user, case.settings)


def look(settings: Settings, index: int) -> Folder:
    """Look at a watched folder, try there what the daemon does, and leave it as it was."""
    watch = settings.watch[index]
    names = Names.of(watch, settings.watching)
    folder = Folder(str(watch.path), watch.backend, file_system=file_system(watch.path))
    try:
        status = os.statvfs(watch.path)
    except (FileNotFoundError, NotADirectoryError):
        return replace(folder, missing=True)
    except OSError as error:
        return replace(folder, unlistable=error.strerror or str(error))
    folder = replace(folder, free_mb=status.f_bavail * status.f_frsize / 1e6)
    return _with_canary(_with_files(folder, names, recursive=watch.recursive), names)


def _with_files(folder: Folder, names: Names, *, recursive: bool) -> Folder:
    """Look at the files of a folder, up to a number, and at the folders that they are in."""
    root = Path(folder.path)
    closed, unreadable, fixed = Some(), Some(), Some()
    seen: set[bytes] = set()
    recordings = 0

    def note_closed(path: bytes, _error: OSError) -> None:
        nonlocal closed
        closed = closed.and_also(path)

    try:
        for found in islice(walk(root, names, recursive=recursive, closed=note_closed), FILES_MAX):
            if found.kind is not Kind.RECORDING:
                continue
            recordings += 1
            try:
                os.close(open_beneath(folder.path, found.path))
            except OSError:
                unreadable = unreadable.and_also(found.path)
            inside = os.path.dirname(found.path)
            if inside and inside not in seen and not os.access(os.path.join(os.fsencode(root), inside), os.W_OK):
                fixed = fixed.and_also(inside)
            seen.add(inside)
    except OSError as error:
        return replace(folder, unlistable=error.strerror or str(error))
    return replace(folder, recordings=recordings, closed=closed, unreadable=unreadable, fixed=fixed)


def _with_canary(folder: Folder, names: Names) -> Folder:
    """Write a file and remove it at once, and wait for the event."""
    arrived = Event()
    path = os.path.join(os.fsencode(folder.path), canary(names))

    def hint(where: bytes) -> None:
        if where == path:
            arrived.set()

    events = FolderEvents(Path(folder.path), recursive=False, hint=hint)
    try:
        silent = (events.start() or "") if folder.has_events else ""
        try:
            os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
            os.unlink(path)
        except OSError as error:
            return replace(folder, silent=silent, unwritable=error.strerror or str(error))
        if folder.has_events and not silent and not arrived.wait(EVENT_S):
            silent = f"none came within {EVENT_S:g} s after a file was written"
        return replace(folder, silent=silent)
    finally:
        events.stop()


def canary(names: Names) -> bytes:
    """Return the name of a file that no scanner with these names takes for a recording."""
    suffix = f"{extension}.toml" if (extension := min(names.extensions, default="")) else ".txt"
    return f"{CANARY}{secrets.token_hex(4)}{suffix}".encode()


def findings(folder: Folder, user: str, settings: Settings) -> Iterator[Finding]:
    """Judge a folder.

    Args:
        folder: What was found.
        user: As whom it was looked at.
        settings: For how often it is compared, and how much is to be free.
    """
    path = folder.path
    if folder.missing:
        cure = f"mount its drive, or make it: sudo install -d -o {user} {path}"
        yield warning(SUBJECT, f"{path} is not there; the daemon waits for it", cure)
        return
    wrong = [*_rights(folder, user), *_events(folder, settings.watching.rescan_seconds)]
    if not folder.unlistable and folder.free_mb < settings.monitor.disk_free_mb:
        least = f"less than disk_free_mb ({settings.monitor.disk_free_mb:g})"
        wrong.append(warning(SUBJECT, f"{path}: {room(folder.free_mb)} are free, {least}", FREE))
    if wrong:
        yield from wrong
        return
    events = "events arrive" if folder.has_events else "no events, so it is compared every few seconds"
    told = f"{path}: {folder.file_system or 'unknown file system'}, readable and writable, {events}"
    yield ok(SUBJECT, f"{told}, {room(folder.free_mb)} free")


def _rights(folder: Folder, user: str) -> Iterator[Finding]:
    path = folder.path
    if folder.unlistable:
        cure = f"sudo setfacl -m u:{user}:rwx {path}, or chown it"
        yield failed(SUBJECT, f"{user} may not list {path}: {folder.unlistable.lower()}", cure)
    if folder.unwritable:
        cure = f"sudo setfacl -m u:{user}:rwx {path}, or chown it; if it is mounted read-only, mount it for writing"
        yield failed(SUBJECT, f"{user} can write no transcript into {path}: {folder.unwritable.lower()}", cure)
    kinds = (
        (folder.unreadable, f"of {folder.recordings} recordings in {path} cannot be read by {user}", "rX"),
        (folder.closed, f"sub-folders of {path} cannot be listed by {user}", "rwX"),
        (folder.fixed, f"sub-folders of {path} let {user} write no transcripts", "rwX"),
    )
    for some, what, rights in kinds:
        if some.count:
            cure = f"sudo setfacl -R -m u:{user}:{rights} {path}"
            yield warning(SUBJECT, f"{some.count} {what}, such as {some.first}", cure)


def _events(folder: Folder, rescan_s: float) -> Iterator[Finding]:
    if folder.backend == "inotify" and folder.on_network:
        yield warning(
            SUBJECT,
            f"{folder.path} is on {folder.file_system}: no events come of what other machines write there",
            'set backend = "auto", which compares it every few seconds',
        )
    if folder.silent:
        yield warning(
            SUBJECT,
            f"{folder.path}: no events ({folder.silent}); a recording is found by comparing, every {rescan_s:g} s",
            'raise the limits of the line "inotify", or set backend = "polling" for this folder',
        )
