"""What was measured on this machine: the parallelism that a model runs fastest with, and checks of its accuracy."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, insert, select
from sqlalchemy.dialects.sqlite import insert as upsert
from sqlalchemy.exc import DatabaseError, OperationalError

from daemon.config.parallelism import Parallelism, Setup
from daemon.store import database
from daemon.store.access import Access
from daemon.store.records import timestamp
from daemon.store.schema import layouts, verifications


def known_parallelism(path: Path, setup: Setup) -> Parallelism | None:
    """Return the measured parallelism, or None if there is none, or no database of this version yet."""
    if not path.is_file():
        return None
    engine = database.open_engine(path, read_only=True)
    try:
        with engine.connect() as db:
            return _layout(db, setup)
    except DatabaseError:
        return None
    finally:
        engine.dispose()


def record_verification(path: Path, **values: Any) -> None:
    """Keep a result of `transcribed verify`, even while a daemon is using the database."""
    engine = database.open_engine(path)
    try:
        with engine.begin() as db:
            db.execute(insert(verifications).values(verified_at=timestamp(), **values))
    except OperationalError as error:
        raise database.unavailable(path, error) from error
    finally:
        engine.dispose()


class Measurements(Access):
    """The daemon's own measurements."""

    def keep_parallelism(self, setup: Setup, layout: Parallelism, trials: Sequence[dict[str, Any]] = ()) -> None:
        """Keep the fastest parallelism, with the trials from which it was chosen."""
        values = {**asdict(layout), "measured_at": timestamp(), "trials": json.dumps(list(trials))}
        self._write(
            lambda db: db.execute(
                upsert(layouts)
                .values(**asdict(setup), **values)
                .on_conflict_do_update(index_elements=list(asdict(setup)), set_=values)
            )
        )


def _layout(db: Connection, setup: Setup) -> Parallelism | None:
    wanted = [layouts.c[name] == value for name, value in asdict(setup).items()]
    row = db.execute(select(layouts.c.workers, layouts.c.cpu_threads, layouts.c.batch_size).where(*wanted)).first()
    return None if row is None else Parallelism(*row)
