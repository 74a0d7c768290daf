"""The options that a recording is queued with."""

import logging
import os
import threading

from daemon.chunk import Options
from daemon.config.afterwards import Afterwards
from daemon.config.folder_settings import FolderSettings
from daemon.config.options import Resolved
from daemon.config.settings import WAIT, Settings
from daemon.store.records import Seen, readable

log = logging.getLogger(__name__)


class Resolver:
    """Resolves the options of recordings, and logs each error in the settings of their folders once.

    Scanner and dispatcher share one, so that what a broken file said before is the same for both.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._folder_settings = FolderSettings(settings, tell=_log)
        self._turn = threading.Lock()

    def afterwards(self, root: str, path: bytes) -> Afterwards:
        """Return what is to be done when the job of a recording ends now.

        Args:
            root: The watched folder.
            path: The path of the recording below it.
        """
        resolved = self._resolved(root, path)
        return Afterwards() if resolved is None else resolved.afterwards

    def growing(self, root: str, path: bytes) -> str:
        """Return what is done while a recording is recorded, likewise: `wait`, `follow` or `live`."""
        resolved = self._resolved(root, path)
        return WAIT if resolved is None else resolved.growing

    def _resolved(self, root: str, path: bytes) -> Resolved | None:
        try:
            with self._turn:
                return self._folder_settings.resolve(os.path.join(os.fsencode(root), path))[0]
        except LookupError:
            return None

    def of(self, seen: Seen) -> tuple[Seen, Options, int]:
        """Return a recording with the options and the priority that apply to it now."""
        path = os.path.join(os.fsencode(seen.root), seen.path_bytes)
        with self._turn:
            resolved, _ = self._folder_settings.resolve(path)
        return seen, resolved.options, resolved.priority


def _log(error: str) -> None:
    log.error("%s; it counts as before it was changed, or not at all", readable(os.fsencode(error)))
