"""Python, SQLite and the libraries: whether they are the versions that this one needs, and those it was tested with."""

import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from daemon import __version__
from daemon.doctor.case import Case
from daemon.doctor.findings import Finding, failed, ok, warning

PYTHON, SQLITE, LIBRARIES = "Python", "SQLite", "libraries"
DISTRIBUTION = "transcribed"
SQLITE_LEAST = (3, 35)
"""The first with UPDATE … RETURNING, by which jobs are claimed."""
INSTALL = "pip install --upgrade -c constraints.txt transcribed, into the environment of this program"
NAMED_MAX = 5


@dataclass(frozen=True, slots=True)
class Library:
    """A package that this program needs."""

    name: str
    needed: str
    """The versions that will do, as in `>=2.10,<3`."""
    installed: str | None
    """None where it is missing."""
    tested: str | None
    """The version in constraints.txt."""


@dataclass(frozen=True, slots=True)
class Software:
    """What this program runs on."""

    python: str
    python_needed: str
    sqlite: str
    has_search: bool
    """Whether SQLite was built with FTS5."""
    libraries: tuple[Library, ...] | None
    """None where transcribed is not installed as a package, so that nobody says what it needs."""


def examine(_case: Case) -> Iterator[Finding]:
    """Check what this program runs on."""
    return findings(look())


def look() -> Software:
    """Find out what this program runs on."""
    python = ".".join(map(str, sys.version_info[:3]))
    try:
        about = metadata.metadata(DISTRIBUTION)
        libraries = tuple(_libraries(metadata.requires(DISTRIBUTION) or []))
    except metadata.PackageNotFoundError:
        return Software(python, "", sqlite3.sqlite_version, _has_search(), None)
    return Software(python, about["Requires-Python"] or "", sqlite3.sqlite_version, _has_search(), libraries)


def _libraries(required: list[str]) -> Iterator[Library]:
    pins = _pins()
    for each in map(Requirement, required):
        if each.marker is None or each.marker.evaluate({"extra": ""}):
            try:
                installed = metadata.version(each.name)
            except metadata.PackageNotFoundError:
                installed = None
            yield Library(each.name, str(each.specifier), installed, pins.get(canonicalize_name(each.name)))


def _pins() -> dict[str, str]:
    """Return the versions of constraints.txt, which is inside the wheel or at the top of the checkout."""
    package = Path(__file__).parent.parent
    inside = package / "constraints.txt"
    try:
        lines = (inside if inside.is_file() else package.parent / "constraints.txt").read_text("utf-8").splitlines()
    except OSError:
        return {}
    pairs = (line.partition("==") for line in lines if "==" in line and not line.startswith("#"))
    return {canonicalize_name(name): version.strip() for name, _, version in pairs}


def _has_search() -> bool:
    with closing(sqlite3.connect(":memory:")) as db:
        used: tuple[int] = db.execute("SELECT sqlite_compileoption_used('ENABLE_FTS5')").fetchone()
        return used == (1,)


def findings(software: Software) -> Iterator[Finding]:
    """Judge the versions."""
    if _will_do(software.python, software.python_needed):
        yield ok(PYTHON, f"{software.python} ({sys.executable})")
    else:
        cure = "make the virtual environment with a newer Python"
        yield failed(PYTHON, f"{software.python}, but transcribed needs {software.python_needed}", cure)
    yield _sqlite(software)
    yield from _about_libraries(software.libraries)


def _sqlite(software: Software) -> Finding:
    if tuple(map(int, software.sqlite.split(".")[:2])) < SQLITE_LEAST:
        least = ".".join(map(str, SQLITE_LEAST))
        return failed(SQLITE, f"{software.sqlite}, but {least} is needed", "use a Python with a newer SQLite")
    if not software.has_search:
        return failed(SQLITE, "it was built without FTS5, which search needs", "use another build of Python")
    return ok(SQLITE, software.sqlite)


def _about_libraries(libraries: tuple[Library, ...] | None) -> Iterator[Finding]:
    if libraries is None:
        yield warning(LIBRARIES, "transcribed is not installed as a package: nothing to compare with", "pip install .")
        return
    missing = [each.name for each in libraries if each.installed is None]
    wrong = [each for each in libraries if each.installed and not _will_do(each.installed, each.needed)]
    if missing:
        yield failed(LIBRARIES, f"missing: {', '.join(missing)}", INSTALL)
    if wrong:
        told = ", ".join(f"{each.name} {each.installed} (needs {each.needed})" for each in wrong)
        yield failed(LIBRARIES, f"of a wrong version: {told}", INSTALL)
    if missing or wrong:
        return
    others = [each for each in libraries if each.tested not in (None, each.installed)]
    told = f"all {len(libraries)} that transcribed {__version__} needs"
    if others:
        named = [f"{each.name} {each.installed} ({each.tested})" for each in others[:NAMED_MAX]]
        more = ["…"] if len(others) > NAMED_MAX else []
        told += f"; {len(others)} of another version than tested: {', '.join(named + more)}"
    yield ok(LIBRARIES, told)


def _will_do(version: str, needed: str) -> bool:
    return version in SpecifierSet(needed, prereleases=True)
