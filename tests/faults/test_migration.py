"""Kills during the upgrade of a database of 10 000 jobs: afterwards it is the old one or the new one, and whole."""

import itertools
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory

from daemon.store import database
from daemon.store.migrate import migrate
from tests.support import ROOT

OLD = "0001"
MIGRATE = "import sys; from pathlib import Path; from daemon.store.migrate import migrate; migrate(Path(sys.argv[1]))"


def old_database(path: Path, jobs: int) -> None:
    """A database as the first version left it, with this many jobs."""
    config = Config()
    config.set_main_option("script_location", str(ROOT / "migrations"))
    engine = database.open_engine(path)
    config.attributes["engine"] = engine
    command.upgrade(config, OLD)
    engine.dispose()
    connection = sqlite3.connect(path)
    with connection:
        connection.executemany(
            "INSERT INTO jobs (root, path, path_bytes, size_bytes, fingerprint, state, reason)"
            " VALUES ('/r', ?, ?, 1, ?, 'done', ?)",
            ((f"{number}.wav", f"{number}.wav".encode(), str(number), "x" * 200) for number in range(jobs)),
        )
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()


def head() -> str:
    config = Config()
    config.set_main_option("script_location", str(ROOT / "migrations"))
    revision = ScriptDirectory.from_config(config).get_current_head()
    assert revision is not None
    return revision


def state_of(path: Path, jobs: int) -> str:
    """Its revision; the database must be whole, and be all of that revision."""
    connection = sqlite3.connect(path)
    try:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        ((revision,),) = connection.execute("SELECT version_num FROM alembic_version").fetchall()
        tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        assert ("samples" in tables) == (revision == head()), f"half of revision {revision}"
        assert not any(name.startswith("_alembic_tmp") for name in tables)
        assert connection.execute("SELECT count(*) FROM jobs").fetchone() == (jobs,)
    finally:
        connection.close()
    return str(revision)


DOSES = [
    pytest.param(500, {"fdatasync": 4}, 1, id="500 jobs"),
    pytest.param(10_000, {"fdatasync": 1, "fsync": 1, "pwrite64": 60, "unlink": 1}, 25, id="10 000 jobs", marks=pytest.mark.faults),
]  # fmt: skip


@pytest.mark.guarantee(26)
@pytest.mark.timeout(1200)
@pytest.mark.parametrize(("jobs", "calls", "at_random"), DOSES)
def test_kills_during_an_upgrade(tmp_path: Path, jobs: int, calls: dict[str, int], at_random: int) -> None:
    if shutil.which("strace") is None:
        pytest.skip("strace is not here")
    template = tmp_path / "template.db"
    old_database(template, jobs)
    seen: dict[str, int] = {}
    kills = 0

    def after(code: int) -> bool:
        nonlocal kills
        revision = state_of(tmp_path / "jobs.db", jobs)
        seen[revision] = seen.get(revision, 0) + 1
        kills += code != 0
        migrate(tmp_path / "jobs.db")
        assert state_of(tmp_path / "jobs.db", jobs) == head()
        return code == 0

    for call, step in calls.items():
        for number in itertools.count(1, step):
            upgrade = fresh(tmp_path, template)
            inject = [
                "strace",
                "-f",
                "-qq",
                "-o",
                "/dev/null",
                "-e",
                f"trace={call}",
                "-e",
                f"inject={call}:signal=KILL:when={number}",
            ]
            if after(subprocess.run([*inject, *upgrade], env=environment(), timeout=60).returncode):
                break
    for number in range(at_random):
        process = subprocess.Popen(fresh(tmp_path, template), env=environment())
        time.sleep(0.4 + 0.8 * number / at_random)
        process.send_signal(signal.SIGKILL)
        after(process.wait())
    print(f"{kills} kills during the upgrade of {jobs} jobs; revisions found: {seen}")
    assert kills >= 2 and OLD in seen


def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT)}


def fresh(folder: Path, template: Path) -> list[str]:
    """The old database in its place; the command that upgrades it."""
    for path in folder.glob("jobs.db*"):
        path.unlink()
    shutil.copyfile(template, folder / "jobs.db")
    return [sys.executable, "-c", MIGRATE, str(folder / "jobs.db")]
