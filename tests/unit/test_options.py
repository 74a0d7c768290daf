"""The options of a recording: which value applies, and where it comes from."""

from dataclasses import fields
from pathlib import Path

import pytest

from daemon.chunk import Options
from daemon.config import options, reader
from daemon.config.options import KEYS, Place, Source, Value, locate, preset_values, resolve
from daemon.config.settings import Model, Settings, Watch
from daemon.processes.load_order import load_order
from daemon.store.records import options_from_json, options_to_json

FILE = Path("/etc/transcribed/config.toml")


def load(tmp_path: Path, text: str) -> Settings:
    file = tmp_path / "config.toml"
    file.write_text(text)
    return reader.load(file)


def source(settings: Settings, path: Path, option: str) -> Source:
    return resolve(settings, str(path).encode(), FILE).values[option].source


def test_every_field_of_the_options_has_a_key_of_the_configuration() -> None:
    assert {field.name for field in fields(Options)} == options.RECORDING.keys() | {"languages"}
    for table, key in KEYS.values():
        kind = Watch if table == "watch" else type(getattr(Settings(), table))
        assert key in kind.model_fields


def test_the_defaults_of_the_configuration_are_those_of_the_options(tmp_path: Path) -> None:
    resolved = resolve(load(tmp_path, ""), bytes(tmp_path / "inbox" / "a.wav"))
    assert (resolved.options, resolved.priority) == (Options(), 0)
    assert {value.source.layer for value in resolved.values.values()} == {"default"}
    assert resolved.values["vad"].source == Source("default", "vad.enabled")


def test_what_the_file_says_is_told_from_what_it_leaves_out(tmp_path: Path) -> None:
    settings = load(
        tmp_path,
        """
        [[watch]]
        path = "a"
        [[watch]]
        path = "b"
        language = "de"
        task = "translate"
        formats = ["txt"]
        naming = "name"
        output = "/srv/transcripts"
        front_matter = true
        priority = 4
        condition_on_previous_text = true
        channels = 2
        audio_tracks = "eng"
        speakers = "2-6"
        initial_prompt = "Dr. Who said:"
        hotwords = ["ComfyUI"]
        suppress_words = ["um"]
        replace = { "jason" = "JSON" }
        [model]
        name = "base"
        context = "full"
        beam_size = 2
        search = "beam"
        word_timestamps = true
        [vad]
        enabled = false
        threshold = 0.4
        min_silence_ms = 100
        [jobs]
        window_seconds = 60
        [watching]
        max_hours = 2
        [subtitles]
        max_lines = 1
        line_columns = 37
        wide_columns = 13
        chars_per_second = 15
        chars_per_second_max = 18
        cue_min_seconds = 1
        cue_max_seconds = 6
        gap_seconds = 0
        """,
    )
    resolved = resolve(settings, bytes(tmp_path / "b" / "c.wav"), FILE)
    assert resolved.options == Options(
        language="de",
        task="translate",
        formats=("txt",),
        naming="name",
        output="/srv/transcripts",
        front_matter=True,
        model="base",
        context="full",
        beam_size=2,
        search="beam",
        word_timestamps=True,
        condition_on_previous_text=True,
        channels=2,
        audio_tracks="eng",
        speakers="2-6",
        vad=False,
        vad_threshold=0.4,
        vad_min_silence_ms=100,
        window_s=60,
        max_hours=2,
        subtitle_max_lines=1,
        subtitle_line_columns=37,
        subtitle_wide_columns=13,
        subtitle_chars_per_s=15,
        subtitle_chars_per_s_max=18,
        subtitle_cue_min_s=1,
        subtitle_cue_max_s=6,
        subtitle_gap_s=0,
        initial_prompt="Dr. Who said:",
        hotwords=("ComfyUI",),
        suppress_words=("um",),
        replace={"jason": "JSON"},
    )
    assert (resolved.priority, resolved.watch, resolved.place) == (4, settings.watch[1], Place(1, b"c.wav"))
    for option in (*options.RECORDING, "priority"):
        table, key = KEYS[option]
        place = f"watch[1].{key}" if table == "watch" else f"{table}.{key}"
        assert resolved.values[option].source == Source("configuration", place, FILE), option
    assert source(settings, tmp_path / "a" / "c.wav", "language") == Source("default", "watch[0].language")


def test_a_default_that_the_file_states_comes_from_the_file(tmp_path: Path) -> None:
    settings = load(tmp_path, "[model]\nbeam_size = 5\n")
    assert source(settings, tmp_path / "inbox" / "a", "beam_size") == Source("configuration", "model.beam_size", FILE)


def test_a_preset_fills_in_what_is_left_on_auto(tmp_path: Path) -> None:
    settings = load(tmp_path, '[model]\npreset = "rtx3090"\nworkers = 2\nbatch_size = "auto"\n')
    values = resolve(settings, bytes(tmp_path / "inbox" / "a.wav"), FILE).values
    preset = Source("preset", "model.preset", FILE, "rtx3090")
    assert values["device"] == Value("cuda", preset)
    assert values["batch_size"] == Value(16, preset)
    assert values["workers"] == Value(2, Source("configuration", "model.workers", FILE))
    assert values["cpu_threads"] == Value("auto", Source("default", "model.cpu_threads"))
    assert preset_values(Model()) == {}


