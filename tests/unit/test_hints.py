"""What people may say beforehand, and what is refused."""

import os
from pathlib import Path

import pytest

from daemon.config import reader
from daemon.config.hints import PROMPT_CHARACTERS
from daemon.config.settings import Settings, Watch
from daemon.errors import BadConfig
from daemon.processes.load_order import load_order


def load(tmp_path: Path, text: str) -> Settings:
    file = tmp_path / "config.toml"
    file.write_text(text)
    return reader.load(file)


def test_hotwords_may_stand_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "names.txt").write_text("\ufeffComfyUI\n\n  Ada Lovelace \r\nZürich\n", "utf-8")
    settings = load(tmp_path, '[[watch]]\nhotwords = "names.txt"\n[languages.de]\nhotwords = "names.txt"\n')
    assert settings.watch[0].hotwords == ("ComfyUI", "Ada Lovelace", "Zürich")
    assert settings.languages["de"].hotwords == settings.watch[0].hotwords
    assert Watch(hotwords=("a",)).hotwords == ("a",)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"a word\n" * 1_000_000, "more than 2000 characters"),
        (b"x" * PROMPT_CHARACTERS * 4, "more than 2000 characters"),
        (b"\xff\xfe\n", "is not UTF-8"),
        (None, "is no file"),
    ],
)
def test_a_file_that_cannot_be_used_is_named(tmp_path: Path, content: bytes | None, reason: str) -> None:
    file = tmp_path / "names.txt"
    if content is None:
        os.mkfifo(file)
    else:
        file.write_bytes(content)
    with pytest.raises(BadConfig) as caught:
        load(tmp_path, '[[watch]]\nhotwords = "names.txt"\n')
    assert "watch[0].hotwords: " in caught.value.message and reason in caught.value.message


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (f"hotwords = {['word'] * 1000}", "more than 2000 characters"),
        (f"initial_prompt = '{'word ' * 1000}'", "at most 2000 characters"),
        ('replace = { "" = "x" }', "watch[0].replace"),
        ('replace = { ".com" = "x" }', "must begin with a letter or a digit"),
        ('suppress_words = ["?!"]', "must begin with a letter or a digit"),
        ("hotwords = 7", "watch[0].hotwords"),
    ],
)
def test_what_cannot_be_told_is_refused_in_few_words(tmp_path: Path, text: str, reason: str) -> None:
    with pytest.raises(BadConfig) as caught:
        load(tmp_path, f"[[watch]]\n{text}\n")
    assert reason in caught.value.message and len(caught.value.message) < 1000


@pytest.mark.parametrize("table", ["languages.klingon", "languages.auto"])
def test_a_language_that_nobody_knows_is_named(tmp_path: Path, table: str) -> None:
    with pytest.raises(BadConfig, match="must be the code of a language"):
        load(tmp_path, f"[{table}]\nbeam_size = 2\n")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('[languages.de]\nmodel = "base"', "hears nothing but English"),
        ('[languages.de]\nmodel = "base"\n[model]\nengine = "fake"', "only model.engine 'whisper' has several models"),
        ('[languages.de]\nmodel = ""', "languages.de.model"),
    ],
)
def test_a_model_of_a_language_needs_one_that_tells_languages_apart(tmp_path: Path, text: str, reason: str) -> None:
    with pytest.raises(BadConfig, match="model") as caught:
        load(tmp_path, text)
    assert reason in caught.value.message


def test_the_models_of_languages_are_loaded_beside_the_main_one(tmp_path: Path) -> None:
    settings = load(
        tmp_path, '[model]\nname = "base"\n[languages.en]\nmodel = "tiny.en"\n[languages.de]\nbeam_size = 2'
    )
    order = load_order(settings.model, None, settings.languages)
    assert (order.languages, order.models) == ((("en", "tiny.en"),), "base, en: tiny.en")
    assert load_order(settings.model).models == "base"


def test_a_home_of_nobody_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(BadConfig, match="hotwords: ~nosuchuser/names"):
        load(tmp_path, '[[watch]]\nhotwords = "~nosuchuser/names.txt"\n')


def test_words_are_words_on_one_line(tmp_path: Path) -> None:
    for bad in ('hotwords = [""]', 'hotwords = ["a\\nb"]', 'suppress_words = ["½"]'):
        with pytest.raises(BadConfig):
            load(tmp_path, f"[[watch]]\n{bad}\n")
    assert load(tmp_path, '[[watch]]\nsuppress_words = ["um "]\n').watch[0].suppress_words == ("um",)


def test_a_long_file_is_called_long_wherever_a_character_is_cut(tmp_path: Path) -> None:
    (tmp_path / "names.txt").write_text("x" + "é" * 200_000, "utf-8")
    with pytest.raises(BadConfig, match="more than 2000 characters"):
        load(tmp_path, '[[watch]]\nhotwords = "names.txt"\n')
