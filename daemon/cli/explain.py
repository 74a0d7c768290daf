"""`transcribed explain`: whether a path counts as a recording, with which options, and where each comes from."""

import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from daemon.cli.common import EXIT_FAILED, ConfigOption, JsonOption, print_json
from daemon.config import reader
from daemon.config.folder_settings import FolderSettings
from daemon.config.options import Resolved, Value
from daemon.config.settings import Settings
from daemon.errors import Unavailable
from daemon.store.queries import Queries
from daemon.store.records import readable
from daemon.watch.admission import Admission, admission

PIPE_COLUMNS = 1_000
"""For programs, a row stays on one line."""


def explain(
    path: Annotated[Path, typer.Argument(help="A recording, or a name that one would have.")],
    config_file: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say whether a path is taken (exit code 0, else 1) or why not, and show every option with its source."""
    file = reader.find(config_file)
    settings = reader.load(file)
    seen = admission(settings, os.fsencode(path))
    resolved, wrong = FolderSettings(settings, file.absolute()).resolve(seen.path) if seen.place else (None, ())
    errors = [readable(os.fsencode(error)) for error in wrong]
    job = _job(settings, seen) if resolved else None
    if as_json:
        print_json(_report(seen, resolved, job) | {"errors": errors})
    else:
        _show(seen, resolved, job)
        for error in errors:
            print(f"transcribed: {error}", file=sys.stderr)
    if not seen.taken:
        sys.exit(EXIT_FAILED)


def _job(settings: Settings, seen: Admission) -> dict[str, Any] | None:
    """Return the job of the newest version that the daemon has seen, or None if it has seen none."""
    if seen.place is None or not settings.database_path.is_file():
        return None
    try:
        with Queries(settings.database_path) as queries:
            row = queries.newest(str(settings.watch[seen.place.folder].path), seen.place.below, seen.version)
    except Unavailable as error:
        print(f"transcribed: {error.message}", file=sys.stderr)
        return None
    if row is None:
        return None
    return {
        "id": row["id"],
        "state": row["state"],
        "reason": row["reason"],
        "is_this_version": row["fingerprint"] == seen.version,
    }


def _report(seen: Admission, resolved: Resolved | None, job: dict[str, Any] | None) -> dict[str, Any]:
    return {
        "path": readable(seen.path),
        "taken": seen.taken,
        "reason": seen.reason or None,
        "watched_folder": None if resolved is None else str(resolved.watch.path),
        "job": job,
        "options": {} if resolved is None else {name: _plain(value) for name, value in resolved.values.items()},
    }


def _plain(value: Value) -> dict[str, Any]:
    source = value.source
    return {
        "value": value.value,
        "layer": source.layer,
        "file": None if source.file is None else readable(bytes(source.file)),
        "key": source.key,
        "preset": source.name or None,
    }


def _show(seen: Admission, resolved: Resolved | None, job: dict[str, Any] | None) -> None:
    lines = [Text(readable(seen.path))]
    lines.append(Text(f"not taken: {seen.reason}", style="yellow") if seen.reason else Text("taken", style="green"))
    if resolved is not None:
        lines += [Text(f"watched folder: {resolved.watch.path}"), Text(_job_line(job)), Text()]
    console = Console(width=None if sys.stdout.isatty() else PIPE_COLUMNS)
    for line in lines:
        console.print(line, soft_wrap=True)
    if resolved is not None:
        console.print(_table(resolved.values))


def _table(values: Mapping[str, Value]) -> Table:
    """Return a row for each option: its name, its value as JSON, and its source."""
    table = Table(show_header=False, box=None, pad_edge=False)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    table.add_column(overflow="fold")
    for name, value in values.items():
        table.add_row(name, Text(json.dumps(value.value, ensure_ascii=False)), Text(str(value.source)))
    return table


def _job_line(job: dict[str, Any] | None) -> str:
    if job is None:
        return "job: none yet"
    line = f"job {job['id']}: {job['state']}" + (f", {job['reason']}" if job["reason"] else "")
    return line if job["is_this_version"] else f"{line} (of an earlier version of the file)"
