"""What the commands share: their common options, exit codes, the configuration, JSON."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from daemon.config import reader
from daemon.config.settings import Settings

EXIT_FAILED, EXIT_USAGE, EXIT_RUNNING, EXIT_ENVIRONMENT = 1, 2, 3, 4

ConfigOption = Annotated[
    Path | None, typer.Option("--config", "-c", help="config.toml; else $TRANSCRIBED_CONFIG, ./, /etc/transcribed/.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def load_settings(config_file: Path | None) -> Settings:
    """Read the configuration that `--config`, or the usual lookup, names.

    Raises:
        BadConfig: there is none, or it cannot be used.
    """
    return reader.load(reader.find(config_file))


def print_json(value: Any) -> None:
    """Print JSON for people and programs: indented, text as it is."""
    print(json.dumps(value, indent=2, ensure_ascii=False))
