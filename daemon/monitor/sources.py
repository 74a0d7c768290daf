"""What the monitor asks the rest of the daemon for, from its own thread."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol


class Processes(Protocol):
    """Children of one kind; asked from the monitor's thread."""

    @property
    def processes(self) -> Sequence[tuple[str, int]]:
        """(name, process id) of those that live."""

    @property
    def restarts(self) -> Mapping[str, int]:
        """Name -> restarts since the daemon's start."""


class Folders(Protocol):
    """The watched folders; asked from the monitor's thread."""

    @property
    def missing(self) -> Mapping[str, bool]:
        """Folder -> whether it cannot be listed."""

    @property
    def unlistable(self) -> Mapping[str, int]:
        """Folder -> how many of its sub-folders cannot be listed."""

    @property
    def restarts(self) -> Mapping[str, int]:
        """`watcher:FOLDER` -> restarts of its watcher since the daemon's start."""


class Pauses(Protocol):
    """What holds work up; called from the monitor's thread."""

    @property
    def reason(self) -> str | None:
        """Why work is paused; None if it is not."""

    def hold(self, cause: str, reason: str) -> None:
        """Pause."""

    def release(self, cause: str) -> None:
        """End the pause for this cause."""


class ModelCache(Protocol):
    """The models on the disk."""

    @property
    def model_cache_mb(self) -> float | None:
        """Their size; None before it was measured."""


class Engines(Protocol):
    """The engines of the model of `[model]`; asked from the monitor's thread."""

    @property
    def ready_count(self) -> int | None:
        """How many are ready; None while the model is downloaded."""


class Machines(Protocol):
    """The machines of a cluster."""

    @property
    def probes(self) -> Mapping[str, str]:
        """By machine, what the probe of its GPUs last said."""

    too_hot: frozenset[str]
    """Those that are to do nothing until they have cooled down."""


@dataclass(frozen=True, slots=True)
class Sources:
    """Where the monitor looks, besides the machine."""

    children: Sequence[Processes]
    folders: Folders
    pauses: Pauses
    models: ModelCache
    engines: Engines
    machines: Machines | None = None

    def restarts(self) -> dict[str, int]:
        """Return name -> restarts of children, and of watchers as `watcher:FOLDER`, since the daemon's start."""
        found = dict(self.folders.restarts)
        for pool in self.children:
            found.update(pool.restarts)
        return found
