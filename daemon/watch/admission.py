"""Whether a path is taken as a recording, and why not: what the scanner would say of it."""

import os
from dataclasses import dataclass

from daemon.config.options import Place, locate
from daemon.config.settings import Settings, Watch
from daemon.store.records import readable
from daemon.watch.listing import classify
from daemon.watch.names import TEMPORARY, UPLOAD, Kind, Names

NEVER = {
    Kind.TRANSCRIPT: "named like a transcript, which is never a recording",
    Kind.SETTINGS: "holds options of a folder or of a recording, and is never one itself",
}


@dataclass(frozen=True, slots=True)
class Admission:
    """Whether the scanner takes a path."""

    path: bytes
    """The path by which the scanner reaches it."""
    place: Place | None
    """The watched folder that it is in; None if it is in none."""
    reason: str
    """Why it is not taken; empty if it is."""
    version: str | None = None
    """Its fingerprint now; None if it does not exist."""

    @property
    def taken(self) -> bool:
        """Whether it is, or will be, a recording to be transcribed."""
        return not self.reason


def admission(settings: Settings, path: bytes) -> Admission:
    """Tell whether the scanner takes a path, by its name and by what is there now. Nothing is changed.

    Args:
        settings: The whole configuration.
        path: An absolute path; links are followed only if they lead from outside into a watched folder.
    """
    path = _as_scanned(settings, path)
    place = locate(settings, path)
    if place is not None:
        watch = settings.watch[place.folder]
        return _below_folder(watch, Names.of(watch, settings.watching), path, place)
    folders = [os.fsencode(watch.path) for watch in settings.watch]
    if os.path.realpath(path) in folders:
        return Admission(path, None, "is a watched folder itself, not a recording in it")
    return Admission(path, None, "is not below a watched folder")


def _as_scanned(settings: Settings, path: bytes) -> bytes:
    """Return the path by which the scanner reaches a file: with links of its folder resolved, if that is watched.

    A link inside a watched folder stays what it is, because the scanner does not follow it.
    """
    path = os.path.abspath(path)
    real = os.path.join(os.path.realpath(os.path.dirname(path)), os.path.basename(path))
    return path if locate(settings, real) is None and locate(settings, path) is not None else real


def _below_folder(watch: Watch, names: Names, path: bytes, place: Place) -> Admission:
    *folders, name = place.below.split(b"/")
    if names.is_put_away(place.below):
        return Admission(path, place, f"is in {watch.done_folder}, where recordings go that are done")
    if reason := _refused_folder(watch, names, folders):
        return Admission(path, place, reason)
    try:
        status = os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return Admission(path, place, _refused_name(names, name) or "there is no such file")
    except OSError as error:
        return Admission(path, place, f"cannot be examined: {error.strerror}")
    found = classify(watch.path, place.below, status, names)
    if found is None:
        return Admission(path, place, _no_file_of_yours(name))
    reason = "" if found.kind is Kind.RECORDING else found.reason or NEVER[found.kind]
    return Admission(path, place, reason, found.fingerprint)


def _no_file_of_yours(name: bytes) -> str:
    if UPLOAD.fullmatch(name):
        return "an upload that is not whole yet"
    return "a temporary file of the daemon's" if TEMPORARY.fullmatch(name) else "a folder, not a recording"


def _refused_folder(watch: Watch, names: Names, parts: list[bytes]) -> str:
    """Return why nothing is taken from a sub-folder, or "" if its files are."""
    if not watch.path.is_dir():
        return f"the watched folder {watch.path} is missing"
    if parts and not watch.recursive:
        return f"is in a sub-folder, and those of {watch.path} are not watched (recursive = false)"
    folder = os.fsencode(watch.path)
    for part in parts:
        folder = os.path.join(folder, part)
        if reason := names.ignored(part):
            return f"is in the folder {readable(part)}, which {reason}"
        if os.path.islink(folder):
            return f"is in {readable(part)}, which is a symbolic link to a folder and is not followed"
    return ""


def _refused_name(names: Names, name: bytes) -> str:
    if names.is_settings(name):
        return NEVER[Kind.SETTINGS]
    if reason := names.ignored(name):
        return reason
    if names.asks_content(name):
        return ""
    kind, reason = names.named(name)
    return "" if kind is Kind.RECORDING else reason or NEVER[Kind.TRANSCRIPT]
