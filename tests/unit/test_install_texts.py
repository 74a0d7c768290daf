"""The unit and the configuration that an installation writes."""

import configparser
import tomllib
from pathlib import Path

import pytest

from daemon.config import reader
from daemon.config.settings import Settings
from daemon.install import texts
from tests.support import ROOT

FOLDERS = (Path("/srv/recordings"), Path("/data/the calls"), Path('/data/100%"\\x'))


def settings_of(text: str, folder: Path) -> Settings:
    (folder / "config.toml").write_text(text)
    return reader.load(folder / "config.toml")


def test_the_configuration_has_these_places_and_else_the_defaults(tmp_path: Path) -> None:
    text = texts.configuration(FOLDERS, Path("/var/lib/x/jobs.db"), Path("/var/log/x/metrics.log"))
    settings = settings_of(text, tmp_path)
    assert tuple(watch.path for watch in settings.watch) == FOLDERS
    assert settings.database_path == Path("/var/lib/x/jobs.db")
    assert settings.monitor.log_file == Path("/var/log/x/metrics.log")
    default = settings_of(reader.default_text(), tmp_path)
    assert settings.model_dump(exclude={"watch", "database", "monitor"}) == default.model_dump(
        exclude={"watch", "database", "monitor"}
    )
    assert text.count("#") == reader.default_text().count("#"), "every key is still explained"


def test_the_unit_has_this_program_group_and_folders() -> None:
    text = texts.system_unit(Path("/opt/other/bin/transcribed"), "team", FOLDERS)
    lines = text.splitlines()
    assert "ExecStart=/opt/other/bin/transcribed run --config /etc/transcribed/config.toml" in lines
    assert "ExecReload=/opt/other/bin/transcribed reload --config /etc/transcribed/config.toml" in lines
    assert "Group=team" in lines and texts.group_of(text) == "team"
    assert [line for line in lines if line.startswith("ReadWritePaths=")] == [
        "ReadWritePaths=-/srv/recordings",
        'ReadWritePaths="-/data/the calls"',
        'ReadWritePaths="-/data/100%%\\"\\\\x"',
    ]


def test_as_shipped_it_is_what_is_installed_by_default() -> None:
    shipped = (ROOT / "systemd" / "transcribed.service").read_text()
    assert texts.system_unit(Path("/opt/transcribed/bin/transcribed"), "recordings", FOLDERS[:1]) == shipped


def test_the_unit_of_a_user_keeps_to_what_needs_no_root() -> None:
    unit = configparser.RawConfigParser(strict=False)
    unit.optionxform = str  # type: ignore[assignment, method-assign]
    unit.read_string(texts.user_unit(Path("/home/a/venv/bin/transcribed"), Path("/home/a/my config/config.toml")))
    service = dict(unit["Service"])
    assert service["ExecStart"] == '/home/a/venv/bin/transcribed run --config "/home/a/my config/config.toml"'
    namespaces = {"PrivateTmp", "PrivateUsers", "PrivateMounts", "ProtectSystem", "ProtectHome", "ProtectProc"}
    assert not namespaces & set(service) and "User" not in service
    assert unit["Install"]["WantedBy"] == "default.target"


def test_a_template_that_has_changed_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(texts, "default_text", lambda: "[[watch]]\n")
    with pytest.raises(ValueError, match="lacks"):
        texts.configuration(FOLDERS, Path("/a"), Path("/b"))


def test_the_shipped_texts_are_toml_and_what_systemd_sysusers_reads() -> None:
    assert tomllib.loads(texts.configuration(FOLDERS, Path("/a"), Path("/b")))["watch"][1] == {"path": str(FOLDERS[1])}
    assert texts.accounts("daemon", "team", Path("/var/lib/d")).splitlines() == [
        "g team -",
        'u daemon - "Transcription daemon" /var/lib/d',
        "m daemon team",
    ]
