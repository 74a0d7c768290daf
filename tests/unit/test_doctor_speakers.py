"""What the doctor says of telling voices apart."""

from pathlib import Path
from typing import Any

import pytest

from daemon.config.settings import Database, Settings, SpeakerModel, Watch
from daemon.config.speaker_models import CAMPPLUS, FOR_8_BITS, campplus, in_8_bits
from daemon.doctor import speakers
from daemon.doctor.case import Case
from daemon.doctor.findings import OK, WARNING, Finding
from daemon.store.known_voices import Sample
from daemon.store.queries import Queries
from tests.support import new_database


def found(*wanted: str, database: Path = Path("/none/jobs.db"), **speaker_model: Any) -> list[Finding]:
    watches = tuple(Watch(path=Path(f"/{nth}"), speakers=each) for nth, each in enumerate(wanted))
    settings = Settings(
        watch=watches, speakers=SpeakerModel(**speaker_model), database=Database(url=f"sqlite:///{database}")
    )
    return list(speakers.examine(Case(None, settings, "", "pat", None)))


def test_where_nobody_asks_there_is_nothing_to_say() -> None:
    assert found("off", "off") == []


def test_what_is_missing_is_told_with_its_cure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(speakers, "LIBRARIES", ("sqlite3", "no_such_library"))
    library, model = found("off", "2-6")
    assert library.level == model.level == WARNING
    assert library.text.startswith("no_such_library cannot be found: transcripts of /1 are made without")
    assert "transcribed[speakers]" in library.cure and "transcribed speakers install" in model.cure
    monkeypatch.setattr(speakers, "LIBRARIES", ("sqlite3",))
    campplus().parent.mkdir(parents=True)
    campplus().touch()
    monkeypatch.setattr(speakers, "has", {FOR_8_BITS}.__contains__)
    (slow,) = found("auto")
    assert slow.level == WARNING and "half the time" in slow.text and "transcribed speakers install" in slow.cure
    in_8_bits(campplus()).touch()
    assert [each.level for each in found("auto")] == [OK]
    in_8_bits(campplus()).unlink()
    monkeypatch.setattr(speakers, "has", set().__contains__)
    assert [each.level for each in found("auto")] == [OK]


def test_another_model_is_looked_for_where_it_is_said_to_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(speakers, "LIBRARIES", ())
    file = tmp_path / "mine.onnx"
    (missing,) = found("auto", model=str(file))
    assert missing.level == WARNING and str(file) in missing.text and "correct speakers.model" in missing.cure
    file.touch()
    assert [each.level for each in found("auto", model=str(file))] == [OK]


def test_voices_that_were_kept_before_it_was_switched_off_are_named(tmp_path: Path) -> None:
    database = tmp_path / "jobs.db"
    new_database(database)
    assert found("off", database=database) == []
    with Queries(database) as queries:
        for name in ("Bob", "Ada Lovelace"):
            queries.enroll(name, CAMPPLUS, [Sample(b"\0" * 384, "sample.wav")])
    (kept,) = found("off", database=database)
    assert kept.level == WARNING and kept.text.endswith("Ada Lovelace, Bob")
    assert "transcribed speakers forget 'Ada Lovelace'" in kept.cure
    assert found("off", database=database, voices="keep") == []


def test_a_database_that_cannot_be_read_is_left_to_its_own_check(tmp_path: Path) -> None:
    database = tmp_path / "jobs.db"
    database.write_bytes(b"no database at all" * 1000)
    assert found("off", database=database) == []
