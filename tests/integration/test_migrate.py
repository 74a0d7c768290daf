"""The database is brought to the schema of the code, or left as it was."""

import sqlite3
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from daemon.errors import Unavailable
from daemon.store import database, migrate
from daemon.store.schema import metadata


def test_the_migrations_make_the_schema_of_the_code(path: Path) -> None:
    engine = database.open_engine(path)
    with engine.connect() as connection:
        differences = compare_metadata(MigrationContext.configure(connection), metadata)
    engine.dispose()
    assert [difference for difference in differences if "_fts" not in str(difference)] == []


@pytest.mark.guarantee(26)
def test_a_newer_schema_is_refused(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.commit()
    connection.close()
    with pytest.raises(Unavailable, match="newer version"):
        migrate.migrate(path)


def next_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, more: str) -> None:
    """Make the code believe in one more migration, which adds a table and then does `more`."""
    real, scripts = migrate._migrations(), tmp_path / "migrations"
    (scripts / "versions").mkdir(parents=True)
    for file in (*real.glob("*.py"), *real.glob("versions/*.py")):
        (scripts / file.relative_to(real)).write_bytes(file.read_bytes())
    (scripts / "versions" / "9_next.py").write_text(
        "from alembic import op\nrevision, down_revision = '0099', '0016'\n"
        f"def upgrade():\n    op.execute('CREATE TABLE next_one (id INTEGER)')\n{more}"
    )
    monkeypatch.setattr(migrate, "_migrations", lambda: scripts)


@pytest.mark.guarantee(26)
def test_an_upgrade_is_preceded_by_a_backup(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    next_version(tmp_path, monkeypatch, "")
    migrate.migrate(path)
    before = sqlite3.connect(path.with_name("jobs.db.before-0099"))
    after = sqlite3.connect(path)
    tables = "SELECT count(*) FROM sqlite_master WHERE name = 'next_one'"
    assert (before.execute(tables).fetchone(), after.execute(tables).fetchone()) == ((0,), (1,))
    assert before.execute("SELECT count(*) FROM jobs").fetchone() == (0,)
    before.close()
    after.close()


@pytest.mark.guarantee(26)
def test_a_failing_upgrade_leaves_the_old_schema(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    next_version(tmp_path, monkeypatch, "    raise RuntimeError('half-way')\n")
    with pytest.raises(RuntimeError, match="half-way"):
        migrate.migrate(path)
    connection = sqlite3.connect(path)
    assert connection.execute("SELECT count(*) FROM sqlite_master WHERE name = 'next_one'").fetchone() == (0,)
    assert connection.execute("SELECT version_num FROM alembic_version").fetchone() == ("0016",)
    connection.close()
