"""Reads config.toml into frozen settings and reports every error at once, with file and key."""

import os
import tomllib
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from daemon.config.check import KnownAddress, check
from daemon.config.paths import located
from daemon.config.settings import SQLITE_PREFIX, Settings
from daemon.errors import BadConfig

PLACES = (Path("config.toml"), Path("/etc/transcribed/config.toml"))

SHOWN_MAX = 200
"""Characters of a wrong value that are repeated."""


def find(option: Path | None) -> Path:
    """Find the configuration file: `--config`, $TRANSCRIBED_CONFIG, ./config.toml, /etc/transcribed/config.toml.

    Raises:
        BadConfig: There is none.
    """
    named = option or (Path(env) if (env := os.environ.get("TRANSCRIBED_CONFIG")) else None)
    if named is not None:
        return named
    for place in PLACES:
        if place.is_file():
            return place
    raise BadConfig(
        "no configuration found at " + " or ".join(map(str, PLACES)),
        "pass --config FILE, or write one: transcribed check --default > config.toml",
    )


def load(file: Path, known_address: KnownAddress | None = None) -> Settings:
    """Read and check a configuration file.

    Args:
        file: relative paths in it are relative to its folder.
        known_address: checks the addresses for messages; None where none will be sent.

    Raises:
        BadConfig: The file cannot be read, or some keys are wrong; the message lists them all with the reasons.
    """
    try:
        raw = tomllib.loads(file.read_text("utf-8-sig"))  # some editors begin a file with a byte order mark
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "is not UTF-8"
        raise BadConfig(f"{file}: cannot be read: {reason}") from error
    except tomllib.TOMLDecodeError as error:
        raise BadConfig(f"{file}: is not TOML: {error}") from error
    base = file.absolute().parent
    settings, wrong = _parse(raw, base)
    settings = _absolute(settings, base)
    # What a wrong key stands for is its default here, which no other key may be blamed for.
    problems = [each for each in check(settings, known_address) if not any(map(each.depends_on, wrong))]
    if errors := [f"{key}: {reason}" for key, reason in wrong.items()] + [f"{p.key}: {p.reason}" for p in problems]:
        raise BadConfig("\n".join(f"{file}: {error}" for error in errors))
    return settings


def default_text() -> str:
    """Return the shipped configuration file, which explains every key and has its default."""
    package = Path(__file__).parent.parent
    inside = package / "config.toml"
    return (inside if inside.exists() else package.parent / "config.toml").read_text("utf-8")


def _absolute(settings: Settings, base: Path) -> Settings:
    """Resolve paths relative to the configuration file, and links in a watched folder's own path."""
    return settings.model_copy(
        update={
            "watch": tuple(
                watch.model_copy(update={"path": (base / watch.path).resolve()}) for watch in settings.watch
            ),
            "database": settings.database.model_copy(
                update={"url": SQLITE_PREFIX + str(base / settings.database_path)}
            ),
            "model": settings.model.model_copy(update={"name": located(settings.model.name, base)}),
            "languages": {
                code: language.model_copy(update={"model": located(language.model, base)})
                for code, language in settings.languages.items()
            },
            "monitor": settings.monitor.model_copy(update={"log_file": base / settings.monitor.log_file}),
        }
    )


def _parse(raw: dict[str, Any], base: Path) -> tuple[Settings, dict[str, str]]:
    """Return the settings, with defaults for the keys that are wrong, and key -> reason of those."""
    wrong: dict[str, str] = {}
    while True:
        try:
            return Settings.model_validate(raw, context={"base": base}), wrong
        except ValidationError as error:
            items = error.errors()
        for item in items:
            key, reason = _key(item["loc"]), _reason(item)
            wrong[key] = f"{wrong[key]}; {reason}" if key in wrong else reason
        for owner, name in [_place(raw, item["loc"]) for item in items]:
            owner.pop(name, None)


def _place(raw: dict[str, Any], location: tuple[int | str, ...]) -> tuple[dict[str, Any], str]:
    """Return the innermost table of a wrong value, and its key there.

    A list counts as one value: removing an element would shift the places of the others.
    """
    owner, name = raw, str(location[0])
    at: Any = raw
    for part in location:
        if isinstance(at, dict) and part in at:
            owner, name = at, str(part)
            at = at[part]
        elif isinstance(at, list) and isinstance(part, int):
            at = at[part]
        else:
            break
    return owner, name


def _key(location: tuple[int | str, ...]) -> str:
    """Return a key as in `watch[0].formats[1]`, without the names of union branches, which pydantic adds."""
    key = ""
    for part in location:
        if isinstance(part, int):
            key += f"[{part}]"
        elif part.isidentifier() and part not in ("int", "constrained"):
            key += f".{part}" if key else part
    return key or "(the whole file)"


def _reason(item: Any) -> str:
    if item["type"] == "extra_forbidden":
        return "unknown key; the shipped config.toml lists the known ones"
    if "notify" in item["loc"]:
        return str(item["msg"].removeprefix("Value error, "))  # not the URL, which holds a password
    return f"{item['msg'].removeprefix('Value error, ')}, not {_shown(item['input'])}" if item["loc"] else item["msg"]


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= SHOWN_MAX else f"{text[:SHOWN_MAX]}…"
