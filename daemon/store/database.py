"""The SQLite file: how it is opened, copied, locked and waited for."""

import fcntl
import os
import shutil
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.exc import DatabaseError, OperationalError
from sqlalchemy.pool import NullPool

from daemon.errors import AlreadyRunning, Unavailable

T = TypeVar("T")

BUSY_TIMEOUT_S = 30.0
ENVIRONMENT_ERRORS = ("disk is full", "disk i/o error", "unable to open", "readonly database", "is locked")
"""SQLite's messages when the machine, not the statement, is at fault."""
DAMAGE = ("malformed", "not a database")


def open_engine(path: Path, *, read_only: bool = False, patience_s: float = BUSY_TIMEOUT_S) -> Engine:
    """Return an engine for a database.

    Its transactions begin with BEGIN IMMEDIATE (docs/facts.md, fact 6) and its commits reach the disk
    (synchronous=FULL, docs/facts.md, fact 7). A read-only engine never blocks the writer, needs no right to write, and
    opens the file anew for each use, because how it may be read can change.
    """
    engine = create_engine(
        URL.create("sqlite", database=str(path)),
        creator=partial(_open_to_read if read_only else _open_to_write, path, patience_s),
        poolclass=NullPool if read_only else None,
    )

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        reads = read_only or connection.get_execution_options().get("read_only")
        connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")

    return engine


def _open_to_write(path: Path, patience_s: float) -> sqlite3.Connection:
    path.parent.mkdir(parents=True, exist_ok=True)
    connection = _connect(path, "mode=rwc", patience_s)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("PRAGMA foreign_keys=ON")
    # What is deleted may be how somebody sounds: it is to be gone from the file, not only from its tables.
    connection.execute("PRAGMA secure_delete=ON")
    return connection


def _open_to_read(path: Path, patience_s: float) -> sqlite3.Connection:
    """Open a database that others may be writing.

    While nobody has it open there is no write-ahead log. SQLite wants to make one, and not everybody who may read the
    file may do that; but it is complete then, and can be read as one that does not change. A daemon that starts
    meanwhile writes to a new log first.
    """
    connection = _connect(path, "mode=ro", patience_s)
    try:
        connection.execute("PRAGMA schema_version")
    except sqlite3.Error:
        connection.close()
        if path.with_name(f"{path.name}-wal").exists():
            raise
        return _connect(path, "mode=ro&immutable=1", patience_s)
    return connection


def _connect(path: Path, how: str, patience_s: float) -> sqlite3.Connection:
    return sqlite3.connect(
        f"file:{_quoted(path)}?{how}",
        uri=True,
        timeout=patience_s,
        isolation_level=None,
        check_same_thread=False,
    )


def backup(path: Path, target: Path) -> None:
    """Copy a database that may be in use, with SQLite's own online backup.

    Raises:
        Unavailable: The database cannot be read, or the copy cannot be written or fails SQLite's integrity check.
    """
    partial = target.with_name(target.name + ".partial")
    try:
        partial.unlink(missing_ok=True)
        with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(partial)) as copy:
            source.backup(copy)
            copy.execute("PRAGMA journal_mode=DELETE")
            verdict = copy.execute("PRAGMA integrity_check").fetchone()[0]
        if verdict != "ok":
            raise Unavailable(f"the copy of {path} is damaged: {verdict}", "check the disk")
        partial.replace(target)
    except (sqlite3.Error, OSError) as error:
        raise Unavailable(
            f"{path} cannot be copied to {target}: {error}", "check the disk and the permissions"
        ) from error
    finally:
        with suppress(OSError):
            partial.unlink(missing_ok=True)


