"""Voices that are known by name, in the database: kept, moved, recognized, forgotten."""

import json
import random
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config

from daemon.chunk import Segment
from daemon.config.speaker_models import CAMPPLUS
from daemon.publish.formats import rendered
from daemon.publish.stored import stored_transcript
from daemon.store import database
from daemon.store.known_voices import Forgotten, Given, Sample
from daemon.store.migrate import migrate
from daemon.store.queries import Queries
from daemon.store.records import MadeWith
from daemon.store.requests import EMPTY_LOG
from daemon.store.store import Store
from daemon.voice import KnownVoice, Recognized, Voice
from tests.builders import result, segment
from tests.support import ROOT, queue


def voice(mark: int) -> bytes:
    """As many bytes as a voice has, which come nowhere else."""
    return random.Random(mark).randbytes(384)


ADA, BOB, ADA_LATER = voice(1), voice(60), voice(120)
S1, S2 = ("S1", ADA), ("S2", BOB)


def said(*speakers: str) -> list[tuple[int, list[Segment]]]:
    return [(0, [segment("hello", nth, nth + 1.0, speaker=each) for nth, each in enumerate(speakers)])]


def running(store: Store, name: str) -> int:
    """Take a recording to where its chunks are done and its voices heard; return its job."""
    queue(store, name)
    (job,) = store.claim(1)
    store.begin(job.id, content_hash=None, duration_s=9.0, made_with=MadeWith("tiny.en", "int8", "cpu"), language="en")
    store.save([result(job.id, 0, "hello")])
    store.keep_voices([(job.id, 0, [Voice(0.0, 1.5, voice(200))])])
    return job.id


def done(store: Store, name: str, *who: tuple[str, bytes | None], names: dict[str, Recognized] | None = None) -> int:
    job_id = running(store, name)
    store.tell_speakers(job_id, said(*(label for label, _ in who)), [], dict(who), CAMPPLUS, names or {})
    store.finish(job_id)
    return job_id


def rows(path: Path, statement: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(path)) as db:
        return db.execute(statement).fetchall()


def known(path: Path) -> list[tuple[object, ...]]:
    return rows(path, "SELECT name, embedding, source, job_id FROM known_voices ORDER BY id")


def test_a_name_keeps_the_voice_only_where_that_is_switched_on(store: Store, queries: Queries, path: Path) -> None:
    job_id = done(store, "a.wav", S1, S2)
    assert queries.name_speaker(job_id, "S1", "Ada", keep=False) == Given(is_kept=False, has_voice=True)
    assert known(path) == [] and store.known_voices(CAMPPLUS) == []
    assert queries.name_speaker(job_id, "S1", "Ada", keep=True) == Given(is_kept=True, has_voice=True)
    assert known(path) == [("Ada", ADA, "a.wav", job_id)] and store.known_voices(CAMPPLUS) == [KnownVoice("Ada", ADA)]
    assert rows(path, "SELECT model FROM known_voices") == [(CAMPPLUS,)]
    assert queries.names(job_id) == {"S1": "Ada"}


def test_another_name_takes_the_voice_along_and_no_name_drops_it(store: Store, queries: Queries, path: Path) -> None:
    job_id = done(store, "a.wav", S1, S2)
    other = done(store, "b.wav", ("S1", ADA_LATER))
    queries.name_speaker(other, "S1", "Ada", keep=True)
    for name in ("Ada", "Bob", "Bob"):
        queries.name_speaker(job_id, "S1", name, keep=True)
    assert known(path) == [("Ada", ADA_LATER, "b.wav", other), ("Bob", ADA, "a.wav", job_id)]
    queries.name_speaker(job_id, "S1", "", keep=True)
    assert known(path) == [("Ada", ADA_LATER, "b.wav", other)] and queries.names(job_id) == {}


def test_a_voice_that_should_not_be_kept_any_more_loses_the_wrong_name_all_the_same(
    store: Store, queries: Queries, path: Path
) -> None:
    job_id = done(store, "a.wav", S1)
    queries.name_speaker(job_id, "S1", "Ada", keep=True)
    queries.name_speaker(job_id, "S1", "Bob", keep=False)
    assert known(path) == [] and queries.names(job_id) == {"S1": "Bob"}


