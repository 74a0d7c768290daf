"""What the daemon and those who only read have in common."""

from collections.abc import Callable
from typing import TypeVar

from sqlalchemy import Connection

T = TypeVar("T")


class Reading:
    """Reads of jobs.db."""

    def _read(self, work: Callable[[Connection], T]) -> T:
        """Do something with a connection that only reads, and return what comes of it."""
        raise NotImplementedError