@contextmanager
def lock(path: Path) -> Iterator[None]:
    """Hold the database for this daemon alone; the lock ends with the process, however that ends.

    Raises:
        AlreadyRunning: Another daemon holds the database.
        Unavailable: The folder of the database cannot be written.
    """
    name = lock_path(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        fd = os.open(name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise Unavailable(
            f"cannot write beside the database {path}: {error.strerror}", "make its folder writable"
        ) from error
    try:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(fd, 32, 0).decode().strip()
            raise AlreadyRunning(
                f"another daemon (pid {holder or 'unknown'}) holds {path}",
                "stop it first, or give this one its own database.url",
            ) from None
        os.ftruncate(fd, 0)
        os.pwrite(fd, f"{os.getpid()}\n".encode(), 0)
        yield
    finally:
        os.close(fd)


def running_pid(path: Path) -> int | None:
    """Return the process id of the daemon that holds the database, or None."""
    try:
        fd = os.open(lock_path(path), os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return int(os.pread(fd, 32, 0) or b"0")
    finally:
        os.close(fd)
    return None


def locked_at(path: Path) -> int | None:
    """Return when a daemon last took hold of the database, in ns since 1970; None if none ever did."""
    try:
        return lock_path(path).stat().st_mtime_ns
    except OSError:
        return None


def lock_path(path: Path) -> Path:
    """Return the lock file of a database."""
    return path.with_name(path.name + ".lock")


def transact(
    engine: Engine,
    work: Callable[[Connection], T],
    keep_waiting: Callable[[str], bool],
    turn: AbstractContextManager[Any],
) -> T:
    """Run `work` in one transaction, and try again while the machine is at fault.

    Args:
        engine: The database.
        work: What to do in the transaction; it may be called more than once.
        keep_waiting: Called with the reason before each new try; False gives up.
        turn: A lock that is held during each try.

    Raises:
        Unavailable: `keep_waiting` gave up.
    """
    delay_s = 0.1
    while True:
        try:
            with turn, engine.begin() as connection:
                return work(connection)
        except OperationalError as error:
            trouble = unavailable(Path(engine.url.database or ""), error)
            if not keep_waiting(str(error.orig)):
                raise trouble from error
            if "disk is full" in str(error.orig):
                empty_log(engine)
        time.sleep(delay_s)
        delay_s = min(delay_s * 2, 5.0)


def empty_log(engine: Engine, patience_s: float = BUSY_TIMEOUT_S) -> bool:
    """Move the write-ahead log into the database, and return whether all of it is there and the log is empty.

    On a small disk the log itself may be what fills it; and what was deleted is still in it.

    Args:
        engine: The database.
        patience_s: How long to wait for others who read or write.
    """
    with suppress(sqlite3.Error), closing(engine.raw_connection()) as connection:
        cursor = connection.cursor()
        cursor.execute(f"PRAGMA busy_timeout={round(1000 * patience_s)}")
        try:
            is_busy, _, _ = cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        finally:
            cursor.execute(f"PRAGMA busy_timeout={round(1000 * BUSY_TIMEOUT_S)}")
        return not is_busy
    return False


def unavailable(path: Path, error: DatabaseError) -> Unavailable:
    """Return the environment error that SQLite's message stands for; raise a mistake in a statement as it is."""
    said = str(error.orig)
    if any(part in said for part in DAMAGE):
        return damaged(path, error)
    if not any(part in said.lower() for part in ENVIRONMENT_ERRORS):
        raise error
    free_mb = shutil.disk_usage(path.parent).free >> 20 if path.parent.exists() else 0
    return Unavailable(
        f"the database {path} cannot be used: {said}",
        f"{free_mb} MB are free on its disk; check the disk and the permissions",
    )


def damaged(path: Path, error: DatabaseError) -> Unavailable:
    """Return the error for a file that is no database, or one that cannot be read any more."""
    return Unavailable(
        f"{path} is damaged or no database: {error.orig}",
        "stop the daemon and put a copy from `backups/` beside it in its place",
    )


def _quoted(path: Path) -> str:
    return str(path).replace("%", "%25").replace("?", "%3f").replace("#", "%23")
