"""The kinds of values that keys of config.toml have, beyond plain types."""

import re
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field

from daemon.chunk import BESIDE, OFF
from daemon.config.extensions import known_change
from daemon.config.formats import FORMATS
from daemon.config.languages import LANGUAGES
from daemon.config.paths import expanded

PRIORITY_MAX = 1_000_000


def _known_language(code: str) -> str:
    if code != "auto" and code not in LANGUAGES:
        raise ValueError(f"unknown language {code!r}; use 'auto' or a code such as 'en', 'de', 'zh'")
    return code


def _one_language(code: str) -> str:
    if code not in LANGUAGES:
        raise ValueError("must be the code of a language such as 'en', 'de', 'zh'")
    return code


def _unique(values: tuple[str, ...]) -> tuple[str, ...]:
    if len(set(values)) != len(values):
        raise ValueError("lists an entry twice")
    return values


def _known_format(name: str) -> str:
    if name not in FORMATS:
        raise ValueError(f"must be one of {', '.join(FORMATS)}")
    return name


def _from_home(name: str) -> str:
    return str(expanded(Path(name))) if name.startswith("~") else name


def _command(argv: tuple[str, ...]) -> tuple[str, ...]:
    if not argv:
        return argv
    if not all(argv) or any("\0" in word for word in argv):
        raise ValueError("has an argument that is empty, or holds a null byte")
    program = _from_home(argv[0])
    if "/" in program and not program.startswith("/"):
        # It would be looked for from some working directory, where others may put a program of that name.
        raise ValueError("must begin with an absolute path, or with the name of a program on PATH")
    return (program, *argv[1:])


def _folder_below(name: str) -> str:
    parts = name.strip("/").split("/")
    if name.startswith("/") or not all(parts) or {".", ".."} & set(parts) or "\0" in name:
        raise ValueError("must be a folder below the watched one, such as 'done' or 'archive/done'")
    return "/".join(parts)


def _web_address(url: str) -> str:
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0 and "@" not in parts.netloc
    except ValueError:
        usable = False
    if url and not (usable and url.isascii() and url.isprintable() and " " not in url):
        raise ValueError("must be an address such as 'https://example.org/hook', without user and password, or ''")
    return url


def _output(place: str) -> str:
    return place if place == BESIDE else str(expanded(Path(place)))


def _listen_address(value: str) -> str:
    host, _, port = value.rpartition(":")
    if value and not (host and port.isascii() and port.isdigit() and 0 < int(port) < 65_536):
        raise ValueError("must be an address such as '127.0.0.1:9464', or '' for none")
    return value


def _speakers(value: object) -> object:
    text = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
    if text in (OFF, "auto"):
        return text
    found = re.fullmatch(r"([1-9][0-9]?)(?:-([1-9][0-9]?))?", text) if isinstance(text, str) else None
    if found is None or int(found[2] or found[1]) < int(found[1]):
        raise ValueError("must be 'off', 'auto', how many people speak, such as 2, or from and to, such as '2-6'")
    return text


LanguageOrAuto = Annotated[str, AfterValidator(_known_language)]
LanguageCode = Annotated[str, AfterValidator(_one_language)]
Location = Annotated[Path, Field(strict=False), AfterValidator(expanded)]
Output = Annotated[str, Field(min_length=1), AfterValidator(_output)]
ModelName = Annotated[str, AfterValidator(_from_home)]
FileName = Annotated[str, AfterValidator(_from_home)]
Extension = Annotated[str, AfterValidator(known_change)]
Format = Annotated[str, AfterValidator(_known_format)]
Unique = AfterValidator(_unique)
Tuple = BeforeValidator(lambda value: tuple(value) if isinstance(value, list) else value)
Command = Annotated[tuple[str, ...], Tuple, AfterValidator(_command)]
"""A program and its arguments; empty for none."""
FolderBelow = Annotated[str, AfterValidator(_folder_below)]
ListenAddress = Annotated[str, AfterValidator(_listen_address)]
WebAddress = Annotated[str, AfterValidator(_web_address)]
AutoCount = Literal["auto"] | Annotated[int, Field(ge=1, le=1024)]
Priority = Annotated[int, Field(ge=-PRIORITY_MAX, le=PRIORITY_MAX)]
Speakers = Annotated[str, BeforeValidator(_speakers)]
"""`off`, `auto`, a number, or two with a dash."""
Percent = Annotated[float, Field(gt=0, le=100)]
