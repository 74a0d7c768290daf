"""The options that a recording is queued with."""

import logging
import os

from daemon.chunk import Options
from daemon.config.folder_settings import FolderSettings
from daemon.config.settings import Settings
from daemon.store.records import Seen

log = logging.getLogger(__name__)


class Resolver:
    """Resolves the options of recordings, and logs each error in the settings of their folders once."""

    def __init__(self, settings: Settings) -> None:
        self._folder_settings = FolderSettings(settings, tell=_log)

    def of(self, seen: Seen) -> tuple[Seen, Options, int]:
        """Return a recording with the options and the priority that apply to it now."""
        path = os.path.join(os.fsencode(seen.root), seen.path_bytes)
        resolved, _ = self._folder_settings.resolve(path)
        return seen, resolved.options, resolved.priority


def _log(error: str) -> None:
    log.error("%s; what it said before stays in force", error)
