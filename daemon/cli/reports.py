"""Shows what a benchmark does and has found: a bar while it runs, a table for people, JSON for programs."""

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from daemon.config.engines import WHISPER

if TYPE_CHECKING:  # the studies import PyAV and NumPy, which `transcribed run` must not
    from daemon.bench.report import Report
    from daemon.bench.studies import Step

STANDARD_OUTPUT = Path("-")


def progress(steps: Sequence["Step"]) -> Iterator["Step"]:
    """Yield the steps of a study and show its progress on standard error."""
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), TextColumn("{task.completed}/{task.total}"))
    with Progress(*columns, TimeElapsedColumn(), console=Console(stderr=True)) as bar:
        task = bar.add_task("", total=len(steps))
        for contender, load, start in steps:
            bar.update(task, description=f"{contender}: {load.name}")
            yield contender, load, start
            bar.advance(task)


def show(
    report: "Report",
    json_file: Path | None,
    plot_file: Path | None,
    engine: str = WHISPER,
    weights: Path | None = None,
) -> None:
    """Print a report, and write what was measured and the plot into files, if there are to be any.

    Args:
        report: What was measured.
        json_file: Where all of it goes.
        plot_file: Where the plot goes.
        engine: Whose model it was measured with.
        weights: The file of the model, if it is none that transcribes.
    """
    from daemon.bench.plots import plot
    from daemon.bench.report import machine, versions
    from daemon.engine.weights_file import weights_file

    table = Table(*report.columns, box=None, pad_edge=False, header_style="bold")
    for row in report.rows:
        table.add_row(*("–" if row[column] is None else str(row[column]) for column in report.columns))
    stream = beside(json_file)
    # Without Rich's markup: it would drop what "transcribed[peers]" and names of folders have in brackets.
    console = Console(file=stream, width=None if stream.isatty() else 160, markup=False)
    here = machine()
    console.print(f"{here['processor']}, {here['memory_gb']} GB, GPUs: {', '.join(here['gpus']) or 'none'}")
    console.print(", ".join(f"{name} {number}" for name, number in versions().items()))
    for load in report.workloads:
        console.print(f"{report.model} on {load.name}: {load.audio_s:.0f} s of audio, sha256 {load.sha256[:12]}")
    console.print(table)
    for note in report.notes:
        console.print(f"  {note}")
    if json_file is not None:
        file = weights or (weights_file(report.model, engine) if report.workloads else None)
        document = report.to_json(file)
        if json_file == STANDARD_OUTPUT:
            sys.stdout.write(document)
        else:
            json_file.write_text(document, "utf-8")
    if plot_file is not None:
        plot(report, plot_file)


def beside(json_file: Path | None) -> TextIO:
    """Return where people's table goes: standard output, unless that is for the JSON."""
    return sys.stderr if json_file == STANDARD_OUTPUT else sys.stdout
