"""Access to jobs.db, to which a daemon may be writing: it is read, and written to for a moment at a time."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar, cast

from sqlalchemy import Connection, Engine, Select
from sqlalchemy.exc import DatabaseError

from daemon.errors import Unavailable
from daemon.permissions import denied
from daemon.store import database
from daemon.store.reading import Reading, T

R = TypeVar("R")
IDS_MAX = 10_000
"""How many values a statement names; SQLite takes 32 766."""


class ReadAccess(Reading):
    """A reader of jobs.db, to be closed after use. As a context manager it explains errors of the database.

    Args:
        path: The database file.
        patience_s: How long to wait while somebody else writes.

    Raises:
        Unavailable: There is no database yet, or it cannot be read.
    """

    def __init__(self, path: Path, patience_s: float = database.BUSY_TIMEOUT_S) -> None:
        if obstacle := denied(path):
            raise Unavailable(*obstacle)
        if not path.is_file():
            raise Unavailable(f"there is no database at {path} yet", "start the daemon: transcribed run")
        self._path = path
        self._patience_s = patience_s
        self._engine = database.open_engine(path, read_only=True, patience_s=patience_s)

    def __enter__(self) -> Self:
        return self

    def close(self) -> None:
        """Close the connections to the database."""
        self._engine.dispose()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
        if isinstance(error, DatabaseError):
            if "no such" in str(error.orig):
                raise Unavailable(
                    f"{self._path} has another schema than this version reads ({error.orig})",
                    "run the daemon once, which upgrades it, or use the version that wrote it",
                ) from error
            raise database.unavailable(self._path, error) from error

    @property
    def pid(self) -> int | None:
        """The process id of the daemon that is using the database, or None."""
        return database.running_pid(self._path)

    @contextmanager
    def _writer(self) -> Iterator[Engine]:
        """What writes for a moment, while the daemon may be writing, too."""
        if obstacle := denied(self._path, write=True):
            raise Unavailable(*obstacle)
        writer = database.open_engine(self._path, patience_s=self._patience_s)
        try:
            yield writer
        except DatabaseError as error:
            raise database.unavailable(self._path, error) from error
        finally:
            writer.dispose()

    def _write(self, work: Callable[[Connection], T]) -> T:
        """Do something in a transaction of its own, and return what comes of it."""
        with self._writer() as writer, writer.begin() as db:
            return work(db)

    def _read(self, work: Callable[[Connection], T]) -> T:
        with self._engine.connect() as db:
            return work(db)

    def _rows(self, statement: Select[Any]) -> Sequence[Any]:
        return self._read(lambda db: db.execute(statement).all())

    def _rows_of(self, ids: Sequence[int], statement: Callable[[Sequence[int]], Select[Any]]) -> list[Any]:
        """Return the rows of a statement for any number of ids, in their order."""
        groups = (ids[at : at + IDS_MAX] for at in range(0, len(ids), IDS_MAX))
        return [row for group in groups for row in self._rows(statement(group))]

    def _one(self, statement: Select[Any]) -> Any:
        with self._engine.connect() as db:
            return db.execute(statement).scalar()

    def _typed(self, kind: type[R], statement: Select[Any]) -> list[R]:
        """Return the rows of a statement on a whole table, with only the columns that the class names."""
        named = [statement.selected_columns[name] for name in kind.__annotations__]
        return [cast(R, _plain(row)) for row in self._rows(statement.with_only_columns(*named))]


def _plain(row: Any) -> dict[str, Any]:
    """Return a row for JSON, with bytes, which programs need to open files, in hexadecimal."""
    return {key: value.hex() if isinstance(value, bytes) else value for key, value in row._mapping.items()}
