"""What the tables of the configuration take, and what they refuse by name."""

from pathlib import Path

import pytest

from daemon.config import reader
from daemon.config.settings import Settings
from daemon.errors import BadConfig


def load(tmp_path: Path, text: str) -> Settings:
    file = tmp_path / "config.toml"
    file.write_text(text)
    return reader.load(file)


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ('[jobs]\nhours = "22-7"', "jobs.hours"),
        ('[jobs]\nhours = "07:00-07:00"', "jobs.hours"),
        ('[monitor]\nprometheus = "9464"', "monitor.prometheus"),
        ('[monitor]\nprometheus = "localhost:99999"', "monitor.prometheus"),
        ("[monitor]\ngpu_temperature_pause_c = 80\ngpu_temperature_resume_c = 80", "gpu_temperature_resume_c"),
        ("[monitor.rules.gpu_temp]\nfire = 3", "monitor.rules.gpu_temp"),
        ("[monitor.rules.memory]\nfires = 3", "monitor.rules.memory.fires"),
    ],
)
def test_what_the_monitor_cannot_use_is_named(tmp_path: Path, text: str, key: str) -> None:
    with pytest.raises(BadConfig) as caught:
        load(tmp_path, text)
    assert key in caught.value.message


def test_a_secret_in_a_key_is_not_repeated(tmp_path: Path) -> None:
    for value in ('["hunter2"]', '"json://hunter2"', '["json://hunter2", "json://hunter2"]', "[7]"):
        with pytest.raises(BadConfig) as caught:
            load(tmp_path, f"[monitor]\nnotify = {value}")
        assert "monitor.notify" in caught.value.message and "hunter2" not in caught.value.message


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[[watch]\n", "is not TOML"),
        ('[model]\nname = "tiny.en"\n[[watch]]\nlanguage = "de"\n', "knows English only"),
        ('[[watch]]\npath = "a"\n[[watch]]\npath = "./a"\n', "is listed twice"),
        ("watch = []\n", "watch: "),
        ('[[watch]]\nformats = ["txt", "txt"]\n', "lists an entry twice"),
        ("[[watch]]\nformats = []\n", "formats"),
        ('[[watch]]\non_done = "mail-it"\n', "watch[0].on_done: "),
        ('[[watch]]\non_done = ["./mail-it"]\n', "must begin with an absolute path, or with the name of a program"),
        ('[[watch]]\non_failed = ["mail-it", ""]\n', "has an argument that is empty"),
        ('[[watch]]\nafter_success = "burn"\n', "watch[0].after_success: "),
        ('[[watch]]\ndone_folder = "../done"\n', "must be a folder below the watched one"),
        ('[[watch]]\ndone_folder = "/done"\n', "must be a folder below the watched one"),
        ('[[watch]]\ndone_folder = "."\n', "must be a folder below the watched one"),
        ('[hooks]\nnotify_on = ["started"]\n', "hooks.notify_on[0]: "),
        ('[hooks]\nwebhook_url = "ftp://example.org"\n', "hooks.webhook_url: must be an address such as"),
        ('[hooks]\nwebhook_url = "https://u:p@example.org"\n', "hooks.webhook_url: must be an address such as"),
        ('[hooks]\nwebhook_url = "https://example.org/\\r\\nX: y"\n', "hooks.webhook_url: must be an address such as"),
        ('[watching]\nextensions = ["xyz"]\n', "must be an extension to take, such as '.xyz'"),
        ('[watching]\nextensions = [".tar.gz"]\n', "must be an extension to take"),
        ('[watching]\nextensions = [".001"]\n', "must be an extension to take"),
        ('[watching]\nextensions = [".TXT"]\n', "files named like transcripts are never recordings"),
        ('[watching]\nextensions = ["-.xyz"]\n', "is not taken anyway"),
        ('[watching]\nextensions = [".xyz", ".XYZ"]\n', "lists an entry twice"),
    ],
)
def test_impossible_values_are_named(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(BadConfig, match=r"config\.toml") as caught:
        load(tmp_path, text)
    assert message in caught.value.message


def test_a_webhook_that_cannot_be_used_is_not_repeated(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text('[hooks]\nwebhook_url = "example.org/hunter2"')
    with pytest.raises(BadConfig) as caught:
        reader.load(tmp_path / "config.toml")
    assert "hooks.webhook_url" in str(caught.value) and "hunter2" not in str(caught.value)


def test_a_program_may_be_named_by_the_home_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    (tmp_path / "config.toml").write_text('[[watch]]\non_done = ["~/bin/mail-it", "~"]')
    assert reader.load(tmp_path / "config.toml").watch[0].on_done == ("/home/me/bin/mail-it", "~")


@pytest.mark.parametrize("value", ['"on"', "true", '"Keep"', '""'])
def test_voices_are_kept_only_where_exactly_that_is_said(tmp_path: Path, value: str) -> None:
    with pytest.raises(BadConfig) as caught:
        load(tmp_path, f"[speakers]\nvoices = {value}")
    assert "speakers.voices" in caught.value.message and "'keep'" in caught.value.message
    assert not load(tmp_path, "").speakers.keeps and load(tmp_path, '[speakers]\nvoices = "keep"').speakers.keeps


@pytest.mark.parametrize("name", ["campplus", "/srv/mine.onnx", "Wespeaker/voxceleb-resnet34-LM"])
def test_a_speaker_model_is_the_usual_one_a_file_or_of_the_hub(tmp_path: Path, name: str) -> None:
    assert load(tmp_path, f'[speakers]\nmodel = "{name}"').speakers.model == name


def test_the_file_of_a_speaker_model_is_looked_for_beside_the_configuration(tmp_path: Path) -> None:
    assert load(tmp_path, '[speakers]\nmodel = "voices/mine.onnx"').speakers.model == str(tmp_path / "voices/mine.onnx")


@pytest.mark.parametrize("name", ["", "resnet34", "a/b/c", "mine.pt", "../mine"])
def test_nothing_else_is_a_speaker_model(tmp_path: Path, name: str) -> None:
    with pytest.raises(BadConfig) as caught:
        load(tmp_path, f'[speakers]\nmodel = "{name}"')
    assert "speakers.model" in caught.value.message and "OWNER/NAME" in caught.value.message
