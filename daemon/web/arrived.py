"""Recordings that have arrived in a watched folder as a whole, and the word to the daemon that they have."""

import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from daemon.config.options import locate
from daemon.config.settings import Settings
from daemon.errors import Unavailable
from daemon.filesystem import fingerprint
from daemon.store.queries import Queries
from daemon.store.requests import complete_command

PATIENCE_S = 1.0
"""Where the database is busy for longer, the recording waits for `watching.settle_seconds` as any other does."""


@dataclass(frozen=True, slots=True)
class Arrived:
    """A recording that was put into a watched folder, by which its job is found."""

    root: str
    path: bytes
    version: str

    @classmethod
    def at(cls, settings: Settings, path: Path) -> "Arrived":
        """Return the file at a path below a watched folder.

        Raises:
            OSError: There is none.
            LookupError: It is below no watched folder.
        """
        place = locate(settings, os.fsencode(path))
        if place is None:
            raise LookupError(f"{path} is below no watched folder")
        return cls(str(settings.watch[place.folder].path), place.below, fingerprint(os.lstat(path)))


def tell_complete(settings: Settings, version: str) -> None:
    """Tell the daemon that a recording is whole, so that it need not wait to see whether it grows.

    The daemon believes that of this very version of the file alone, and looks itself whether anybody has it open. If
    it does not hear of it, the recording waits as any other.

    Args:
        settings: The whole configuration.
        version: `Incoming.version` of the recording, which has its name by now; not what is there under that name.
    """
    with suppress(Unavailable), Queries(settings.database_path, PATIENCE_S) as queries:
        if queries.pid is not None:
            queries.request_all(complete_command(version))
