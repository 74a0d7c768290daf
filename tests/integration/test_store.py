"""The store on a real SQLite file: transitions, claims by several processes, migrations."""

import multiprocessing
import sqlite3
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from daemon.chunk import Options, Segment
from daemon.errors import AlreadyRunning, Unavailable
from daemon.store import database, migrate
from daemon.store.queries import Queries
from daemon.store.records import Batch, Output, Result, Seen, options_from_json, readable
from daemon.store.schema import metadata
from daemon.store.store import Store


@pytest.fixture
def path(tmp_path: Path) -> Path:
    migrate.migrate(tmp_path / "jobs.db")
    return tmp_path / "jobs.db"


@pytest.fixture
def store(path: Path):
    opened = Store(path)
    yield opened
    opened.close()


def seen(name: str, version: str = "1:1:1:1:1") -> Seen:
    return Seen("/root", name.encode(), version, 10)


def queue(store: Store, *names: str, priority: int = 0) -> None:
    store.queue([(seen(name), Options(), priority) for name in names])


def states(path: Path) -> dict[str, str]:
    with Queries(path) as queries:
        return {row["path"]: row["state"] for row in queries.jobs(limit=1000)}


def result(job_id: int, idx: int = 0, text: str = "hello") -> Result:
    return Result(
        job_id, idx, idx * 10.0, idx * 10.0 + 10, 1, 0, 0, 0, (Segment(0, 1, text, -0.1, 0.0, 1.0, 0.0, "en"),), (), 0.5
    )


def test_the_migrations_make_the_schema_of_the_code(path: Path) -> None:
    engine = database.open_engine(path)
    with engine.connect() as connection:
        differences = compare_metadata(MigrationContext.configure(connection), metadata)
    engine.dispose()
    assert [difference for difference in differences if "segments_fts" not in str(difference)] == []


@pytest.mark.guarantee(8)
def test_wal_and_full_synchronisation(store: Store) -> None:
    with store._engine.connect() as db:
        assert db.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
        assert db.exec_driver_sql("PRAGMA synchronous").scalar() == 2


def test_a_job_from_first_sight_to_done(store: Store, path: Path) -> None:
    store.settle([seen("a.wav", "1:1:1:1:0")])
    assert states(path) == {"a.wav": "settling"}
    store.settle([seen("a.wav")])  # grown: still the same row
    queue(store, "a.wav")
    assert states(path) == {"a.wav": "queued"}
    (job,) = store.claim(5)
    assert (job.attempts, job.path_bytes, job.options) == (1, b"a.wav", Options())
    store.begin(
        job.id, content_hash="ab", duration_s=20.0, model="tiny.en", compute_type="int8", device="cpu", language="en"
    )
    store.save([result(job.id), result(job.id, 1, "world")], Batch("cpu", 2, 4, 1, 20.0, 1.0))
    store.save([result(job.id, 1, "again")])  # a checkpoint that is there already stays as it is
    store.decoded(job.id, chunks_total=2, duration_s=20.0, speech_s=20.0, damaged=0)
    assert [segment.text for segment in store.transcript(job.id)] == ["hello", "world"]
    store.plan_outputs(job.id, [Output("txt", b"/root/a.txt", "00", 5)])
    store.finish(job.id)
    with Queries(path) as queries:
        row = queries.job(job.id)
    assert row is not None
    assert (row["state"], row["chunks_done"], row["processing_s"]) == ("done", 2, 1.0)
    assert row["outputs"][0]["published"] is True
    assert store.nothing_left()


@pytest.mark.guarantee(4)
def test_one_row_for_each_version(store: Store, path: Path) -> None:
    for _ in range(3):
        store.settle([seen("a.wav")])
        queue(store, "a.wav")
    store.settle([seen("a.wav", "1:1:2:2:2")])
    connection = sqlite3.connect(path)
    assert connection.execute("SELECT count(*) FROM jobs").fetchone() == (2,)
    connection.close()


def test_priority_then_order(store: Store) -> None:
    queue(store, "a.wav", "b.wav")
    queue(store, "c.wav", priority=9)
    assert [job.path for job in store.claim(2)] == ["c.wav", "a.wav"]
    assert [job.path for job in store.claim(2)] == ["b.wav"]


def test_failed_waits_dead_ends_and_retry_revives(store: Store, path: Path) -> None:
    queue(store, "a.wav")
    (job,) = store.claim(1)
    store.fail(job.id, "FailedRecording", "broken", retry_in_s=60)
    assert states(path) == {"a.wav": "failed"} and store.claim(1) == []
    store.retry(job.id)
    (job,) = store.claim(1)
    assert job.attempts == 1
    store.fail(job.id, "FailedRecording", "broken", retry_in_s=None)
    assert states(path) == {"a.wav": "dead"}
    with Queries(path) as queries:
        row = queries.job(job.id)
    assert row is not None and "broken" in row["reason"]


