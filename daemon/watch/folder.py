"""A watched folder as the scanner sees it: its events, its file system, and when it is compared next."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from daemon.config.settings import Watch
from daemon.watch.events import FolderEvents
from daemon.watch.listing import on_network
from daemon.watch.names import Names

Key = tuple[int, bytes]
"""A file as the scanner names it: (index of the watched folder, path below it)."""

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Root:
    """A watched folder and what the scanner knows of it."""

    watch: Watch
    names: Names
    events: FolderEvents | None
    next_scan: float = 0.0
    missing: bool = False
    """Whether it could not be listed when it was last compared, or its drive was not mounted."""
    device: int | None = None
    """Its file system when it was last compared; a drive that is not mounted leaves an empty folder of another one."""
    closed: set[bytes] = field(default_factory=set)
    """The sub-folders that could not be listed when it was last compared."""
    starts: int = 0
    """How often its watcher was started."""

    def has_events(self) -> bool:
        """Return whether events come from the folder; a watcher that does not run is started (again)."""
        if self.events is None:
            return False
        if not self.events.alive:
            if trouble := self.events.start():
                log.warning("no events from %s: %s", self.path, trouble)
                return False
            self.starts += 1
        return True

    def close(self) -> None:
        """End its watcher."""
        if self.events is not None:
            self.events.stop()

    @property
    def path(self) -> Path:
        """The absolute path of the folder."""
        return self.watch.path


def events_of(watch: Watch, hint: Callable[[bytes], None]) -> FolderEvents | None:
    """Return the source of events for a watched folder; None where none would arrive, or none are wanted."""
    if watch.backend == "polling" or (watch.backend == "auto" and on_network(watch.path)):
        return None
    return FolderEvents(watch.path, recursive=watch.recursive, hint=hint)
