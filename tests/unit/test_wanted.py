"""Which recordings are taken from the page, and how their wishes are written down."""

import os
import tomllib
from pathlib import Path
from typing import Any

import pytest

from daemon.config.folder_settings import FolderSettings
from daemon.config.settings import Model, Settings, Watch, Watching
from daemon.errors import TranscribedError
from daemon.web.wanted import Wanted, checked_name, checked_options, settings_file, settings_name


def settings_in(folder: Path, model: str = "base", **watch: Any) -> Settings:
    return Settings(watch=(Watch(path=folder, **watch),), model=Model(name=model))


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ("talk.mp3", "talk.mp3"), ("Mein Gespräch – 2.M4A", "Mein Gespräch – 2.M4A"), ("会议.wav", "会议.wav"),
        ("2026/May/talk.mp3", "talk.mp3"), ("../../etc/talk.mp3", "talk.mp3"), ("/talk.mp3", "talk.mp3"),
        ("a\\b.mp3", "a\\b.mp3"), ("a" * 196 + ".mp3", "a" * 196 + ".mp3"), ("👩‍🎤.wav", "👩‍🎤.wav"),
    ],
)  # fmt: skip
def test_a_recording_keeps_the_last_part_of_its_name(tmp_path: Path, given: str, name: str) -> None:
    assert checked_name(settings_in(tmp_path), tmp_path, given) == name


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("", "cannot be the name"), ("inbox/", "cannot be the name"), (".talk.mp3", "no dot"), ("..", "cannot be"),
        ("a\0b.mp3", "cannot be seen"), ("a\nb.mp3", "cannot be seen"), ("a\x7fb.mp3", "cannot be seen"),
        ("a\x85b.mp3", "cannot be seen"), ("a\u2028b.mp3", "cannot be seen"), ("a\ud800.mp3", "cannot be seen"),
        ("3pm.\u202eexe.mp3", "cannot be seen"), ("a" * 197 + ".mp3", "longer than 200"), ("会" * 66 + ".mp3", "longer"),
        ("talk.exe", "no recording: not named like a recording (.exe)"), ("talk", "no extension"),
        ("talk.txt", "named like a transcript"), ("talk.mp3.toml", "left alone: it would hold options"),
        ("~talk.mp3", "ignore pattern '~*'"), ("._talk.mp3", "no dot"), ("@eaDir", "bookkeeping"),
        (".transcribed.toml", "no dot"), ("talk.mp3.part", "ignore pattern '*.part'"),
    ],
)  # fmt: skip
def test_a_name_that_would_not_be_taken_is_refused_with_its_reason(tmp_path: Path, name: str, why: str) -> None:
    with pytest.raises(TranscribedError) as caught:
        checked_name(settings_in(tmp_path), tmp_path, name)
    assert why in str(caught.value)


def test_the_extensions_are_those_of_the_configuration(tmp_path: Path) -> None:
    settings = Settings(watch=(Watch(path=tmp_path),), watching=Watching(extensions=(".xyz", "-.mp3"), sniff=True))
    assert checked_name(settings, tmp_path, "a.xyz") == "a.xyz"
    assert checked_name(settings, tmp_path, "without an extension") == "without an extension"
    with pytest.raises(TranscribedError, match=r"\.mp3"):
        checked_name(settings, tmp_path, "a.mp3")


def test_a_folder_that_is_not_watched_takes_nothing(tmp_path: Path) -> None:
    with pytest.raises(TranscribedError, match="below no watched folder"):
        checked_name(settings_in(tmp_path / "inbox"), tmp_path, "a.mp3")


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"language": "klingon"}, "language: unknown language 'klingon'"), ({"task": "sing"}, "task: "),
        ({"output": "/etc"}, "output: unknown key"), ({"on_done": ["rm"]}, "on_done: is for config.toml alone"),
        ({"initial_prompt": 3}, "initial_prompt: "), ({"hotwords": "/etc/passwd"}, "hotwords: must be a list here"),
    ],
)  # fmt: skip
def test_options_that_cannot_be_are_refused_with_their_reason(
    tmp_path: Path, options: dict[str, Any], why: str
) -> None:
    with pytest.raises(TranscribedError) as caught:
        checked_options(settings_in(tmp_path), tmp_path, "a.mp3", options)
    assert why in str(caught.value)


