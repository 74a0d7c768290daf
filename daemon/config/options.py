"""The options of a recording: which values apply to it, and where each of them comes from. Pure.

Values come in layers, general ones first; where two layers give a value, the later one wins.
"""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from daemon.chunk import ENGLISH, Options
from daemon.config.afterwards import Afterwards
from daemon.config.presets import PRESETS
from daemon.config.settings import Model, Settings, Watch
from daemon.config.table import Table

RECORDING = {
    "language": ("watch", "language"),
    "task": ("watch", "task"),
    "formats": ("watch", "formats"),
    "naming": ("watch", "naming"),
    "output": ("watch", "output"),
    "front_matter": ("watch", "front_matter"),
    "model": ("model", "name"),
    "context": ("model", "context"),
    "beam_size": ("model", "beam_size"),
    "search": ("model", "search"),
    "word_timestamps": ("model", "word_timestamps"),
    "condition_on_previous_text": ("watch", "condition_on_previous_text"),
    "channels": ("watch", "channels"),
    "audio_tracks": ("watch", "audio_tracks"),
    "speakers": ("watch", "speakers"),
    "vad": ("vad", "enabled"),
    "vad_threshold": ("vad", "threshold"),
    "vad_min_silence_ms": ("vad", "min_silence_ms"),
    "window_s": ("jobs", "window_seconds"),
    "max_hours": ("watching", "max_hours"),
    "subtitle_max_lines": ("subtitles", "max_lines"),
    "subtitle_line_columns": ("subtitles", "line_columns"),
    "subtitle_wide_columns": ("subtitles", "wide_columns"),
    "subtitle_chars_per_s": ("subtitles", "chars_per_second"),
    "subtitle_chars_per_s_max": ("subtitles", "chars_per_second_max"),
    "subtitle_cue_min_s": ("subtitles", "cue_min_seconds"),
    "subtitle_cue_max_s": ("subtitles", "cue_max_seconds"),
    "subtitle_gap_s": ("subtitles", "gap_seconds"),
    "initial_prompt": ("watch", "initial_prompt"),
    "hotwords": ("watch", "hotwords"),
    "suppress_words": ("watch", "suppress_words"),
    "replace": ("watch", "replace"),
}
"""The fields of `Options`, each with the table and key of config.toml that sets it; `languages` is of the tables
`[languages.CODE]`."""
QUEUE = {"priority": ("watch", "priority")}
MEANWHILE = {"growing": ("watch", "growing")}
"""What is done while a recording is recorded: looked up then."""
AFTERWARDS = {field.name: ("watch", field.name) for field in fields(Afterwards)}
"""What is done when the job has ended: looked up then, and so no part of the job."""
ENGINE = {
    name: ("model", name)
    for name in ("engine", "device", "compute_type", "decoder", "batch_size", "workers", "cpu_threads")
}
"""How the model is loaded, once for all recordings. A preset sets these keys, `engine` and
`decoder` aside."""
KEYS = RECORDING | QUEUE | MEANWHILE | AFTERWARDS | ENGINE


SPELLING = ("replace", "suppress_words")
"""The options that count when a transcript is published."""


@dataclass(frozen=True, slots=True)
class Source:
    """Where a value comes from."""

    layer: str
    """`default`, `configuration`, `environment`, `preset`, `folder`, `name`, `recording` or `language`."""
    key: str
    """The key that sets it, or would set it: `watch[0].language`."""
    file: Path | None = None
    """The configuration file with that key, or None if no file sets it."""
    name: str = ""
    """The name of the preset, if one sets it."""

    def __str__(self) -> str:
        place = f"{self.file.name}: {self.key}" if self.file else self.key
        match self.layer:
            case "default":
                return f"default of {self.key}"
            case "preset":
                return f"preset {self.name} ({place})"
            case "folder" | "recording":
                return f"{self.file}: {self.key}"
            case "name":
                return "the name of the recording"
            case _:
                return place


@dataclass(frozen=True, slots=True)
class Value:
    """The value of an option, and where it comes from."""

    value: Any
    source: Source


@dataclass(frozen=True, slots=True)
class Place:
    """A path as the scanner knows it."""

    folder: int
    """The index of the watched folder in `watch`."""
    below: bytes
    """The path relative to that folder."""


@dataclass(frozen=True, slots=True)
class Given:
    """Options that a folder, a recording or its name has of its own."""

    values: Mapping[str, Any]
    """By the names of the options."""
    layer: str
    """`folder`, `name` or `recording`."""
    file: Path | None = None
    """The file that says so; None for a name."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A recording whose options are to be resolved."""

    settings: Settings
    file: Path | None
    """The file that the settings were read from."""
    place: Place
    given: Sequence[Given] = ()
    """What the folders and the recording say themselves, in order."""
    variables: Mapping[str, str] = field(default_factory=dict)
    """The environment variables that set keys, by key."""

    def table(self, name: str) -> Table:
        """Return the table of the configuration that applies to the recording."""
        if name == "watch":
            return self.settings.watch[self.place.folder]
        table: Table = getattr(self.settings, name)
        return table

    def key(self, option: str) -> str:
        """Return the key under which the configuration has, or would have, an option."""
        table, key = KEYS[option]
        return f"watch[{self.place.folder}].{key}" if table == "watch" else f"{table}.{key}"


