"""What the commands share: common options, exit codes, the configuration, JSON."""

import inspect
import json
import re
import sys
from collections.abc import Callable
from dataclasses import fields, is_dataclass
from datetime import UTC, datetime
from functools import wraps
from inspect import Parameter
from pathlib import Path
from typing import Annotated, Any, NoReturn, get_type_hints

import typer

from daemon.config import reader
from daemon.config.settings import Settings
from daemon.store.records import timestamp, timestamp_in

EXIT_FAILED, EXIT_USAGE, EXIT_RUNNING, EXIT_ENVIRONMENT, EXIT_GAVE_UP = 1, 2, 3, 4, 5

LIMIT_MAX = 1_000_000
"""Nobody reads more lines, and SQLite has a largest number."""

TIME = re.compile(r"(\d+(?:\.\d+)?)\s*([smhdw])")
UNIT_S = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}

ConfigOption = Annotated[
    Path | None,
    typer.Option(
        "--config", "-c", help="config.toml; else $TRANSCRIBED_CONFIG, ./, ~/.config/transcribed/, /etc/transcribed/."
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def load_settings(config_file: Path | None) -> Settings:
    """Read the configuration file that `--config` names, or the usual one.

    Raises:
        BadConfig: There is none, or it cannot be used.
    """
    return reader.load(reader.find(config_file))


def wrong(message: str) -> NoReturn:
    """End a command that cannot be run as it was written, with the reason."""
    print(f"transcribed: {message}", file=sys.stderr)
    sys.exit(EXIT_USAGE)


def seconds_of(option: str, text: str) -> float:
    """Return how many seconds a time such as 30m, 24h or 7d is; end the command where it is none."""
    match = TIME.fullmatch(text)
    if match is None:
        wrong(f"{option} {text}: must be a time such as 30m, 24h or 7d")
    return float(match[1]) * UNIT_S[match[2]]


def moment_of(option: str, text: str) -> str:
    """Return a time as the database has it: 7d ago, a date, or a date and time; end the command where it is none."""
    try:
        if TIME.fullmatch(text):
            return timestamp_in(-seconds_of(option, text))
        return timestamp(datetime.fromisoformat(text).astimezone(UTC))
    except (ValueError, OverflowError):
        wrong(f"{option} {text}: must be a date such as 2026-03-31, or 7d for 7 days ago")


def when_done(*, running: bool) -> str:
    """Return when a request is seen to, for the end of a sentence."""
    return "the daemon acts within a second" if running else "the daemon acts when it next runs"


def print_json(value: Any) -> None:
    """Print JSON for people and programs: indented, and without escapes in the text."""
    print(json.dumps(value, indent=2, ensure_ascii=False))


def option_groups(command: Callable[..., None]) -> Callable[..., None]:
    """Let a command declare options in groups: each field of a parameter that is a dataclass becomes an option.

    Typer builds the options from a function's parameters and knows no dataclasses, so it is shown the fields instead.
    """
    groups: dict[str, type[Any]] = {}
    shown: list[Parameter] = []
    hints = get_type_hints(command, include_extras=True)
    for name, parameter in inspect.signature(command).parameters.items():
        kind = hints[name]
        if isinstance(kind, type) and is_dataclass(kind):
            groups[name] = kind
            types = get_type_hints(kind, include_extras=True)
            shown += [
                Parameter(field.name, Parameter.KEYWORD_ONLY, default=field.default, annotation=types[field.name])
                for field in fields(kind)
            ]
        else:
            shown.append(parameter.replace(kind=Parameter.KEYWORD_ONLY, annotation=kind))

    @wraps(command)
    def run(**options: Any) -> None:
        for name, kind in groups.items():
            options[name] = kind(**{field.name: options.pop(field.name) for field in fields(kind)})
        command(**options)

    run.__signature__ = inspect.Signature(shown)  # type: ignore[attr-defined]
    run.__annotations__ = {parameter.name: parameter.annotation for parameter in shown}
    return run
