"""The table `[cluster]`, and what the link and its engines are told of it."""

from pathlib import Path

import pytest

from daemon.config import reader
from daemon.config.settings import Settings
from daemon.errors import BadConfig
from daemon.processes.cluster_protocol import JoinCluster
from daemon.processes.load_order import join_order, order_on_cluster

NONE = '[model]\ndevice = "none"\n'


def load(tmp_path: Path, text: str, *, sends: bool = False) -> Settings:
    file = tmp_path / "config.toml"
    file.write_text(text)
    return reader.load(file, (lambda _url: True) if sends else None)


def test_the_link_is_told_of_the_cluster_and_how_much_of_it_is_wanted(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("0" * 64)
    text = '[cluster]\naddress = "nas:6379"\ntoken_file = "token"\n[monitor]\ninterval_seconds = 5\n'
    order = join_order(load(tmp_path, NONE + text, sends=True))
    assert order == JoinCluster("nas:6379", str(tmp_path / "token"), None, None, 5.0, 10.0)
    counted = join_order(load(tmp_path, '[cluster]\naddress = "auto"\nengines = { gpu = 4 }\n'))
    assert (counted.gpu, counted.cpu, counted.token_file) == (4, 0, "")


def test_its_engines_are_told_the_model_and_nothing_that_was_measured_here(tmp_path: Path) -> None:
    order = order_on_cluster(
        load(tmp_path, '[model]\nname = "base"\nbatch_size = 8\ndevice = "none"\n[cluster]\naddress = "auto"')
    )
    assert (order.name, order.batch_size, order.workers) == ("base", 8, None)


@pytest.mark.parametrize("address", ["local", "auto", "nas:6379", "ray://nas.example.org:10001", "[fd00::1]:6379"])
def test_an_address_is_a_head_a_clients_server_or_a_word(tmp_path: Path, address: str) -> None:
    assert load(tmp_path, f'[cluster]\naddress = "{address}"').cluster.address == address


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('address = "nas"', "cluster.address: must be 'auto', 'local', a head such as 'nas:6379'"),
        ('address = "http://nas:6379"', "cluster.address: must be 'auto'"),
        ("engines = { gpu = 0 }", "must ask for at least one engine"),
        ("engines = { tpu = 1 }", "tpu"),
        ('engines = "none"', "cluster.engines"),
        ('fallback = "cloud"', "cluster.fallback"),
        ('token_file = "nowhere"', "cluster.token_file: {folder}/nowhere cannot be read"),
        ('tokens = "x"', "cluster.tokens: unknown key"),
    ],
)
def test_what_cannot_be_is_refused_with_the_key(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(BadConfig) as refused:
        load(tmp_path, f"[cluster]\n{text}", sends=True)
    assert message.format(folder=tmp_path) in str(refused.value)


def test_a_cluster_loads_the_models_of_languages_and_none_of_folders(tmp_path: Path) -> None:
    there = '[model]\nname = "base"\ndevice = "none"\n[cluster]\naddress = "auto"\n'
    assert load(tmp_path, f'{there}[languages.de]\nmodel = "small"').languages["de"].model == "small"
    with pytest.raises(BadConfig, match="nothing here could load it"):
        load(tmp_path, f'{there}[[watch]]\npath = "inbox"\nmodel = "small"')
    with pytest.raises(BadConfig, match="asks for language 'de'"):
        load(tmp_path, '[model]\ndevice = "none"\n[cluster]\naddress = "auto"\n[[watch]]\nlanguage = "de"')
