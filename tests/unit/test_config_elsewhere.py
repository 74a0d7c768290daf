"""The table `[[engines]]`, and what goes with `model.device = "none"`."""

import os
from pathlib import Path

import pytest

from daemon.config import reader
from daemon.config.settings import Settings
from daemon.errors import BadConfig
from daemon.processes.load_order import load_order, orders_elsewhere, place_of, setup_of
from daemon.processes.protocol import Server

NONE = '[model]\ndevice = "none"\n'
ONE = '[[engines]]\nurl = "http://gpubox:8642/v1"\n'


def load(tmp_path: Path, text: str, *, sends: bool = False) -> Settings:
    file = tmp_path / "config.toml"
    file.write_text(text)
    return reader.load(file, (lambda _url: True) if sends else None)


def test_an_engine_elsewhere_is_told_of_its_address_and_of_files_not_of_keys(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("hunter2\n")
    (tmp_path / "ca.pem").touch()
    settings = load(tmp_path, ONE + 'api_key_file = "key"\nca_file = "ca.pem"\nwindow = 9\n', sends=True)
    (order,) = orders_elsewhere(settings)
    assert order.server == Server(
        "engines[0]", "http://gpubox:8642/v1", str(tmp_path / "key"), str(tmp_path / "ca.pem")
    )
    assert (order.device, order.workers, order.batch_size) == ("gpubox:8642", 9, 1)
    assert "hunter2" not in repr(order)
    assert order.name == "tiny.en", "beside an engine here, it has to have the model of that"


def test_without_an_engine_here_the_server_chooses_the_model_unless_one_is_named(tmp_path: Path) -> None:
    settings = load(tmp_path, f'{NONE}{ONE}[[engines]]\nurl = "https://api.example.org/v1/"\nmodel = "whisper-1"\n')
    assert [(order.name, order.device) for order in orders_elsewhere(settings)] == [
        ("", "gpubox:8642"), ("whisper-1", "api.example.org"),
    ]  # fmt: skip
    assert not settings.has_engine_here and load_order(settings.model).device == "none"
    assert setup_of(settings.model) is None, "there is nothing to tune"


def test_the_path_names_an_engine_only_where_it_is_not_the_usual_one() -> None:
    assert place_of("http://box:1/v1") == "box:1" != place_of("http://box:1/whisper/v1") == "box:1/whisper/v1"


def test_nothing_is_elsewhere_unless_it_is_asked_for(tmp_path: Path) -> None:
    assert orders_elsewhere(load(tmp_path, "")) == ()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('[[engines]]\nurl = "gpubox:8642"', "engines[0].url: must be an address such as"),
        ('[[engines]]\nurl = "ftp://gpubox/v1"', "engines[0].url: must be an address"),
        ('[[engines]]\nurl = "http://gpubox:0/v1"', "engines[0].url: must be an address"),
        ('[[engines]]\nurl = "http://[gpubox/v1"', "engines[0].url: must be an address"),
        ('[[engines]]\nkey = "hunter2"', "engines[0].url: Field required"),
        ('[[engines]]\nurl = ["hunter2"]', "engines[0].url: Input should be a valid string"),
        (f'{ONE}key = "hunter2"', "engines[0].key: unknown key"),
        (f"{ONE}window = 0", "engines[0].window: Input should be greater than or equal to 1"),
        (f"{ONE}window = 65", "engines[0].window: Input should be less than or equal to 64"),
        (ONE + ONE, "engines[1].url: is that of engines[0], too"),
        (f'{ONE}api_key_file = "nowhere"', "engines[0].api_key_file: {folder}/nowhere cannot be read"),
        (f'{ONE}api_key_file = "config.toml"', "engines[0].api_key_file: {folder}/config.toml must hold a key"),
        (f'{ONE}ca_file = "nowhere"', "engines[0].ca_file: {folder}/nowhere cannot be read"),
        (NONE, "model.device: 'none' is for machines whose engines are elsewhere"),
        (f'{NONE}{ONE}[[watch]]\nmodel = "base"', "watch[0].model: nothing here could load it"),
        (f'{NONE}others = ["base"]\n{ONE}', "model.others: nothing here could load it"),
        (f'{NONE}{ONE}[languages.de]\nmodel = "base"', "languages.de.model: nothing here could load it"),
        (f'{ONE}[model]\nengine = "onnx"\nname = "nemo-parakeet-tdt-0.6b-v3"', "engines: cannot share recordings"),
        (
            f'{ONE}model = "large-v3"',
            "engines[0].model: 'large-v3' does not know the languages of model.name 'tiny.en'",
        ),
    ],
)
def test_what_cannot_be_is_told_by_key_and_reason(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(BadConfig) as caught:
        load(tmp_path, text, sends=True)
    assert str(caught.value).startswith(f"{tmp_path}/config.toml: {message.format(folder=tmp_path)}")
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("url", ["http://me:hunter2@box/v1", "http://box/v1?key=hunter2", "http://box/v1#hunter2"])
def test_an_address_that_may_hold_a_key_is_refused_and_not_repeated(tmp_path: Path, url: str) -> None:
    with pytest.raises(BadConfig) as caught:
        load(tmp_path, f'[[engines]]\nurl = "{url}"')
    assert "engines[0].url: must be an address" in str(caught.value) and "hunter2" not in str(caught.value)


def test_who_only_reads_the_configuration_needs_no_right_to_the_key(tmp_path: Path) -> None:
    assert load(tmp_path, f'{ONE}api_key_file = "nowhere"').engines[0].api_key_file == str(tmp_path / "nowhere")


def test_a_folder_may_ask_for_any_language_where_a_server_has_the_model(tmp_path: Path) -> None:
    german = '[[watch]]\nlanguage = "de"\ntask = "translate"\n'
    assert load(tmp_path, german + NONE + ONE).watch[0].language == "de"
    with pytest.raises(BadConfig, match="knows English only"):
        load(tmp_path, german + ONE)


def test_variables_set_engines_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(os.environ, "TRANSCRIBED_ENGINES__URL", "http://box:1/v1")
    monkeypatch.setitem(os.environ, "TRANSCRIBED_ENGINES__1__URL", "http://box:2/v1")
    assert [engine.url for engine in load(tmp_path, "").engines] == ["http://box:1/v1", "http://box:2/v1"]
