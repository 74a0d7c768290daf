"""Which names are those of recordings. Pure.

A `Names` is made for each watched folder, out of what is configured for it and for all of them.
"""

import os
import re
from dataclasses import dataclass
from enum import Enum
from fnmatch import fnmatchcase, translate

from daemon.config.extensions import EXTENSION, MEDIA, changed
from daemon.config.folder_settings import FOLDER_FILE, RECORDING_SUFFIX
from daemon.config.formats import EXTENSIONS
from daemon.config.settings import Watch, Watching

BOOKKEEPING = (
    "#recycle", "@Recycle", "$RECYCLE.BIN", "RECYCLER", "RECYCLED", ".Trash", ".Trash-*", ".Trashes",
    "Network Trash Folder", "#snapshot", "@Recently-Snapshot", ".snapshot", ".snapshots", "~snapshot", ".zfs",
    ".stversions", "@eaDir", "@__thumb", ".@__thumb", "@tmp", "._*", ".AppleDouble", ".AppleDB", ".AppleDesktop",
    "System Volume Information", "lost+found", ".Spotlight-V100", ".fseventsd", ".DocumentRevisions-V100",
    ".TemporaryItems", "Temporary Items", ".stfolder", ".sync", ".dropbox.cache", ".tmp.drivedownload",
    ".tmp.driveupload",
)  # fmt: skip
"""Names of what NAS systems, desktops and programs that synchronize folders keep beside the files of people, whatever
the case: bins, snapshots and earlier versions, previews, bookkeeping. Recordings in there are copies, or deleted."""

UPLOAD = re.compile(rb"\.upload-([0-9a-f]{32})\.(part|json|toml)")
"""What the page keeps in a watched folder while a recording is on its way (daemon/web/inbox.py)."""

TEMPORARY = re.compile(rb"\.transcribed-[\w.-]+\.tmp")
"""What the daemon has in a watched folder for a moment: a transcript that replaces another, what is being deleted."""

_BOOKKEEPING = re.compile("|".join(map(translate, BOOKKEEPING)), re.IGNORECASE)


class Kind(Enum):
    """What a path is to the daemon."""

    RECORDING = "recording"
    SPECIAL = "special"
    """Named like a recording, but a link, folder, pipe, socket or device."""
    OTHER = "other"
    """Not named like a recording, or named by an ignore pattern."""
    TRANSCRIPT = "transcript"
    """Named like a transcript: never a recording, and not recorded as a job."""
    SETTINGS = "settings"
    """Holds options of a folder or a recording: likewise."""


@dataclass(frozen=True, slots=True)
class Names:
    """How the files of a watched folder are told apart by their names."""

    ignore: tuple[str, ...] = ()
    """Patterns of files and folders that are left alone."""
    extensions: frozenset[str] = MEDIA
    """The extensions of recordings, in lower case."""
    sniff: bool = False
    """Whether files without an extension are recordings if they begin like media."""
    done_folder: bytes = b""
    """The folder, below the watched one, to which recordings go that are done; empty if they stay where they are."""

    @classmethod
    def of(cls, watch: Watch, watching: Watching) -> "Names":
        """Return what is configured for a watched folder."""
        done_folder = os.fsencode(watch.done_folder) if watch.after_success == "move" else b""
        return cls(watch.ignore, changed(watching.extensions), watching.sniff, done_folder)

    def is_put_away(self, path: bytes) -> bool:
        """Return whether a path below the watched folder is the folder of what is done, or is in it."""
        return bool(self.done_folder) and (path + b"/").startswith(self.done_folder + b"/")

    def ignored(self, name: bytes) -> str:
        """Return why a file or folder of this name is left alone, or "" if it is not."""
        text = os.fsdecode(name)
        if _BOOKKEEPING.match(text):
            return "is a bin, snapshot, preview or bookkeeping of a NAS, desktop or synchronizing program"
        pattern = next((pattern for pattern in self.ignore if fnmatchcase(text, pattern)), None)
        return "" if pattern is None else f"matches the ignore pattern {pattern!r}"

    def is_settings(self, name: bytes) -> bool:
        """Return whether a file of this name holds options of its folder, or of a recording beside it."""
        stem, suffix = os.path.splitext(name)
        return name == FOLDER_FILE or (suffix == RECORDING_SUFFIX and extension(stem) in self.extensions)

    def named(self, name: bytes) -> tuple[Kind, str]:
        """Return what a file that is not ignored is by its name, and why it is no recording; "" if it is one."""
        suffix = extension(name)
        if suffix in self.extensions:
            return Kind.RECORDING, ""
        if suffix in EXTENSIONS:
            return Kind.TRANSCRIPT, ""
        return Kind.OTHER, f"not named like a recording ({suffix or 'no extension'})"

    def asks_content(self, name: bytes) -> bool:
        """Return whether the first bytes of a file decide whether it is a recording."""
        return self.sniff and not extension(name)


def extension(name: bytes) -> str:
    """Return the extension of a file name in lower case, with its dot, or "" if it has none."""
    suffix = os.path.splitext(os.fsdecode(name))[1]
    return suffix.lower() if EXTENSION.fullmatch(suffix) else ""
