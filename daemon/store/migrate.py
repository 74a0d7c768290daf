"""Upgrades the database to this version's schema. A module of its own, because Alembic is slow to import."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy.exc import OperationalError

from daemon.errors import Unavailable
from daemon.store import database


def migrate(path: Path) -> None:
    """Upgrade the database to the schema of this version; an older database is backed up first.

    Raises:
        Unavailable: The database was written by a newer version, or cannot be opened or written.
    """
    config = Config()
    config.set_main_option("script_location", str(_migrations()).replace("%", "%%"))
    scripts = ScriptDirectory.from_config(config)
    engine = database.open_engine(path)
    try:
        with engine.connect() as connection:
            current = MigrationContext.configure(connection).get_current_revision()
        known = {script.revision for script in scripts.walk_revisions()}
        if current is not None and current not in known:
            raise Unavailable(
                f"{path} was written by a newer version of transcribed (schema {current})",
                "upgrade transcribed, or point database.url at another file",
            )
        if current == scripts.get_current_head():
            return
        if current is not None:
            database.backup(path, path.with_name(f"{path.name}.before-{scripts.get_current_head()}"))
        config.attributes["engine"] = engine
        command.upgrade(config, "head")
    except OperationalError as error:
        raise database.unavailable(path, error) from error
    finally:
        engine.dispose()


def _migrations() -> Path:
    package = Path(__file__).parent.parent
    inside = package / "migrations"
    return inside if inside.is_dir() else package.parent / "migrations"
