"""The kinds of values that keys of config.toml have, beyond plain types."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from daemon.chunk import BESIDE
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


def _model_name(name: str) -> str:
    return str(expanded(Path(name))) if name.startswith("~") else name


def _output(place: str) -> str:
    return place if place == BESIDE else str(expanded(Path(place)))


LanguageOrAuto = Annotated[str, AfterValidator(_known_language)]
LanguageCode = Annotated[str, AfterValidator(_one_language)]
Location = Annotated[Path, Field(strict=False), AfterValidator(expanded)]
Output = Annotated[str, Field(min_length=1), AfterValidator(_output)]
ModelName = Annotated[str, AfterValidator(_model_name)]
Extension = Annotated[str, AfterValidator(known_change)]
Format = Annotated[str, AfterValidator(_known_format)]
Unique = AfterValidator(_unique)
Tuple = BeforeValidator(lambda value: tuple(value) if isinstance(value, list) else value)
AutoCount = Literal["auto"] | Annotated[int, Field(ge=1, le=1024)]
Priority = Annotated[int, Field(ge=-PRIORITY_MAX, le=PRIORITY_MAX)]
Percent = Annotated[float, Field(gt=0, le=100)]