def test_an_english_model_is_not_asked_for_more(tmp_path: Path) -> None:
    settings = settings_in(tmp_path, "tiny.en")
    for more in ({"language": "de"}, {"task": "translate"}, {"task": "both"}):
        with pytest.raises(TranscribedError, match=r"tiny\.en knows English only"):
            checked_options(settings, tmp_path, "a.mp3", more)
    assert checked_options(settings, tmp_path, "a.mp3", {"language": "en", "task": ""}) == {"language": "en"}


def test_what_is_as_in_the_folder_needs_no_file(tmp_path: Path) -> None:
    settings = settings_in(tmp_path, language="de", language_in_names=True)
    assert settings_file(settings, tmp_path / "a.mp3", {}) is None
    assert settings_file(settings, tmp_path / "a.mp3", {"language": "de", "task": "transcribe"}) is None
    assert settings_file(settings, tmp_path / "a.fr.mp3", {"language": "fr"}) is None
    assert settings_file(settings, tmp_path / "a.fr.mp3", {"language": "de"}) == b'language = "de"\n'


def test_what_differs_is_written_so_that_the_daemon_reads_the_same(tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    options: dict[str, Any] = {
        "language": "de", "task": "both", "word_timestamps": True, "beam_size": 3, "vad_threshold": 0.25,
        "initial_prompt": 'Dr. "Noë"\\\n\t\x7f\x01 会 👩‍🎤', "hotwords": ["Ada", "ComfyUI"],
    }  # fmt: skip
    content = settings_file(settings, tmp_path / "a.mp3", checked_options(settings, tmp_path, "a.mp3", options))
    assert content is not None and tomllib.loads(content.decode()) == options
    (tmp_path / "a.mp3.toml").write_bytes(content)
    resolved, errors = FolderSettings(settings).resolve(os.fsencode(tmp_path / "a.mp3"))
    assert not errors
    found = {key: resolved.values[key].value for key in options}
    assert found == {**options, "hotwords": ("Ada", "ComfyUI")}
    assert settings_file(settings, tmp_path / "a.mp3", options) is None, "it is there already"


def test_the_file_with_options_is_named_for_the_recording() -> None:
    assert settings_name(b"talk.mp3") == b"talk.mp3.toml"


def test_a_wish_is_read_as_it_was_written() -> None:
    wanted = Wanted("会.mp3", 7, "ada", {"language": "de"}, "filename YS5tcDM=")
    assert Wanted.from_json(wanted.to_json()) == wanted
    assert Wanted.from_json(Wanted("a.mp3", None, "").to_json()).size is None


@pytest.mark.parametrize(
    "content",
    [
        b"", b"{", b"[]", b"7", b'{"name": "a.mp3"}', b"\xff",
        b'{"name": 1, "size": 1, "person": "", "options": {}, "told": ""}',
        b'{"name": "a", "size": -1, "person": "", "options": {}, "told": ""}',
        b'{"name": "a", "size": true, "person": "", "options": {}, "told": ""}',
        b'{"name": "a", "size": 1, "person": "", "options": [], "told": ""}',
    ],
)  # fmt: skip
def test_a_damaged_wish_is_none(content: bytes) -> None:
    with pytest.raises(ValueError):
        Wanted.from_json(content)


def test_a_model_for_onnx_is_not_asked_for_what_it_lacks(tmp_path: Path) -> None:
    model = Model(name="nemo-parakeet-tdt-0.6b-v3", engine="onnx")
    settings = Settings(watch=(Watch(path=tmp_path),), model=model)
    for more, why in (({"language": "ja"}, "knows no 'ja'"), ({"task": "translate"}, "cannot translate")):
        with pytest.raises(TranscribedError, match=f"the model 'nemo-parakeet-tdt-0.6b-v3' {why}"):
            checked_options(settings, tmp_path, "a.mp3", more)
    assert checked_options(settings, tmp_path, "a.mp3", {"language": "de"}) == {"language": "de"}