def test_what_is_nobodys_fault_costs_no_attempt(store: Store) -> None:
    queue(store, "a.wav")
    for give_back in (
        lambda job_id: store.release(job_id, "stopped"),
        lambda _job_id: store.release_orphans(),
        lambda job_id: store.postpone(job_id, 0, "disk full"),
    ):
        (job,) = store.claim(1)
        assert job.attempts == 1
        give_back(job.id)


def test_postponed_jobs_wait_and_say_why(store: Store) -> None:
    queue(store, "a.wav")
    (job,) = store.claim(1)
    store.postpone(job.id, 60, "disk full")
    assert store.claim(1) == []
    assert store.held_up() == "disk full"
    assert not store.nothing_left()


def test_cancelled_while_running_stays_cancelled(store: Store, path: Path) -> None:
    queue(store, "a.wav")
    (job,) = store.claim(1)
    store.cancel(job.id)
    store.finish(job.id)
    store.fail(job.id, "X", "late", None)
    assert states(path) == {"a.wav": "cancelled"}


def test_another_model_starts_anew(store: Store) -> None:
    queue(store, "a.wav")
    (job,) = store.claim(1)
    store.begin(
        job.id, content_hash="ab", duration_s=20.0, model="tiny.en", compute_type="int8", device="cpu", language="en"
    )
    store.save([result(job.id)])
    store.begin(
        job.id, content_hash="ab", duration_s=20.0, model="tiny.en", compute_type="int8", device="cpu", language="en"
    )
    assert store.chunks_done(job.id) == {0: (0.0, 10.0)}
    store.begin(
        job.id, content_hash="ab", duration_s=20.0, model="base", compute_type="int8", device="cpu", language=None
    )
    assert store.chunks_done(job.id) == {} and store.transcript(job.id) == []


def test_full_text_search_follows_the_segments(store: Store, path: Path) -> None:
    queue(store, "a.wav")
    (job,) = store.claim(1)
    store.save([result(job.id, text="the annual budget")])
    connection = sqlite3.connect(path)
    find = "SELECT count(*) FROM segments_fts WHERE segments_fts MATCH 'budget'"
    assert connection.execute(find).fetchone() == (1,)
    store.retry(job.id)
    store.fail(job.id, "X", "x", None)
    store.retry(job.id)
    assert connection.execute(find).fetchone() == (0,)
    connection.close()


def _claim_all(path: Path, start, claimed) -> None:
    store = Store(path)
    start.wait()
    while jobs := store.claim(3):
        for job in jobs:
            claimed.put(job.id)
    store.close()


@pytest.mark.guarantee(6)
def test_three_processes_claim_400_jobs_once_each(store: Store, path: Path) -> None:
    queue(store, *(f"{number}.wav" for number in range(400)))
    context = multiprocessing.get_context("spawn")
    start, claimed = context.Event(), context.Queue()
    processes = [context.Process(target=_claim_all, args=(path, start, claimed)) for _ in range(3)]
    for process in processes:
        process.start()
    start.set()
    ids = [claimed.get(timeout=60) for _ in range(400)]
    for process in processes:
        process.join(30)
        assert process.exitcode == 0
    assert len(set(ids)) == 400 and claimed.empty()


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
        "from alembic import op\nrevision, down_revision = '0099', '0004'\n"
        f"def upgrade():\n    op.execute('CREATE TABLE next_one (id INTEGER)')\n{more}"
    )
    monkeypatch.setattr(migrate, "_migrations", lambda: scripts)


@pytest.mark.guarantee(26)
def test_an_upgrade_is_preceded_by_a_backup(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    next_version(tmp_path, monkeypatch, "")
    migrate.migrate(path)
    before = sqlite3.connect(tmp_path / "jobs.db.before-0099")
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
    assert connection.execute("SELECT version_num FROM alembic_version").fetchone() == ("0004",)
    connection.close()


@pytest.mark.guarantee(6)
def test_one_daemon_for_a_database(path: Path) -> None:
    assert database.running_pid(path) is None
    with database.lock(path):
        assert database.running_pid(path) is not None
        with pytest.raises(AlreadyRunning, match="another daemon"), database.lock(path):
            pass
    assert database.running_pid(path) is None


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        (b"new\nline.wav", r"new\nline.wav"),
        (b"\xff.wav", r"\xff.wav"),
        ("ü 中.wav".encode(), "ü 中.wav"),
        (b"\x1b[2J", r"\x1b[2J"),
    ],
)
def test_paths_are_shown_on_one_line(name: bytes, shown: str) -> None:
    assert readable(name) == shown


def test_options_of_another_version_are_read_as_far_as_they_go() -> None:
    assert options_from_json('{"language": "de", "formats": ["txt"], "from_the_future": 1}') == Options(
        language="de", formats=("txt",)
    )
