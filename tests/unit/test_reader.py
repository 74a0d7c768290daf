"""The configuration file: found, read, and all that is wrong with it said at once."""

from pathlib import Path

import pytest

from daemon.config import reader
from daemon.config.settings import Database, Jobs, Model, Monitor, Settings, Subtitles, Vad, Watch, Watching
from daemon.errors import BadConfig


def load(tmp_path: Path, text: str) -> Settings:
    file = tmp_path / "config.toml"
    file.write_text(text)
    return reader.load(file)


def test_the_shipped_file_states_every_key_with_its_default(tmp_path: Path) -> None:
    shipped = load(tmp_path, reader.default_text())
    assert shipped == load(tmp_path, '[[watch]]\npath = "inbox"')
    text = reader.default_text()
    for table in (
        Watch,
        Watching,
        Database,
        Model,
        Vad,
        Subtitles,
        Jobs,
        Monitor,
    ):
        for key in table.model_fields.keys() - {"rules"}:
            assert f"\n{key} = " in text, f"{table.__name__}.{key} is not in the shipped config.toml"


def test_an_empty_file_is_all_defaults(tmp_path: Path) -> None:
    settings = load(tmp_path, "")
    assert settings.watch[0].path == tmp_path / "inbox"
    assert settings.database_path == tmp_path / "var/jobs.db"


def test_all_errors_are_reported_at_once_with_file_and_key(tmp_path: Path) -> None:
    with pytest.raises(BadConfig) as caught:
        load(
            tmp_path,
            """
            [[watch]]
            formats = ["txt", "doc"]
            language = "klingon"
            colour = "red"
            [watching]
            settle_seconds = "2"
            max_hours = 0
            [model]
            device = "gpu"
            batch_size = 0
            [database]
            url = "postgresql://here"
            [bogus]
            """,
        )
    lines = caught.value.message.splitlines()
    assert all(line.startswith(str(tmp_path / "config.toml")) for line in lines)
    for key in (
        "watch[0].formats[1]: must be one of txt, srt, ",
        "watch[0].language: unknown language 'klingon'",
        "watch[0].colour: unknown key",
        "watching.settle_seconds: Input should be a valid number",
        "watching.max_hours: Input should be greater than 0",
        "model.device: ",
        "model.batch_size: ",
        "database.url: only an SQLite file works",
        "bogus: unknown key",
    ):
        assert any(key in line for line in lines), key


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadConfig, match=r"no\.toml: cannot be read"):
        reader.load(tmp_path / "no.toml")


def test_relative_paths_are_relative_to_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "config.toml").write_text('[[watch]]\npath = "../in"\n')
    monkeypatch.chdir(tmp_path)
    settings = reader.load(Path("sub/config.toml"))
    assert settings.watch[0].path == tmp_path / "in"
    assert settings.database_path == tmp_path / "sub/var/jobs.db"


def test_the_file_is_looked_up_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(reader, "PLACES", (Path("config.toml"),))
    monkeypatch.delenv("TRANSCRIBED_CONFIG", raising=False)
    with pytest.raises(BadConfig, match="no configuration found"):
        reader.find(None)
    (tmp_path / "config.toml").touch()
    assert reader.find(None) == Path("config.toml")
    monkeypatch.setenv("TRANSCRIBED_CONFIG", "/else/where.toml")
    assert reader.find(None) == Path("/else/where.toml")
    assert reader.find(Path("given.toml")) == Path("given.toml")