def test_two_who_share_a_name_keep_their_voices(store: Store, queries: Queries, path: Path) -> None:
    job_id = done(store, "a.wav", S1, S2)
    for label in ("S1", "S2"):
        queries.name_speaker(job_id, label, "Ada", keep=True)
    queries.name_speaker(job_id, "S2", "Bob", keep=True)
    assert [row[:2] for row in known(path)] == [("Ada", ADA), ("Bob", BOB)]


def test_after_a_retry_the_voice_of_before_goes_with_the_name(store: Store, queries: Queries, path: Path) -> None:
    job_id = done(store, "a.wav", S1, S2)
    queries.name_speaker(job_id, "S1", "Ada", keep=True)
    store.retry(job_id)
    store.claim(1)
    store.begin(job_id, content_hash=None, duration_s=9.0, made_with=MadeWith("tiny.en", "int8", "cpu"), language="en")
    who = {"S1": BOB, "S2": ADA_LATER}
    store.tell_speakers(job_id, said("S1", "S2"), [], who, CAMPPLUS, {"S2": Recognized("Ada", 0.9)})
    store.finish(job_id)
    assert queries.names(job_id) == {"S2": "Ada"} and [row[1] for row in known(path)] == [ADA]
    queries.name_speaker(job_id, "S2", "Eve", keep=True)
    assert known(path) == [("Eve", ADA_LATER, "a.wav", job_id)]


def test_who_was_told_by_channel_has_a_name_and_no_voice(store: Store, queries: Queries, path: Path) -> None:
    job_id = done(store, "a.wav", ("S1", None))
    assert queries.name_speaker(job_id, "S1", "Ada", keep=True) == Given(is_kept=False, has_voice=False)
    assert known(path) == [] and queries.names(job_id) == {"S1": "Ada"}


def test_only_speakers_of_jobs_that_are_done_get_names(store: Store, queries: Queries) -> None:
    job_id = running(store, "a.wav")
    store.tell_speakers(job_id, said("S1"), [], dict([S1]), CAMPPLUS)
    assert queries.name_speaker(job_id, "S1", "Ada", keep=True) is None
    store.finish(job_id)
    assert queries.name_speaker(job_id, "S2", "Ada", keep=True) is None
    assert queries.name_speaker(job_id + 1, "S1", "Ada", keep=True) is None and store.unpublished() == []


def in_json(store: Store, job_id: int) -> list[dict[str, object]]:
    """Who speaks, as the JSON has it."""
    whole = stored_transcript(store, store.job(job_id), {})
    return json.loads(rendered(whole, ("json",))["json"])["speakers"]


def test_a_recognized_name_is_shown_and_not_learned_from(store: Store, queries: Queries, path: Path) -> None:
    queries.enroll("Ada", CAMPPLUS, [Sample(ADA, "ada.wav")])
    job_id = done(store, "a.wav", ("S1", ADA_LATER), S2, names={"S1": Recognized("Ada", 0.83)})
    shown = [(each["speaker"], each["name"], each["recognized"]) for each in queries.speaking(job_id)]
    assert shown == [("S1", "Ada", 0.83), ("S2", "S2", None)] and queries.names(job_id) == {"S1": "Ada"}
    assert [each.get("recognized") for each in in_json(store, job_id)] == [0.83, None]
    assert known(path) == [("Ada", ADA, "ada.wav", None)] and store.unpublished() == []
    queries.name_speaker(job_id, "S1", "Ada", keep=True)
    assert queries.speaking(job_id)[0]["recognized"] is None and len(known(path)) == 2
    assert ["recognized" in each for each in in_json(store, job_id)] == [False, False]


def test_what_was_forgotten_while_it_was_recognized_does_not_come_back(store: Store, queries: Queries) -> None:
    queries.enroll("Ada", CAMPPLUS, [Sample(ADA, "ada.wav")])
    queries.forget_name("Ada")
    job_id = done(store, "a.wav", S1, names={"S1": Recognized("Ada", 0.83)})
    assert queries.names(job_id) == {} and queries.speaking(job_id)[0]["recognized"] is None


