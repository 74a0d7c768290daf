"""What a transcription is told beforehand: the limits of these keys, and the files of hotwords."""

from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo

from daemon.config.paths import expanded

PROMPT_CHARACTERS = 2000
"""Of a prompt in the configuration, or of all hotwords together. A Whisper model takes 223 tokens, which is less; what
is longer by far is a mistake, and would be stored with every job."""
UTF8_MAX = 4
"""Bytes of a character at most."""


def _listed(value: Any, info: ValidationInfo) -> Any:
    """Return a list as it is checked: what a list holds, or the lines of the file that is named."""
    if isinstance(value, str):
        base = info.context["base"] if info.context else Path()
        return _lines(base / expanded(Path(value)))
    return tuple(value) if isinstance(value, list) else value


def _lines(path: Path) -> tuple[str, ...]:
    """Return the lines of a file that are not empty.

    Raises:
        ValueError: It cannot be read, or is far too long; no more of it is read then.
    """
    limit = PROMPT_CHARACTERS * UTF8_MAX
    try:
        if not path.is_file():
            raise ValueError(f"{path} is no file")
        with path.open("rb") as file:
            content = file.read(limit + 1)
        if len(content) > limit:
            raise ValueError(_too_much(str(path)))
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is not UTF-8") from error
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error.strerror}") from error
    return tuple(filter(None, map(str.strip, text.splitlines())))


def _fitting(words: tuple[str, ...]) -> tuple[str, ...]:
    if sum(map(len, words)) > PROMPT_CHARACTERS:
        raise ValueError(_too_much("the list"))
    return words


def _too_much(what: str) -> str:
    return (
        f"{what} has more than {PROMPT_CHARACTERS} characters, and a model is told about 100 words: "
        "keep those that it gets wrong"
    )


def _is_a_line(text: str) -> str:
    if not text.strip() or not text.isprintable():
        raise ValueError("must be one or several words, without line breaks or control characters")
    return text.strip()


def _begins_a_word(text: str) -> str:
    if not text[:1].isalpha() and not text[:1].isdecimal():
        raise ValueError("must begin with a letter or a digit: whole words are looked for")
    return text


Line = Annotated[str, Field(min_length=1), AfterValidator(_is_a_line)]
Phrase = Annotated[Line, Field(max_length=100), AfterValidator(_begins_a_word)]
"""One or several words as they are looked for in a text."""
Hotwords = Annotated[tuple[Line, ...], BeforeValidator(_listed), AfterValidator(_fitting)]
Prompt = Annotated[str, Field(max_length=PROMPT_CHARACTERS)]
SuppressWords = Annotated[tuple[Phrase, ...], BeforeValidator(_listed), Field(max_length=500)]
Replace = Annotated[dict[Phrase, Annotated[str, Field(max_length=100)]], Field(max_length=500)]
