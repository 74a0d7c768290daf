"""What a request in the manner of OpenAI's API asks for. Pure."""

import mimetypes
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from daemon.config.hints import PROMPT_CHARACTERS
from daemon.config.language_names import CODES
from daemon.config.languages import ISO_639_2, LANGUAGES
from daemon.config.settings import Settings
from daemon.watch.names import extension
from daemon.web.problems import Problem
from daemon.web.wanted import NAME_BYTES

FORMS = ("json", "text", "srt", "verbose_json", "vtt")
GRANULARITIES = ("segment", "word")
YES, NO = ("true", "1", "yes", "on"), ("false", "0", "no", "off", "")
ALIASES = ("whisper-1",)
"""Names under which clients ask for a model by themselves; they mean the daemon's own, as unknown ones do."""
NAMELESS = "recording"
SUFFIXES = {
    "audio/aac": ".aac", "audio/flac": ".flac", "audio/m4a": ".m4a", "audio/mp3": ".mp3", "audio/mp4": ".m4a",
    "audio/mpeg": ".mp3", "audio/mpga": ".mp3", "audio/ogg": ".ogg", "audio/opus": ".opus", "audio/vnd.wave": ".wav",
    "audio/wav": ".wav", "audio/wave": ".wav", "audio/webm": ".webm", "audio/x-flac": ".flac", "audio/x-m4a": ".m4a",
    "audio/x-wav": ".wav", "video/mp4": ".mp4", "video/webm": ".webm", "video/quicktime": ".mov",
}  # fmt: skip
"""Extensions by the type of a recording whose name has none: browsers call what they record `blob`."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is asked for, besides the recording."""

    form: str = "json"
    """One of FORMS."""
    has_segments: bool = True
    """Whether a verbose answer lists the segments."""
    has_words: bool = False
    """Whether it lists the words."""
    is_streamed: bool = False
    options: Mapping[str, Any] = field(default_factory=dict)
    """The options of the job, by their names, as far as the request says them."""


def wanted(fields: Mapping[str, Sequence[str]], task: str, settings: Settings) -> Wanted:
    """Return what the fields of a request ask for; fields that are not known are left out, as clients send many.

    Args:
        fields: The form.
        task: `transcribe` or `translate`.
        settings: The whole configuration.

    Raises:
        Problem: A field has a value that it may not have.
    """
    form = _one_of("response_format", _last(fields, "response_format") or "json", FORMS)
    granularities = _all(fields, "timestamp_granularities") or ["segment"]
    for each in granularities:
        _one_of("timestamp_granularities", each, GRANULARITIES)
    _check_temperature(_last(fields, "temperature"))
    has_words = form == "verbose_json" and "word" in granularities
    options: dict[str, Any] = {"task": task}
    if has_words:
        options["word_timestamps"] = True
    if (model := _last(fields, "model")) in (settings.model.name, *settings.folder_models):
        options["model"] = model
    languages = [_language(each) for each in _all(fields, "language") + _all(fields, "languages") if each.strip()]
    if len(set(languages)) == 1:
        options["language"] = languages[0]
    if prompt := _last(fields, "prompt").strip():
        # The end counts: the model is told no more than what fits in front of the text.
        options["initial_prompt"] = prompt[-PROMPT_CHARACTERS:]
    if keywords := _keywords(_all(fields, "keywords")):
        options["hotwords"] = keywords
    return Wanted(
        form=form,
        has_segments="segment" in granularities,
        has_words=has_words,
        is_streamed=_truth("stream", _last(fields, "stream")),
        options=options,
    )


def recording_name(name: str, media_type: str) -> str:
    """Return a name that a recording may have, as close as possible to the one that a program gave it.

    Args:
        name: As it was sent; people do not see it, so that nobody could mend it.
        media_type: The type that was sent with it.
    """
    last = name.replace("\\", "/").rpartition("/")[2]
    whole = "".join(char if char.isprintable() else "_" for char in last).strip()
    name = whole.lstrip(".~ ") or NAMELESS
    if "." not in name and whole.endswith(f".{name}"):  # nothing but an extension
        name = f"{NAMELESS}.{name}"
    kind = media_type.partition(";")[0].strip().lower()
    if not extension(os.fsencode(name)) and kind.startswith(("audio/", "video/")):
        name += SUFFIXES.get(kind) or mimetypes.guess_extension(kind) or ""
    stem = name[: len(name) - len(extension(os.fsencode(name)))]
    suffix = name.removeprefix(stem)
    return stem.encode()[: NAME_BYTES - len(suffix.encode())].decode(errors="ignore") + suffix


def _last(fields: Mapping[str, Sequence[str]], name: str) -> str:
    return next(reversed(_all(fields, name)), "")


def _all(fields: Mapping[str, Sequence[str]], name: str) -> list[str]:
    """Return the values of a field, which clients may mark as a list."""
    return [*fields.get(name, ()), *fields.get(f"{name}[]", ())]


def _one_of(param: str, value: str, known: Sequence[str]) -> str:
    if value not in known:
        raise Problem(400, f"{param} must be one of {', '.join(known)}, not {value[:100]!r}", param)
    return value


def _truth(param: str, value: str) -> bool:
    if value.lower() not in (*YES, *NO):
        raise Problem(400, f"{param} must be true or false, not {value[:100]!r}", param)
    return value.lower() in YES


def _check_temperature(value: str) -> None:
    """Check the temperature, which has no effect: it is raised by itself where a text is bad."""
    try:
        is_right = not value or 0 <= float(value) <= 1
    except ValueError:
        is_right = False
    if not is_right:
        raise Problem(400, f"temperature must be a number from 0 to 1, not {value[:100]!r}", "temperature")


def _language(value: str) -> str:
    """Return the code of a language that is named by any code, with or without a region, or in English."""
    name = value.strip().lower()
    code = re.split("[-_]", name)[0]
    found = CODES.get(name) or ISO_639_2.get(code, code)
    if found not in LANGUAGES:
        raise Problem(400, f"language must be a code such as 'en', 'de' or 'zh', not {value[:100]!r}", "language")
    return found


def _keywords(values: Sequence[str]) -> tuple[str, ...]:
    words = tuple(dict.fromkeys(word for value in values if (word := " ".join(value.split()))))
    if not all(map(str.isprintable, words)) or sum(map(len, words)) > PROMPT_CHARACTERS:
        raise Problem(400, f"keywords must be words, of at most {PROMPT_CHARACTERS} characters together", "keywords")
    return words