@dataclass(frozen=True, slots=True)
class Resolved:
    """Everything that applies to a recording."""

    place: Place
    watch: Watch
    values: Mapping[str, Value]
    """Every option by its name."""

    @property
    def options(self) -> Options:
        """The options that the recording is queued with."""
        return Options(**{field.name: self.values[field.name].value for field in fields(Options)})

    @property
    def priority(self) -> int:
        """The priority that the recording is queued with."""
        return int(self.values["priority"].value)

    @property
    def growing(self) -> str:
        """What is done while the recording is recorded."""
        return str(self.values["growing"].value)

    @property
    def afterwards(self) -> Afterwards:
        """What is done when the job has ended."""
        return Afterwards(**{name: self.values[name].value for name in AFTERWARDS})


Layer = Callable[[Asked, Mapping[str, Value]], Mapping[str, Value]]
"""Gives the values that one source has for a recording; for what it leaves out, the earlier layers stand, which it
is shown."""


def resolve(
    settings: Settings,
    path: bytes,
    file: Path | None = None,
    given: Sequence[Given] = (),
    variables: Mapping[str, str] | None = None,
) -> Resolved:
    """Resolve the options of a recording.

    Args:
        settings: The whole configuration.
        path: An absolute path, with no links above the watched folder.
        file: The file that the settings were read from, to be named as a source.
        given: What its folders and the recording say themselves, general ones first.
        variables: The environment variables that set keys, by key, to be named as sources.

    Raises:
        LookupError: The path is below no watched folder.
    """
    place = locate(settings, path)
    if place is None:
        raise LookupError(f"{os.fsdecode(path)} is below no watched folder")
    asked = Asked(settings, file, place, given, variables or {})
    values: dict[str, Value] = {}
    for layer in LAYERS:
        values |= layer(asked, values)
    return Resolved(place, settings.watch[place.folder], values)


def locate(settings: Settings, path: bytes) -> Place | None:
    """Find the watched folder that a path belongs to; where watched folders are nested, the innermost one."""
    inside = []
    for index, watch in enumerate(settings.watch):
        top = os.path.join(os.fsencode(watch.path), b"")
        if path.startswith(top) and path != top:
            inside.append(Place(index, path[len(top) :]))
    return min(inside, key=lambda place: len(place.below), default=None)


def preset_values(model: Model) -> dict[str, Any]:
    """Return what the chosen preset sets for those keys of `[model]` that are `auto`."""
    preset = PRESETS.get(model.preset)
    found = {name: getattr(preset, name, None) for name in ENGINE if getattr(model, name) == "auto"}
    return {name: value for name, value in found.items() if value is not None}


def _defaults(asked: Asked, _before: Mapping[str, Value]) -> dict[str, Value]:
    return {
        option: Value(
            type(asked.table(table)).model_fields[key].get_default(call_default_factory=True),
            Source("default", asked.key(option)),
        )
        for option, (table, key) in KEYS.items()
    }


def _configuration(asked: Asked, _before: Mapping[str, Value]) -> dict[str, Value]:
    def source(key: str) -> Source:
        variable = asked.variables.get(key)
        return Source("environment", variable) if variable else Source("configuration", key, asked.file)

    found = {
        option: Value(getattr(asked.table(table), key), source(asked.key(option)))
        for option, (table, key) in KEYS.items()
        if key in asked.table(table).model_fields_set
    }
    if model := asked.settings.watch[asked.place.folder].model:
        found["model"] = Value(model, source(f"watch[{asked.place.folder}].model"))
    return found


def _preset(asked: Asked, _before: Mapping[str, Value]) -> dict[str, Value]:
    """Return the preset's values, which come after the configuration: an explicit `auto` is filled in, too."""
    source = Source("preset", "model.preset", asked.file, asked.settings.model.preset)
    return {option: Value(value, source) for option, value in preset_values(asked.settings.model).items()}


def _given(asked: Asked, _before: Mapping[str, Value]) -> dict[str, Value]:
    """Return what the folders, the name and the recording say, of which the last one counts."""
    return {
        option: Value(value, Source(given.layer, option, given.file))
        for given in asked.given
        for option, value in given.values.items()
    }


def _language(asked: Asked, before: Mapping[str, Value]) -> dict[str, Value]:
    """Return what counts for the language that was told, and of a translation; if it is to be detected, for each."""
    tables = {
        code: {key: getattr(table, key) for key in sorted(table.model_fields_set)}
        for code, table in asked.settings.languages.items()
    }
    code = before["language"].value
    of_each = Value({}, Source("default", "languages"))
    if code == "auto" and tables:
        of_each = Value(tables, Source("language", "languages", asked.file))
    elif code in tables and before["task"].value != "transcribe":
        # A translation is spelled as English, not as what is spoken.
        english = {key: tables.get(ENGLISH, {}).get(key, before[key].value) for key in SPELLING}
        of_each = Value({ENGLISH: english}, Source("language", "languages", asked.file))
    return {"languages": of_each} | {
        key: Value(value, Source("language", f"languages.{code}.{key}", asked.file))
        for key, value in tables.get(code, {}).items()
    }


LAYERS: tuple[Layer, ...] = (_defaults, _configuration, _preset, _given, _language)
"""The layers in order. Another source of options is one more entry."""
