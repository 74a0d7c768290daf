"""A watched folder as the scanner sees it: its events, its file system, and what lies in which."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from daemon.config.settings import Watch
from daemon.watch.events import FolderEvents
from daemon.watch.listing import on_network


@dataclass(slots=True)
class Root:
    """A watched folder and what the scanner knows of it."""

    watch: Watch
    events: FolderEvents | None
    next_scan: float = 0.0
    missing: bool = False
    """It could not be listed, or what is listed is not it."""
    device: int | None = None
    """The file system on which it was when it was last compared; a drive that is not mounted leaves an empty folder."""
    starts: int = 0
    """How often its watcher was started."""

    @property
    def path(self) -> Path:
        return self.watch.path


def events_of(watch: Watch, hint: Callable[[bytes], None]) -> FolderEvents | None:
    """Its events; None where they would not come, or are not wanted."""
    if watch.backend == "polling" or (watch.backend == "auto" and on_network(watch.path)):
        return None
    return FolderEvents(watch.path, recursive=watch.recursive, hint=hint)
