"""What a request in the manner of OpenAI's API asks for."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis.strategies import sampled_from, text

from daemon.config.hints import PROMPT_CHARACTERS
from daemon.config.settings import Model, Settings, Watch
from daemon.watch.names import extension
from daemon.web.openai_request import Wanted, recording_name, wanted
from daemon.web.problems import Problem
from daemon.web.wanted import NAME_BYTES, checked_name

SETTINGS = Settings(model=Model(name="base", others=("small",)), watch=(Watch(model="medium"),))

WATCHED = Settings(watch=(Watch(path=Path("/r")),))


def asked(**fields: str | list[str]) -> Wanted:
    form = {name: [value] if isinstance(value, str) else value for name, value in fields.items()}
    return wanted(form, "transcribe", SETTINGS)


def test_nothing_but_a_recording_is_needed() -> None:
    assert asked() == Wanted(form="json", options={"task": "transcribe"})


@pytest.mark.parametrize("name", ["base", "small", "medium"])
def test_a_model_that_may_be_named_is_taken(name: str) -> None:
    assert asked(model=name).options["model"] == name


@pytest.mark.parametrize("name", ["whisper-1", "gpt-4o-transcribe", "/etc/passwd", ""])
def test_every_other_name_means_the_models_of_the_folder(name: str) -> None:
    assert "model" not in asked(model=name).options


@pytest.mark.parametrize(
    ("said", "code"),
    [("de", "de"), ("DE", "de"), ("de-AT", "de"), ("pt_BR", "pt"), ("deu", "de"), ("German", "de"), ("yue", "yue")],
)
def test_languages_are_named_in_many_ways(said: str, code: str) -> None:
    assert asked(language=said).options["language"] == code


def test_one_of_several_languages_cannot_be_told_beforehand() -> None:
    assert asked(**{"languages[]": ["de"]}).options["language"] == "de"
    assert "language" not in asked(**{"languages[]": ["de", "en"]}).options
    assert "language" not in asked(language="").options


def test_words_are_computed_only_where_they_are_shown() -> None:
    words = {"timestamp_granularities[]": ["word"]}
    verbose = asked(response_format="verbose_json", **words)
    assert verbose.has_words and not verbose.has_segments and verbose.options["word_timestamps"] is True
    assert "word_timestamps" not in asked(response_format="srt", **words).options
    both = asked(response_format="verbose_json", timestamp_granularities=["word", "segment"])
    assert both.has_words and both.has_segments


def test_of_a_long_prompt_the_end_counts() -> None:
    assert asked(prompt="a" * PROMPT_CHARACTERS + "end").options["initial_prompt"].endswith("aend")
    assert len(asked(prompt="a" * PROMPT_CHARACTERS + "end").options["initial_prompt"]) == PROMPT_CHARACTERS
    assert "initial_prompt" not in asked(prompt=" \n").options


def test_keywords_are_hotwords() -> None:
    assert asked(**{"keywords[]": ["Ada  Lovelace", "Noë", "Noë", " "]}).options["hotwords"] == ("Ada Lovelace", "Noë")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("response_format", "diarized_json"), ("timestamp_granularities[]", "char"), ("temperature", "hot"),
        ("temperature", "nan"), ("temperature", "-0.1"), ("language", "xx"), ("stream", "2"), ("keywords", "a\x00b"),
        ("keywords", "a" * (PROMPT_CHARACTERS + 1)),
    ],
)  # fmt: skip
def test_a_wrong_field_is_named(field: str, value: str) -> None:
    with pytest.raises(Problem) as caught:
        asked(**{field: value})
    assert caught.value.param == field.removesuffix("[]") and caught.value.status_code == 400


@pytest.mark.parametrize(
    ("name", "kind", "found"),
    [
        ("talk.mp3", "", "talk.mp3"),
        ("a/b\\talk.MP3", "audio/mpeg", "talk.MP3"),
        ("blob", "audio/webm;codecs=opus", "blob.webm"),
        ("", "audio/wav", "recording.wav"),
        ("audio", "application/octet-stream", "audio"),
        (".hidden.wav", "", "hidden.wav"),
        ("~lock.wav", "", "lock.wav"),
        (".wav", "", "recording.wav"),
        ("~..wav", "", "recording.wav"),
        ("2024.11.28", "audio/mp4", "2024.11.28.m4a"),
        ("letter.pdf", "audio/wav", "letter.pdf"),
        ("wörter.wav", "", "wörter.wav"),
    ],
)
def test_a_recording_is_called_as_closely_as_possible_to_what_the_program_says(
    name: str, kind: str, found: str
) -> None:
    assert recording_name(name, kind) == found


@given(text(max_size=300), sampled_from([".wav", ".mp3", ""]))
def test_every_name_can_be_one_of_a_recording(name: str, suffix: str) -> None:
    found = recording_name(name + suffix, "audio/wav")
    assert len(os.fsencode(found)) <= NAME_BYTES and "/" not in found and found.isprintable()
    assert not suffix or extension(os.fsencode(found)) == suffix
    if suffix:
        assert checked_name(WATCHED, Path("/r"), found) == found
