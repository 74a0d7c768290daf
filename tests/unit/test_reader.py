"""The configuration file: found, read, and all that is wrong with it said at once."""

from pathlib import Path

import pytest

from daemon.config import reader
from daemon.config.settings import Database, Hooks, Jobs, Model, Monitor, Settings, Subtitles, Vad, Watch, Watching
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
        Hooks,
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


def test_a_byte_order_mark_before_the_file_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_bytes(b"\xef\xbb\xbf[[watch]]\r\npath = 'in'\r\n")
    assert reader.load(tmp_path / "config.toml").watch[0].path == tmp_path / "in"


def test_a_tilde_is_the_home_folder_in_every_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    (tmp_path / "home" / "mine").mkdir(parents=True)
    settings = load(
        tmp_path,
        """
        [[watch]]
        path = "~/in"
        [database]
        url = "sqlite:///~/jobs.db"
        [model]
        name = "~/mine"
        [monitor]
        log_file = "~/metrics.log"
        """,
    )
    home = tmp_path / "home"
    assert (settings.watch[0].path, settings.database_path) == (home / "in", home / "jobs.db")
    assert (settings.model.name, settings.monitor.log_file) == (str(home / "mine"), home / "metrics.log")


def test_the_home_of_nobody_is_named_with_all_other_errors(tmp_path: Path) -> None:
    with pytest.raises(BadConfig) as caught:
        load(
            tmp_path,
            """
            [[watch]]
            path = "~nobody-here/in"
            hotwords = "~nobody-here/words"
            [database]
            url = "sqlite:///~nobody-here/jobs.db"
            [model]
            name = "~nobody-here/model"
            [monitor]
            log_file = "~nobody-here/log"
            """,
        )
    lines = caught.value.message.splitlines()
    for key in ("watch[0].path", "watch[0].hotwords", "database.url", "model.name", "monitor.log_file"):
        assert any(f"{key}: " in line and "there is no such user" in line for line in lines), (key, lines)


def test_a_folder_of_a_model_is_relative_to_the_file_and_a_name_is_no_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir("/")
    for folder in ("base", "models/mine"):
        (tmp_path / folder).mkdir(parents=True)
    for name, found in {
        "base": "base",
        "./base": f"{tmp_path}/base",
        "models/mine": f"{tmp_path}/models/mine",
        "owner/model": "owner/model",
    }.items():
        settings = load(tmp_path, f'[model]\nname = "{name}"\n[languages.de]\nmodel = "{name}"')
        assert settings.model.name == found and settings.languages["de"].model == found
    settings = load(tmp_path, "[languages.de]\nbeam_size = 5")
    assert settings.languages["de"].model_fields_set == {"beam_size"} and not settings.model.model_fields_set


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
