"""The command line of the benchmarks: `transcribed bench …` and `transcribed verify`."""

import os
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from daemon.chunk import ENGLISH
from daemon.cli.common import EXIT_FAILED, option_groups
from daemon.cli.progress import downloads
from daemon.cli.reports import beside, progress, show
from daemon.config import reader
from daemon.config.engines import ONNX, WHISPER
from daemon.config.onnx_models import known
from daemon.config.paths import located
from daemon.config.presets import PRESETS, advice
from daemon.config.settings import Model, Settings
from daemon.errors import BadConfig
from daemon.store.measurements import record_verification

if TYPE_CHECKING:  # the studies import PyAV and NumPy, which `transcribed run` must not
    from daemon.bench.report import Report
    from daemon.bench.studies import Bench


bench_app = typer.Typer(
    help="Measure this machine: speed, memory and errors, side by side. Needs pip install 'transcribed[bench]'.",
    no_args_is_help=True,
)

ConfigOption = Annotated[
    Path | None, typer.Option("--config", "-c", help="config.toml, for its table [model]; without one, the defaults.")
]
ModelOption = Annotated[str | None, typer.Option("--model", "-m", help="Use this model, not the configured one.")]
JsonFile = Annotated[
    Path | None,
    typer.Option(
        "--json", metavar="FILE", help="Write everything that was measured to this file; - for standard output."
    ),
]
PlotFile = Annotated[Path | None, typer.Option("--plot", help="Plot it to this PNG file.")]
Repeats = Annotated[int, typer.Option(min=1, help="Runs of each, alternating; the table gives medians.")]
Count = Annotated[int, typer.Option("--memos", min=1, help="How many short recordings.")]
Preset = Enum("Preset", {name: name for name in PRESETS}, type=str)  # type: ignore[misc]
Load = Enum("Load", {name: name for name in ("memos", "meeting", "mixed")}, type=str)  # type: ignore[misc]


@dataclass(frozen=True, slots=True)
class StudyOptions:
    """The options that the studies share."""

    config_file: ConfigOption = None
    model: ModelOption = None
    json_file: JsonFile = None
    plot_file: PlotFile = None


@bench_app.command()
@option_groups
def quantization(
    study: StudyOptions,
    schemes: Annotated[
        bool,
        typer.Option(
            "--schemes",
            help="Compare PyTorch, ONNX Runtime, OpenVINO, CTranslate2 and the daemon instead; all of it needs "
            "pip install 'transcribed[peers,schemes]'.",
        ),
    ] = False,
    memos: Count = 30,
    repeats: Repeats = 3,
) -> None:
    """Compare the compute types: load time, speed, memory, errors, and how much of float32's accuracy each keeps."""
    from daemon.bench import schemes as compared
    from daemon.bench import studies

    run = compared.schemes if schemes else studies.quantization
    _study(study, repeats, lambda bench: run(bench, memos))


@bench_app.command()
@option_groups
def batching(study: StudyOptions, memos: Count = 60, repeats: Repeats = 3) -> None:
    """Compare serial work with batches of 2 to 16, on one worker and on one per core: files an hour, device use."""
    from daemon.bench import studies

    cores = len(os.sched_getaffinity(0))
    _study(study, repeats, lambda bench: studies.batching(bench, memos, cores))


@bench_app.command()
@option_groups
def lengths(
    study: StudyOptions,
    minutes: Annotated[list[float] | None, typer.Option(help="Other lengths than 0.5, 5, 30; may be repeated.")] = None,
    repeats: Repeats = 1,
) -> None:
    """Transcribe recordings of 30 s, 5 min and 30 min: time must grow with the length, memory must not."""
    from daemon.bench import studies

    wanted = [60 * each for each in minutes] if minutes else studies.LENGTHS_S
    _study(study, repeats, lambda bench: studies.lengths(bench, wanted))


