"""Where Ray keeps what travels between machines: in shared memory if there is enough, else in files."""

import os
from dataclasses import dataclass
from pathlib import Path

SHARED_MEMORY = Path("/dev/shm")
MB = 1_000_000
LEAST_MB, MOST_MB = 200, 1_000
"""A chunk has 1 MB, and two batches are ahead of each engine. Ray needs 79 MB to start, and would take a third of the
machine's memory."""
SHARE = 2
"""Others use shared memory, too: this takes at most one part in as many."""


@dataclass(frozen=True, slots=True)
class Store:
    """The object store of a machine."""

    size_mb: int
    folder: Path | None
    """Where its files are; None for shared memory."""

    def options(self) -> list[str]:
        """Return the options of `ray start` for it."""
        where = [] if self.folder is None else [f"--plasma-directory={self.folder}"]
        return [f"--object-store-memory={self.size_mb * MB}", *where]


def store(free_bytes: int, folder: Path, wanted_mb: int | None = None) -> Store:
    """Return the object store for a machine.

    Args:
        free_bytes: Of shared memory.
        folder: Where files can be, if there is too little of it.
        wanted_mb: How large it is to be, if somebody has said.
    """
    size_mb = wanted_mb or max(LEAST_MB, min(MOST_MB, free_bytes // SHARE // MB))
    return Store(size_mb, None if free_bytes >= size_mb * MB else folder)


def free(folder: Path = SHARED_MEMORY) -> int:
    """Return how many bytes are free in shared memory; 0 where there is none."""
    try:
        status = os.statvfs(folder)
    except OSError:
        return 0
    return status.f_bavail * status.f_frsize
