"""Upgrades the database to this version's schema. A module of its own, because Alembic is slow to import."""

from dataclasses import dataclass
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine
from sqlalchemy.exc import OperationalError

from daemon.errors import Unavailable
from daemon.store import database


@dataclass(frozen=True, slots=True)
class Schema:
    """The revision of a database's schema, beside those that this version knows."""

    current: str | None
    """None for a database without tables."""
    head: str
    """The revision of this version."""
    is_known: bool
    """Whether this version can upgrade it; a newer one's it cannot."""


def schema_of(path: Path) -> Schema:
    """Return which schema a database has, without changing it.

    Raises:
        DatabaseError: It cannot be read, or is no database.
    """
    scripts = ScriptDirectory.from_config(_config())
    engine = database.open_engine(path, read_only=True)
    try:
        return _schema(scripts, engine)
    finally:
        engine.dispose()


def migrate(path: Path) -> None:
    """Upgrade the database to the schema of this version; an older database is backed up first.

    Raises:
        Unavailable: The database was written by a newer version, or cannot be opened or written.
    """
    config = _config()
    engine = database.open_engine(path)
    try:
        schema = _schema(ScriptDirectory.from_config(config), engine)
        if not schema.is_known:
            raise Unavailable(
                f"{path} was written by a newer version of transcribed (schema {schema.current})",
                "upgrade transcribed, or point database.url at another file",
            )
        if schema.current == schema.head:
            return
        if schema.current is not None:
            database.backup(path, path.with_name(f"{path.name}.before-{schema.head}"))
        config.attributes["engine"] = engine
        command.upgrade(config, "head")
    except OperationalError as error:
        raise database.unavailable(path, error) from error
    finally:
        engine.dispose()


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(_migrations()).replace("%", "%%"))
    return config


def _schema(scripts: ScriptDirectory, engine: Engine) -> Schema:
    with engine.connect() as connection:
        current = MigrationContext.configure(connection).get_current_revision()
    known = {script.revision for script in scripts.walk_revisions()}
    return Schema(current, str(scripts.get_current_head()), current is None or current in known)


def _migrations() -> Path:
    package = Path(__file__).parent.parent
    inside = package / "migrations"
    return inside if inside.is_dir() else package.parent / "migrations"