@bench_app.command()
@option_groups
def peers(
    study: StudyOptions,
    workload: Annotated[list[Load] | None, typer.Option(help="Only this one; may be repeated.")] = None,
    folder: Annotated[
        Path | None,
        typer.Option(exists=True, file_okay=False, help="Your own recordings; with --workload, in addition to it."),
    ] = None,
    only: Annotated[list[str] | None, typer.Option(help="Only peers with this in their name; may be repeated.")] = None,
    repeats: Repeats = 3,
) -> None:
    """Compare the daemon with other programs on the same weights. Some need pip install 'transcribed[peers]'."""
    from daemon.bench import studies
    from daemon.bench import workload as workloads

    builders = {each.value: workloads.BUILDERS[each.value] for each in workload or (() if folder else Load)}
    if folder is not None:
        builders["folder"] = partial(workloads.of_user, folder)

    def run(bench: "Bench") -> "Report":
        made = []
        for name, build in builders.items():
            place = bench.folder / name
            place.mkdir()
            made.append(build(place))
        return studies.peers(bench, made, only or ())

    _study(study, repeats, run)


@bench_app.command()
def latency(
    config_file: ConfigOption = None,
    model: ModelOption = None,
    repeats: Repeats = 3,
    json_file: JsonFile = None,
) -> None:
    """Measure how long a memo waits for its transcript: on an idle daemon, and while 15 minutes are transcribed."""
    from daemon.bench.latency import latency as run

    study = StudyOptions(config_file, model, json_file)
    _study(study, repeats, lambda bench: run(bench.model, bench.folder, repeats))


@bench_app.command()
def subtitles(
    config_file: ConfigOption = None,
    model: ModelOption = None,
    transcripts: Annotated[int, typer.Option(min=1, help="How many transcripts are made up.")] = 1000,
    folder: Annotated[
        Path | None, typer.Option(exists=True, file_okay=False, help="Recordings to make subtitles of in addition.")
    ] = None,
    json_file: JsonFile = None,
) -> None:
    """Count how often subtitles break the rules of the guides, in twelve languages, beside those of other programs."""
    from daemon.bench.subtitles.study import subtitles as run

    study = StudyOptions(config_file, model, json_file)
    work = partial(run, transcripts, folder)
    _study(study, 1, lambda bench: work(bench.model["name"]), transcribes=folder is not None)


@bench_app.command()
def database(
    jobs: Annotated[int, typer.Option(min=1, help="How many finished recordings.")] = 100_000,
    segments: Annotated[int, typer.Option(min=1, help="How many lines of text in all.")] = 1_000_000,
    json_file: JsonFile = None,
) -> None:
    """Measure search, lists and reconcile on a large database of made-up transcripts. Takes a gigabyte and minutes."""
    from daemon.bench.database import database as run

    study = StudyOptions(json_file=json_file)
    _study(study, 1, lambda bench: run(jobs, segments, bench.folder), transcribes=False)


@bench_app.command()
def web(
    config_file: ConfigOption = None,
    model: ModelOption = None,
    memos: Count = 60,
    jobs: Annotated[int, typer.Option(min=1, help="How many finished recordings.")] = 100_000,
    segments: Annotated[int, typer.Option(min=1, help="How many lines of text in all.")] = 1_000_000,
    repeats: Repeats = 3,
    json_file: JsonFile = None,
) -> None:
    """Measure what the page costs the daemon, and how fast it answers: watched, searched, sent to, read slowly."""
    from daemon.bench.web import Sizes
    from daemon.bench.web import web as run

    study = StudyOptions(config_file, model, json_file)
    _study(study, repeats, lambda bench: run(bench, Sizes(memos, jobs, segments)))


@bench_app.command()
@option_groups
def folder(
    path: Annotated[Path, typer.Argument(exists=True, file_okay=False, help="Recordings; nothing is written there.")],
    study: StudyOptions,
    preset: Annotated[list[Preset] | None, typer.Option(help="Presets to compare; may be repeated.")] = None,
    language: Annotated[
        str, typer.Option(help="The spoken language: en, de, ...; auto detects it for each recording.")
    ] = "auto",
    repeats: Repeats = 1,
) -> None:
    """Transcribe your own recordings, as configured and with presets, and say which presets fit this machine."""
    from daemon.bench import studies
    from daemon.bench.report import machine

    gpus = machine()["gpus"]
    fitting = [name for name, each in PRESETS.items() if each.device == "cpu" or gpus]
    chosen = [each.value for each in preset] if preset else fitting

    def run(bench: "Bench") -> "Report":
        report = studies.folder(bench, path, chosen, language)
        if bench.model.get("engine", WHISPER) == WHISPER:  # presets and their memory are for Whisper models
            report.notes += _advice(bench.model["name"], chosen, report)
        return report

    _study(study, repeats, run)


