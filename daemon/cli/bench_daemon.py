"""`transcribed bench daemon`."""

import sys
import tempfile
from enum import Enum
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from daemon.cli.bench import JsonFile, Repeats
from daemon.cli.reports import show

Recordings = Enum("Recordings", {name: name for name in ("memos", "hours")}, type=str)  # type: ignore[misc]


def daemon(
    engines: Annotated[
        list[int] | None, typer.Option(min=1, help="Other numbers of engines than 1, 4, 16, 64; may be repeated.")
    ] = None,
    recordings: Annotated[list[Recordings] | None, typer.Option(help="Only these; may be repeated.")] = None,
    seconds: Annotated[float, typer.Option(min=1, help="How long each run is looked at.")] = 20.0,
    repeats: Repeats = 3,
    json_file: JsonFile = None,
) -> None:
    """Measure what one daemon carries: engines that only wait, ten chunks a second each; decoders that send noise."""
    from daemon.bench.load.study import COUNTS, load

    kinds = [each.value for each in recordings or Recordings]
    with tempfile.TemporaryDirectory(prefix="transcribed-bench-") as folder:
        tell = partial(print, file=sys.stderr)
        report = load(Path(folder), kinds, engines or COUNTS, seconds, repeats, tell)
    show(report, json_file, None)
