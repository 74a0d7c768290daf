"""Whether jobs.db is sound: what SQLite finds damaged, its schema, and what its times say of the clock."""

from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import func, select
from sqlalchemy.exc import DatabaseError

from daemon.store import database
from daemon.store.migrate import Schema, schema_of
from daemon.store.read_access import ReadAccess
from daemon.store.records import timestamp_in
from daemon.store.schema import jobs, samples

DAMAGE_MAX = 5
"""How many damaged places are told."""


@dataclass(frozen=True, slots=True)
class Soundness:
    """What was found out about the database; nothing was changed."""

    schema: Schema
    damage: tuple[str, ...]
    """What `PRAGMA quick_check` says; empty if it is sound."""


@dataclass(frozen=True, slots=True)
class Times:
    """What the stored times say of the clock, as timestamps of the database; None where there are none."""

    newest: str | None
    set_back: str | None
    """When the last sample was taken that is earlier than the one before it."""


class _Reader(ReadAccess):
    def damage(self) -> tuple[str, ...]:
        with self._engine.connect() as db:
            found = db.exec_driver_sql(f"PRAGMA quick_check({DAMAGE_MAX})").scalars().all()
        return () if found == ["ok"] else tuple(str(each) for each in found)

    def times(self, since: str) -> Times:
        newest = [self._one(select(func.max(column))) for column in (samples.c.sampled_at, jobs.c.queued_at)]
        before = select(
            samples.c.sampled_at, func.lag(samples.c.sampled_at).over(order_by=samples.c.id).label("before")
        )
        rows = before.where(samples.c.sampled_at >= since).subquery()
        set_back = self._one(select(func.max(rows.c.sampled_at)).where(rows.c.sampled_at < rows.c.before))
        return Times(max((each for each in newest if each), default=None), set_back)


def soundness(path: Path) -> Soundness:
    """Examine a database that a daemon may be writing to.

    Raises:
        Unavailable: It cannot be read, or is no database.
    """
    try:
        with _Reader(path) as reader:
            return Soundness(schema_of(path), reader.damage())
    except DatabaseError as error:
        raise database.damaged(path, error) from error


def times(path: Path, since_s: float) -> Times:
    """Read what the stored times say of the clock.

    Args:
        path: The database file.
        since_s: For how many seconds back it matters that the clock was set back.

    Raises:
        Unavailable: It cannot be read, is no database, or is of another version.
    """
    try:
        with _Reader(path) as reader:
            return reader.times(timestamp_in(-since_s))
    except DatabaseError as error:
        raise database.damaged(path, error) from error