@pytest.mark.parametrize("preset", ["none", "rtx3090", "cpu", "edge"])
def test_engines_are_told_what_is_explained(tmp_path: Path, preset: str) -> None:
    settings = load(tmp_path, f'[model]\npreset = "{preset}"\ncompute_type = "int8_float32"\n')
    values = resolve(settings, bytes(tmp_path / "inbox" / "a.wav")).values
    order = load_order(settings.model)
    for option in options.ENGINE:
        explained = values[option].value
        assert (getattr(order, option) or "auto") == explained, option


def test_a_later_layer_is_taken_over_an_earlier_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    beside = Source("recording", "beam_size", tmp_path / "a.toml")
    monkeypatch.setattr(options, "LAYERS", (*options.LAYERS, lambda _asked, _before: {"beam_size": Value(1, beside)}))
    resolved = resolve(load(tmp_path, "[model]\nbeam_size = 2\n"), bytes(tmp_path / "inbox" / "a.wav"))
    assert resolved.values["beam_size"] == Value(1, beside) and resolved.options.beam_size == 1
    assert resolved.values["vad"].source.layer == "default"


LANGUAGES = """
[model]
name = "base"
beam_size = 2
[languages.de]
beam_size = 7
hotwords = ["Kubernetes"]
[languages.fr]
initial_prompt = ""
[[watch]]
path = "auto"
hotwords = ["ComfyUI"]
[[watch]]
path = "german"
language = "de"
initial_prompt = "Guten Tag."
"""


def test_a_language_that_is_given_has_its_options_at_once(tmp_path: Path) -> None:
    resolved = resolve(load(tmp_path, LANGUAGES), bytes(tmp_path / "german" / "a.wav"), FILE)
    queued = resolved.options
    assert (queued.beam_size, queued.hotwords, queued.initial_prompt, queued.languages) == (
        7, ("Kubernetes",), "Guten Tag.", {},
    )  # fmt: skip
    assert resolved.values["beam_size"].source == Source("language", "languages.de.beam_size", FILE)
    assert resolved.values["initial_prompt"].source.layer == "configuration"


def test_a_language_that_is_to_be_detected_has_its_options_later(tmp_path: Path) -> None:
    queued = resolve(load(tmp_path, LANGUAGES), bytes(tmp_path / "auto" / "a.wav"), FILE).options
    assert (queued.beam_size, queued.hotwords) == (2, ("ComfyUI",))
    german, french, english = (queued.in_language(code) for code in ("de", "fr", "en"))
    assert (german.beam_size, german.hotwords) == (7, ("Kubernetes",))
    assert (french.beam_size, french.hotwords, french.initial_prompt) == (2, ("ComfyUI",), "")
    assert english == queued
    assert options_from_json(options_to_json(queued)) == queued


@pytest.mark.parametrize(
    ("path", "place"),
    [
        (b"/in/a.wav", Place(0, b"a.wav")),
        (b"/in/deep/a.wav", Place(1, b"a.wav")),
        (b"/in/deeper/a.wav", Place(0, b"deeper/a.wav")),
        (b"/in/sub/\xff.wav", Place(0, b"sub/\xff.wav")),
        (b"/in/deep", Place(0, b"deep")),
        (b"/in", None),
        (b"/in/", None),
        (b"/inn/a.wav", None),
        (b"in/a.wav", None),
    ],
)
def test_the_innermost_folder_has_a_path(path: bytes, place: Place | None) -> None:
    settings = Settings(watch=(Watch(path=Path("/in")), Watch(path=Path("/in/deep"))))
    assert locate(settings, path) == place
    if place is None:
        with pytest.raises(LookupError, match="below no watched folder"):
            resolve(settings, path)


def test_everything_may_be_watched() -> None:
    assert locate(Settings(watch=(Watch(path=Path("/")),)), b"/a/b.wav") == Place(0, b"a/b.wav")


def test_sources_are_read_by_people() -> None:
    assert str(Source("default", "vad.enabled")) == "default of vad.enabled"
    assert str(Source("configuration", "watch[0].task", FILE)) == "config.toml: watch[0].task"
    assert str(Source("preset", "model.preset", FILE, "cpu")) == "preset cpu (config.toml: model.preset)"


def test_a_folder_that_translates_keeps_what_counts_for_english(tmp_path: Path) -> None:
    text = """
        [model]
        name = "base"
        [languages.de]
        suppress_words = ["also"]
        hotwords = ["Kubernetes"]
        [languages.en]
        replace = { "harbor" = "harbour" }
        [[watch]]
        path = "german"
        language = "de"
        task = "both"
        suppress_words = ["um"]
    """
    queued = resolve(load(tmp_path, text), bytes(tmp_path / "german" / "a.wav"), FILE).options
    assert (queued.suppress_words, queued.hotwords, queued.replace) == (("also",), ("Kubernetes",), {})
    english = queued.in_language("en")
    assert (english.suppress_words, english.replace) == (("um",), {"harbor": "harbour"})


def test_a_folder_may_have_a_model_of_its_own(tmp_path: Path) -> None:
    settings = load(
        tmp_path,
        '[[watch]]\npath = "a"\n[[watch]]\npath = "b"\nmodel = "base"\n[model]\nname = "small"\nothers = ["turbo"]',
    )
    values = [resolve(settings, bytes(tmp_path / folder / "c.wav"), FILE).values["model"] for folder in "ab"]
    assert [str(value.source) for value in values] == ["config.toml: model.name", "config.toml: watch[1].model"]
    assert [value.value for value in values] == ["small", "base"]
    assert settings.folder_models == ("base", "turbo")
