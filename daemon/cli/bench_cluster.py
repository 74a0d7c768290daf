"""`transcribed bench cluster`."""

import sys
import tempfile
from enum import Enum
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from daemon.cli.bench import ConfigOption, JsonFile, ModelOption, Repeats, configured
from daemon.cli.reports import show
from daemon.config.engines import WHISPER

if TYPE_CHECKING:  # it imports PyAV and NumPy, which `transcribed run` must not
    from daemon.bench.report import Report

Recordings = Enum("Recordings", {name: name for name in ("memos", "meeting")}, type=str)  # type: ignore[misc]


def cluster(
    engines: Annotated[
        list[int] | None,
        typer.Option(min=1, help="Other numbers of engines than 1, 4, 16, 32 (simulated: 1 to 512); may be repeated."),
    ] = None,
    chunk_ms: Annotated[float, typer.Option(min=1, help="How long an engine takes for a chunk.")] = 100.0,
    chunk_s: Annotated[
        list[float] | None, typer.Option(min=1, max=30, help="Other chunks than of 30 s and 10 s; may be repeated.")
    ] = None,
    processes: Annotated[
        bool, typer.Option("--processes", help="Each engine is a process, as in earnest, and not a thread.")
    ] = False,
    overhead: Annotated[
        bool, typer.Option("--overhead", help="Compare the model's engine as a child and through Ray instead.")
    ] = False,
    recordings: Annotated[list[Recordings] | None, typer.Option(help="With --overhead, only these.")] = None,
    simulate: Annotated[
        bool, typer.Option("--simulate", help="Compute with measured costs instead what up to 512 engines come to.")
    ] = False,
    gbit: Annotated[
        list[float] | None, typer.Option(min=0.01, help="Simulated: other networks than 1, 10, 25; may be repeated.")
    ] = None,
    cores: Annotated[int, typer.Option(min=1, help="Simulated: of the machine with the files.")] = 64,
    seconds: Annotated[float, typer.Option(min=1, help="How long each run is looked at.")] = 15.0,
    config_file: ConfigOption = None,
    model: ModelOption = None,
    repeats: Repeats = 1,
    json_file: JsonFile = None,
) -> None:
    """Measure engines on a Ray cluster, all on this machine: what each costs the daemon, the link, Ray, the network."""
    tell = partial(print, file=sys.stderr)
    report: Report
    engine = WHISPER
    if simulate:
        from daemon.bench.cluster import simulation

        counts, gbits = engines or simulation.COUNTS, gbit or simulation.GBITS
        report = simulation.simulation(counts, gbits, cores, chunk_ms)
    elif overhead:
        from daemon.bench.cluster.overhead import overhead as compared

        keys = configured(config_file, model)
        engine = keys.get("engine", WHISPER)
        with tempfile.TemporaryDirectory(prefix="transcribed-bench-") as folder:
            names = [each.value for each in recordings or Recordings]
            report = compared(keys, Path(folder), names, repeats, tell)
    else:
        from daemon.bench.cluster.study import COUNTS, LENGTHS_S, Wanted, scale

        wanted = Wanted(engines or COUNTS, chunk_ms, chunk_s or LENGTHS_S, seconds, repeats, processes)
        with tempfile.TemporaryDirectory(prefix="transcribed-bench-") as folder:
            report = scale(Path(folder), wanted, tell)
    show(report, json_file, None, engine)
