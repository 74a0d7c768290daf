"""The database: whether it can be read, is sound, and has a schema that this version knows."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from daemon.doctor.case import Case
from daemon.doctor.findings import Finding, failed, ok, warning
from daemon.errors import Unavailable
from daemon.store.soundness import Soundness, soundness
from daemon.watch.listing import on_network

SUBJECT = "database"


@dataclass(frozen=True, slots=True)
class File:
    """A database file and what was found in it."""

    path: str
    size_mb: float | None
    """None where there is no file yet."""
    on_network: bool
    found: Soundness | None
    trouble: tuple[str, str] = ("", "")
    """Why it cannot be read, and what to do about it."""


def examine(case: Case) -> Iterator[Finding]:
    """Check the database."""
    return findings(look(case.settings.database_path))


def look(path: Path) -> File:
    """Examine the database, to which a daemon may be writing; nothing is changed."""
    far = on_network(path)
    try:
        size_mb = path.stat().st_size / 1e6
    except FileNotFoundError:
        return File(str(path), None, far, None)
    except OSError as error:
        trouble = (
            f"{path} cannot be looked at: {(error.strerror or str(error)).lower()}",
            "let the daemon's user into its folder",
        )
        return File(str(path), 0.0, far, None, trouble)
    try:
        return File(str(path), size_mb, far, soundness(path))
    except Unavailable as error:
        return File(str(path), size_mb, far, None, (error.message, error.hint))


def findings(file: File) -> Iterator[Finding]:
    """Judge the database."""
    if file.on_network:
        yield failed(
            SUBJECT,
            f"{file.path} is on a drive of another machine, where SQLite's locks do not hold",
            "set database.url to a disk of this machine",
        )
    if file.size_mb is None:
        yield ok(SUBJECT, f"{file.path} is not there yet; the first start makes it")
    elif file.found is None:
        yield failed(SUBJECT, *file.trouble)
    else:
        yield from _sound(file, file.size_mb, file.found)


def _sound(file: File, size_mb: float, found: Soundness) -> Iterator[Finding]:
    if found.damage:
        yield failed(
            SUBJECT,
            f"{file.path} is damaged: {'; '.join(found.damage)}",
            "stop the daemon and put a copy from `backups/` beside it in its place; then look after the disk",
        )
    elif not found.schema.is_known:
        yield failed(
            SUBJECT,
            f"{file.path} was written by a newer version (schema {found.schema.current})",
            "upgrade transcribed, or point database.url at another file",
        )
    elif found.schema.current != found.schema.head:
        yield warning(
            SUBJECT,
            f"{file.path} has the schema {found.schema.current or 'of no version'}, this version {found.schema.head}",
            "start the daemon, which upgrades it and keeps a copy",
        )
    else:
        yield ok(SUBJECT, f"{file.path} is sound: {size_mb:.1f} MB, schema {found.schema.current}")
