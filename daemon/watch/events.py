"""Hints from the kernel, through watchdog. Losing every event costs time, never a recording."""

import logging
import os
from collections.abc import Callable
from pathlib import Path

from watchdog.events import (
    DirCreatedEvent,
    DirMovedEvent,
    FileClosedEvent,
    FileCreatedEvent,
    FileMovedEvent,
    FileSystemEvent,
    FileSystemEventHandler,
)
from watchdog.observers import Observer
from watchdog.observers.api import BaseObserver

log = logging.getLogger(__name__)

WANTED: list[type[FileSystemEvent]] = [
    FileCreatedEvent,
    FileMovedEvent,
    FileClosedEvent,
    DirCreatedEvent,
    DirMovedEvent,
]
"""Writing and reading are not among them: the settle rule looks again by itself, and our own reading of a
recording must not wake us."""


class _Handler(FileSystemEventHandler):
    """Passes on where something happened. An exception would kill the observer's thread, so none gets out."""

    def __init__(self, hint: Callable[[bytes], None]) -> None:
        self._hint = hint

    def on_any_event(self, event: FileSystemEvent) -> None:
        try:
            self._hint(os.fsencode(event.dest_path or event.src_path))
        except Exception:
            log.exception("event lost; the next comparison finds what it was about")


class FolderEvents:
    """Watches one folder with inotify, as far as the kernel lets it.

    Args:
        root: The folder, which need not exist yet.
        recursive: Whether its sub-folders are watched, too.
        hint: Called from a thread of watchdog with the absolute path that something happened to.
    """

    def __init__(self, root: Path, *, recursive: bool, hint: Callable[[bytes], None]) -> None:
        self._root = root
        self._recursive = recursive
        self._handler = _Handler(hint)
        self._observer: BaseObserver | None = None
        self._identity: tuple[int, int] | None = None

    @property
    def alive(self) -> bool:
        """Whether events of the folder that is there now can still arrive."""
        return (
            self._observer is not None
            and self._observer.is_alive()
            and all(emitter.is_alive() for emitter in self._observer.emitters)
            and self._identity == _identity(self._root)
        )

    def start(self) -> str | None:
        """Watch the folder (again), and return the reason if that is not possible now."""
        self.stop()
        identity = _identity(self._root)
        if identity is None:
            return "the folder is missing"
        observer = Observer()
        try:
            observer.start()
            observer.schedule(self._handler, str(self._root), recursive=self._recursive, event_filter=WANTED)
        except OSError as error:
            observer.stop()
            return f"{error.strerror}; raise fs.inotify.max_user_watches for events without delay"
        self._observer, self._identity = observer, identity
        return None

    def stop(self) -> None:
        """Watch the folder no longer."""
        if self._observer is not None:
            self._observer.stop()
            self._observer.join(timeout=5)
            self._observer = None


def _identity(folder: Path) -> tuple[int, int] | None:
    try:
        status = folder.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino
