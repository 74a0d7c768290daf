"""Whether anything in jobs.db has changed."""

from pathlib import Path

from sqlalchemy import Connection, text
from sqlalchemy.exc import DatabaseError

from daemon.errors import Unavailable
from daemon.store.read_access import ReadAccess


class Changes(ReadAccess):
    """Tells of commits of other processes. For one thread.

    Raises:
        Unavailable: There is no database yet, or it cannot be read.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._log = path.with_name(f"{path.name}-wal")
        self._connection: Connection | None = None
        self._had_log = False
        self._seen: int | None = None
        self._number = 0

    def close(self) -> None:
        """Close the connections to the database."""
        self._forget()
        super().close()

    @property
    def number(self) -> int:
        """A larger number after each commit.

        Raises:
            Unavailable: The database cannot be read now.
        """
        # Without a log the file is read as one that does not change (`database._open_to_read`).
        if self._log.exists() != self._had_log:
            self._forget()
        try:
            if self._connection is None:
                self._had_log = self._log.exists()
                self._connection = self._engine.connect()
            seen = int(self._connection.execute(text("PRAGMA data_version")).scalar_one())
            self._connection.rollback()
        except DatabaseError as error:
            self._forget()
            raise Unavailable(f"{self._path} cannot be read: {error.orig}") from error
        if seen != self._seen:
            self._seen = seen
            self._number += 1
        return self._number

    def _forget(self) -> None:
        if self._connection is not None:
            self._connection.close()
        self._connection, self._seen = None, None