def test_enrolled_files_are_listed_by_name_and_replaced_when_they_come_again(store: Store, queries: Queries) -> None:
    queries.enroll("Bob", CAMPPLUS, [Sample(BOB, "bob.wav")])
    queries.enroll("Ada", CAMPPLUS, [Sample(BOB, "1.wav"), Sample(ADA_LATER, "2.wav")])
    queries.enroll("Ada", CAMPPLUS, [Sample(ADA, "1.wav")])
    found = queries.known_names()
    assert [(row["name"], row["recordings"]) for row in found] == [("Ada", 2), ("Bob", 1)] and found[0]["since"]
    expected = [KnownVoice("Bob", BOB), KnownVoice("Ada", ADA_LATER), KnownVoice("Ada", ADA)]
    assert store.known_voices(CAMPPLUS) == expected


def test_voices_that_another_model_has_heard_are_not_compared(store: Store, queries: Queries, path: Path) -> None:
    queries.enroll("Ada", CAMPPLUS, [Sample(ADA, "1.wav"), Sample(ADA_LATER, "2.wav")])
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("UPDATE known_voices SET model = 'another' WHERE source = '1.wav'")
    assert (
        store.known_voices(CAMPPLUS) == [KnownVoice("Ada", ADA_LATER)] and queries.known_names()[0]["recordings"] == 2
    )


def test_how_every_moment_sounds_is_kept_only_until_the_job_is_done(store: Store) -> None:
    waiting, finished = running(store, "a.wav"), done(store, "b.wav", S1)
    assert store.voices(finished) == [] and len(store.voices(waiting)) == 1
    store.reject(waiting, "BadRecording", "no luck", ())
    store.finish(waiting)
    assert len(store.voices(waiting)) == 1, "it was not running"


def test_a_voice_stays_known_when_its_job_is_deleted(store: Store, queries: Queries, path: Path) -> None:
    job_id = done(store, "a.wav", S1)
    queries.name_speaker(job_id, "S1", "Ada", keep=True)
    with store._engine.begin() as db:
        db.exec_driver_sql("DELETE FROM jobs")
    assert known(path) == [("Ada", ADA, "a.wav", None)]


@pytest.fixture
def two(store: Store, queries: Queries) -> Iterator[tuple[int, int]]:
    """Two recordings in which Ada speaks, one that still runs, and one without her."""
    first = done(store, "a.wav", S1, S2)
    queries.name_speaker(first, "S1", "Ada", keep=True)
    queries.name_speaker(first, "S2", "Bob", keep=True)
    second = done(store, "b.wav", ("S1", ADA_LATER), names={"S1": Recognized("Ada", 0.7)})
    for job_id in (first, second):
        store.names_written(job_id, "9")
    yield first, second


def test_a_name_is_forgotten_everywhere_and_the_others_stay(
    store: Store, queries: Queries, path: Path, two: tuple[int, int]
) -> None:
    first, second = two
    third = running(store, "c.wav")
    store.tell_speakers(third, said("S1"), [], {"S1": voice(99)}, CAMPPLUS, {"S1": Recognized("Ada", 0.7)})
    assert queries.forget_name("Ada") == (Forgotten(recordings=3, samples=1), True)
    assert known(path) == [("Bob", BOB, "a.wav", first)] and rows(path, "SELECT count(*) FROM voices") == [(0,)]
    kept = rows(path, "SELECT job_id, speaker, name, embedding, recognized FROM speakers ORDER BY 1, 2")
    nobody = (None, None, None)
    expected = [
        (first, "S1", *nobody),
        (first, "S2", "Bob", BOB, None),
        (second, "S1", *nobody),
        (third, "S1", *nobody),
    ]
    assert kept == expected
    assert [name for name in queries.known_names() if name["name"] != "Bob"] == []
    assert store.unpublished() == [first, second, third]
    assert queries.forget_name("Ada")[0] == Forgotten(0, 0)


@pytest.fixture
def no_secure_delete(monkeypatch: pytest.MonkeyPatch) -> None:
    """SQLite as some builds have it: what is deleted stays in the file."""
    connect = database._connect

    def as_others(path: Path, how: str, patience_s: float) -> sqlite3.Connection:
        connection = connect(path, how, patience_s)
        connection.execute("PRAGMA secure_delete=OFF")
        return connection

    monkeypatch.setattr(database, "_connect", as_others)


