"""What somebody wants of a recording that is on its way: its name, and how it is to be transcribed."""

import json
import os
import unicodedata
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from daemon.config.engines import ONNX, knows_english_only
from daemon.config.folder_settings import BYTES_MAX, FAR_TOO_DEEP, OPTIONS, RECORDING_SUFFIX, FolderSettings
from daemon.config.onnx_models import lacking
from daemon.config.options import Resolved, locate
from daemon.config.settings import Settings
from daemon.config.validation import validate
from daemon.errors import TranscribedError
from daemon.watch.names import Kind, Names
from daemon.watch.own_options import HEAD_BYTES

NAME_BYTES = 200
"""Of a file name, at most: a number, `.toml`, and the extensions of transcripts still have room in the 255 of Linux."""
UNSEEN = frozenset({"Cc", "Cs", "Zl", "Zp"})
"""Kinds of characters that no name has: control characters, halves of pairs, line and paragraph separators."""
TURNING = frozenset("LRE RLE LRO RLO PDF LRI RLI FSI PDI".split())
"""Characters that turn the direction of text, and make `talk.exe.mp3` of what is none."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """One recording as somebody wants it. It is kept beside the file while that is on its way."""

    name: str
    size: int | None
    """In bytes; None where it shows only at the end."""
    person: str
    """Whose it is."""
    options: dict[str, Any] = field(default_factory=dict)
    """By the names of `NAME.toml`; what is left out is as in the folder."""
    told: str = ""
    """What a client said of the file, in its own words."""

    def to_json(self) -> bytes:
        """Return it for a file."""
        return json.dumps(asdict(self)).encode()

    @classmethod
    def from_json(cls, content: bytes) -> "Wanted":
        """Read it again.

        Raises:
            ValueError: It is none.
        """
        found = json.loads(content)
        if not isinstance(found, dict) or found.keys() != {each.name for each in fields(cls)}:
            raise ValueError("has other keys")
        made = cls(**found)
        texts = (made.name, made.person, made.told)
        if not all(isinstance(text, str) for text in texts) or not isinstance(made.options, dict):
            raise ValueError("has other values")
        if made.size is not None and (type(made.size) is not int or made.size < 0):
            raise ValueError("has a size that is none")
        return made


def checked_name(settings: Settings, folder: Path, name: str) -> str:
    """Return the name that a recording gets in a folder: the last component of what is given.

    Args:
        settings: The whole configuration.
        folder: A watched folder, or one below.
        name: As the sender has it, maybe with folders.

    Raises:
        TranscribedError: The daemon would not take a recording of that name, or nobody could read it.
    """
    name = name.rpartition("/")[2]
    if name in ("", "..") or name.startswith("."):
        raise TranscribedError(f"{name!r} cannot be the name of a recording", "give it one that begins with no dot")
    if any(unicodedata.category(char) in UNSEEN or unicodedata.bidirectional(char) in TURNING for char in name):
        raise TranscribedError(f"the name {name!r} has characters that cannot be seen", "rename the recording")
    if len(name.encode()) > NAME_BYTES:
        raise TranscribedError(f"the name {name[:40]}… is longer than {NAME_BYTES} bytes", "give it a shorter name")
    place = locate(settings, os.fsencode(folder / name))
    if place is None:
        raise TranscribedError(f"{folder} is below no watched folder")
    names, raw = Names.of(settings.watch[place.folder], settings.watching), os.fsencode(name)
    kind, reason = names.named(raw)
    if names.is_settings(raw) or names.ignored(raw):
        raise TranscribedError(f"{name} would be left alone: {names.ignored(raw) or 'it would hold options'}")
    if kind is not Kind.RECORDING and not names.asks_content(raw):
        reason = reason or "named like a transcript"
        raise TranscribedError(f"{name} is no recording: {reason}", "[watching] extensions says what is taken")
    return name


def checked_options(settings: Settings, folder: Path, name: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options that are given for a recording, if they can be kept.

    Args:
        settings: The whole configuration.
        folder: Where it goes.
        name: Its name there.
        options: By the names of `NAME.toml`; `""` and None are as in the folder.

    Raises:
        TranscribedError: One has a value that it cannot have, or the model cannot do it.
    """
    given = {key: value for key, value in options.items() if value not in ("", None)}
    _, wrong = validate(OPTIONS, dict(given), Path())
    if not wrong and len(_toml(given)) > (most := BYTES_MAX - HEAD_BYTES):
        wrong = {", ".join(given): f"are longer than {most} bytes together"}
    if wrong:
        raise TranscribedError("; ".join(f"{key}: {reason}" for key, reason in wrong.items()))
    resolved = _resolved(settings, folder / name)
    wanted = {key: given.get(key, resolved.values[key].value) for key in ("language", "task", "model")}
    is_more = wanted["language"] not in ("auto", "en") or wanted["task"] != "transcribe"
    if settings.has_own_whisper and knows_english_only(wanted["model"]) and is_more and given:
        raise TranscribedError(
            f"the model {wanted['model']} knows English only, and can neither hear another language nor translate",
            "choose English or what the folder has; or set model.name to a multilingual one such as 'base'",
        )
    reason = lacking(wanted["model"], wanted["language"], wanted["task"]) if settings.model.engine == ONNX else ""
    if reason and given:
        raise TranscribedError(f"the model {reason}", "choose what it can, or what the folder has")
    return given


def settings_file(settings: Settings, path: Path, options: Mapping[str, Any]) -> bytes | None:
    """Return what `NAME.toml` must say so that a recording gets these options; None if it needs none.

    Args:
        settings: The whole configuration.
        path: What the recording will be called.
        options: What is wanted.
    """
    values = _resolved(settings, path).values
    other = {key: value for key, value in options.items() if _plain(values[key].value) != _plain(value)}
    return _toml(options) if other else None


def settings_name(name: bytes) -> bytes:
    """Return the name of the file with the options of a recording."""
    return name + RECORDING_SUFFIX


def _resolved(settings: Settings, path: Path) -> Resolved:
    return FolderSettings(settings).resolve(os.fsencode(path))[0]


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _toml(options: Mapping[str, Any]) -> bytes:
    """Return options as TOML; strings, numbers, truth values and lists of them are written there as in JSON."""
    return "".join(f"{key} = {_written(value)}\n" for key, value in options.items()).encode()


def _written(value: Any) -> str:
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_written, value))}]"
    text = json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    # A row of short sentences looks like one key of many parts.
    return text.replace(".", "\\u002e") if isinstance(value, str) and FAR_TOO_DEEP.search(value) else text