def verify(
    config_file: ConfigOption = None,
    path: Annotated[
        Path | None,
        typer.Option(
            "--folder", exists=True, file_okay=False, help="Recordings, each with NAME.ref.txt; default: shipped clips."
        ),
    ] = None,
    least: Annotated[float, typer.Option(min=0, max=100, help="The least accuracy, in percent of float32's.")] = 97.0,
    json_file: JsonFile = None,
    plot_file: PlotFile = None,
) -> None:
    """Compare the configured model with float32; exit with 1 if it keeps too little of float32's accuracy."""
    from daemon.bench.verify import verify as run

    settings = _settings(config_file)
    with tempfile.TemporaryDirectory(prefix="transcribed-verify-") as name:
        model = _model(settings, None)
        _fetch(model)
        verdict = run(model, Path(name), path, least, progress, _language(settings, path))
    show(verdict.report, json_file, plot_file, model.get("engine", WHISPER))
    if settings is not None and settings.database_path.is_file():
        record_verification(settings.database_path, **verdict.row)
    word = "passed" if verdict.passed else "failed"
    line = f"{word}: keeps {verdict.kept_percent:.2f} % of float32's accuracy; at least {least:g} % is required"
    print(line, file=beside(json_file))
    if not verdict.passed:
        sys.exit(EXIT_FAILED)


def _study(
    options: StudyOptions, repeats: int, run: Callable[["Bench"], "Report"], *, transcribes: bool = True
) -> None:
    from daemon.bench.studies import Bench

    with tempfile.TemporaryDirectory(prefix="transcribed-bench-") as name:
        model = _model(_settings(options.config_file), options.model)
        if transcribes:
            _fetch(model)
        report = run(Bench(model, Path(name), repeats, progress))
    show(report, options.json_file, options.plot_file, model.get("engine", WHISPER))
    if not report.rows:
        sys.exit(EXIT_FAILED)


def configured(config_file: Path | None, model: str | None) -> dict[str, Any]:
    """Return the keys of [model] that a benchmark is to use, as its options `--config` and `--model` say."""
    return _model(_settings(config_file), model)


def _settings(config_file: Path | None) -> Settings | None:
    """Read the configuration; return None where there is none, for a benchmark runs anywhere."""
    try:
        file = reader.find(config_file)
    except BadConfig:
        return None
    return reader.load(file)


def _model(settings: Settings | None, name: str | None) -> dict[str, Any]:
    """Return the keys of [model] that differ from their defaults, and the name."""
    model = Model() if settings is None else settings.model
    chosen = {"name": located(name, Path.cwd())} if name else {}
    return {"name": model.name, **model.model_dump(exclude_defaults=True), **chosen}


def _language(settings: Settings | None, path: Path | None) -> str:
    """Return what is spoken in the recordings that are verified with, for models that must be told."""
    if settings is None or settings.model.engine != ONNX:
        return "auto"
    can = known(settings.model.name)
    if path is None:
        return ENGLISH if can is None or ENGLISH in can.languages else "auto"
    return next((watch.language for watch in settings.watch if watch.language != "auto"), "auto")


def _fetch(model: dict[str, Any]) -> None:
    """Download the model, if it is not here, so that no contender is measured while it waits for it."""
    from daemon.engine.downloads import told
    from daemon.engine.weights_file import weights_file

    with downloads() as tell, told(tell):
        weights_file(model["name"], model.get("engine", WHISPER))


def _advice(name: str, presets: Sequence[str], report: "Report") -> list[str]:
    """Say whether each preset fits into this machine's memory, and which one was the fastest."""
    from daemon.bench.report import machine
    from daemon.engine.model_files import MODEL_FILE, resolve

    size = (resolve(name) / MODEL_FILE).stat().st_size
    lines = []
    for each in presets:
        preset = PRESETS[each]
        workers = preset.workers or len(os.sched_getaffinity(0))
        memory_mb = 1000 * (preset.memory_gb or machine()["memory_gb"])
        told = advice(size, preset.compute_type, workers, preset.batch_size, memory_mb)
        lines.append(f"preset {each} ({preset.why}): {told}")
    fastest = min((row for row in report.rows), key=lambda row: row["wall s"], default=None)
    if fastest is not None:
        lines.append(f"fastest here: {fastest['settings']}")
    return lines