@pytest.mark.usefixtures("no_secure_delete")
@pytest.mark.parametrize("open_", [False, True], ids=["while nobody has it open", "while the daemon has it open"])
def test_no_byte_of_a_voice_that_was_forgotten_is_left(path: Path, open_: bool) -> None:
    daemon = Store(path)
    with Queries(path) as queries:
        first = done(daemon, "a.wav", S1, S2)
        queries.name_speaker(first, "S1", "Ada", keep=True)
        queries.enroll("Ada", CAMPPLUS, [Sample(ADA_LATER, "ada.wav")])
        assert all(any(found) for found in (left(path, ADA), left(path, ADA_LATER)))
        if not open_:
            daemon.close()
        assert queries.forget_name("Ada")[1]
        assert not any(left(path, ADA) + left(path, ADA_LATER) + left(path, voice(200)))
        assert any(left(path, BOB)), "or this would find nothing at all"
        daemon.close()


def left(path: Path, embedding: bytes) -> list[bool]:
    """Whether any part of a voice is in the files of a database, each of which is named for it."""
    parts = [embedding[at : at + 24] for at in range(0, len(embedding), 24)]
    return [part in file.read_bytes() for file in path.parent.glob(f"{path.name}*") for part in parts]


@pytest.mark.usefixtures("two")
def test_a_reader_who_keeps_the_log_is_told_of(path: Path, store: Store) -> None:
    quick = Queries(path, patience_s=0.1)
    with closing(sqlite3.connect(path, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM jobs").fetchall()
        assert quick.forget_name("Ada") == (Forgotten(recordings=2, samples=1), False)
        assert not store.empty_log() and any(left(path, ADA))
    quick.close()
    assert store.take_requests() == [(EMPTY_LOG, None)], "the daemon does it as soon as it can"
    assert store.empty_log() and not any(left(path, ADA))


def test_the_log_is_left_to_a_daemon_that_runs(path: Path, store: Store, queries: Queries) -> None:
    queries.enroll("Ada", CAMPPLUS, [Sample(ADA, "ada.wav")])
    with database.lock(path):
        assert queries.forget_name("Ada") == (Forgotten(recordings=0, samples=1), False)
    assert store.take_requests() == [(EMPTY_LOG, None)]


def test_names_that_changed_while_files_were_written_are_written_again(store: Store, queries: Queries) -> None:
    job_id = done(store, "a.wav", S1, S2)
    queries.name_speaker(job_id, "S1", "Ada", keep=False)
    read = store.renamed(job_id)
    assert read is not None and store.unpublished() == [job_id] and not store.nothing_left()
    with store._engine.begin() as db:
        db.exec_driver_sql("UPDATE speakers SET renamed_at = '9' WHERE speaker = 'S2'")
    store.names_written(job_id, read)
    assert store.renamed(job_id) == "9" and store.unpublished() == [job_id]
    store.names_written(job_id, "9")
    assert store.renamed(job_id) is None and store.unpublished() == [] and store.nothing_left()


def test_a_database_of_before_keeps_its_names_and_drops_the_moments_of_what_is_done(tmp_path: Path) -> None:
    path = tmp_path / "old.db"
    config = Config()
    config.set_main_option("script_location", str(ROOT / "migrations"))
    engine = database.open_engine(path)
    config.attributes["engine"] = engine
    command.upgrade(config, "0015")
    with engine.begin() as db:
        for job_id, state in ((1, "done"), (2, "queued")):
            db.exec_driver_sql(
                "INSERT INTO jobs (id, root, path, path_bytes, size_bytes, fingerprint, state)"
                f" VALUES ({job_id}, '/r', '{job_id}.wav', x'00', 1, '{job_id}', '{state}')"
            )
            db.exec_driver_sql(f"INSERT INTO voices VALUES ({job_id}, 0, 0, 0.0, 1.5, x'00ff')")
            db.exec_driver_sql(f"INSERT INTO speakers VALUES ({job_id}, 'S1', 'Ada', x'00ff')")
    engine.dispose()
    migrate(path)
    assert rows(path, "SELECT job_id FROM voices") == [(2,)]
    assert (
        rows(path, "SELECT name, embedding, recognized, renamed_at FROM speakers")
        == [("Ada", b"\0\xff", None, None)] * 2
    )
    assert path.with_name("old.db.before-0016").is_file()
