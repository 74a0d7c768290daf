"""Keys of the configuration that environment variables set."""

from pathlib import Path
from typing import Any

import pytest

from daemon.config import reader
from daemon.config.folder_settings import FolderSettings
from daemon.config.settings import Settings
from daemon.config.variables import overlay, variables
from daemon.errors import BadConfig

SECTIONS = Settings.model_fields


def overlaid(raw: dict[str, Any], **environ: str) -> dict[str, Any]:
    overlay(raw, variables(SECTIONS, environ))
    return raw


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("TRANSCRIBED_MODEL__NAME", "large-v3", {"model": {"name": "large-v3"}}),
        ("TRANSCRIBED_MODEL__BATCH_SIZE", "16", {"model": {"batch_size": 16}}),
        ("TRANSCRIBED_VAD__ENABLED", "false", {"vad": {"enabled": False}}),
        ("TRANSCRIBED_MONITOR__NOTIFY", '["json://x"]', {"monitor": {"notify": ["json://x"]}}),
        ("TRANSCRIBED_MONITOR__PROMETHEUS", "0.0.0.0:9464", {"monitor": {"prometheus": "0.0.0.0:9464"}}),
        ("TRANSCRIBED_MONITOR__RULES__DISK_FREE__FIRE", "5", {"monitor": {"rules": {"disk_free": {"fire": 5}}}}),
        ("TRANSCRIBED_WATCH__PATH", "/in", {"watch": [{"path": "/in"}]}),
        ("TRANSCRIBED_WATCH__1__PATH", "/b", {"watch": [{}, {"path": "/b"}]}),
        ("TRANSCRIBED_WATCH__99999__PATH", "/b", {"watch": [{"99999": {"path": "/b"}}]}),
        ("TRANSCRIBED_WATCH__0", "{}", {"watch": [{"0": {}}]}),
        ("TRANSCRIBED_WATCH", '[{"path": "/in"}]', {"watch": [{"path": "/in"}]}),
        ("TRANSCRIBED_LANGUAGES__DE", '{"beam_size": 8}', {"languages": {"de": {"beam_size": 8}}}),
        ("TRANSCRIBED_CONFIG", "/etc/config.toml", {}),
        ("TRANSCRIBED_FAKE_STARTS", "x", {}),
        ("TRANSCRIBED__NAME", "x", {}),
        ("OTHER_MODEL__NAME", "x", {}),
    ],
)
def test_a_variable_sets_its_key(name: str, value: str, expected: dict[str, Any]) -> None:
    assert overlaid({}, **{name: value}) == expected


def test_variables_win_over_the_file_and_leave_the_rest_of_it() -> None:
    raw = {"model": {"name": "base", "beam_size": 2}, "watch": [{"path": "a", "language": "de"}, {"path": "b"}]}
    assert overlaid(raw, TRANSCRIBED_MODEL__NAME="tiny.en", TRANSCRIBED_WATCH__LANGUAGE="en") == {
        "model": {"name": "tiny.en", "beam_size": 2},
        "watch": [{"path": "a", "language": "en"}, {"path": "b"}],
    }
    assert overlaid({"model": 3, "watch": "x"}, TRANSCRIBED_MODEL__NAME="base", TRANSCRIBED_WATCH__PATH="p") == {
        "model": {"name": "base"},
        "watch": [{"path": "p"}],
    }


def test_the_variable_is_named_in_errors_and_by_explain(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "config.toml"
    file.write_text('[model]\nbeam_size = 99\n[[watch]]\npath = "in"\n')
    monkeypatch.setenv("TRANSCRIBED_WATCH__LANGUAGE", "klingon")
    monkeypatch.setenv("TRANSCRIBED_BOGUS__KEY", "1")
    monkeypatch.setenv("TRANSCRIBED_MONITOR__RULES__DISK_FREE__FIRE", "much")
    with pytest.raises(BadConfig) as caught:
        reader.load(file)
    assert sorted(line.split(": ")[:2] for line in caught.value.message.splitlines()) == [
        [str(file), "model.beam_size"],
        ["TRANSCRIBED_BOGUS__KEY", "bogus"],
        ["TRANSCRIBED_MONITOR__RULES__DISK_FREE__FIRE", "monitor.rules.disk_free.fire"],
        ["TRANSCRIBED_WATCH__LANGUAGE", "watch[0].language"],
    ]
    file.write_text("[model]\nbeam_size = 3")
    monkeypatch.delenv("TRANSCRIBED_BOGUS__KEY")
    monkeypatch.delenv("TRANSCRIBED_MONITOR__RULES__DISK_FREE__FIRE")
    monkeypatch.setenv("TRANSCRIBED_WATCH__LANGUAGE", "en")
    resolved, _ = FolderSettings(reader.load(file), file).resolve(bytes(tmp_path / "inbox" / "a.wav"))
    assert resolved.options.language == "en"
    assert str(resolved.values["language"].source) == "TRANSCRIBED_WATCH__LANGUAGE"
    assert str(resolved.values["beam_size"].source) == "config.toml: model.beam_size"
