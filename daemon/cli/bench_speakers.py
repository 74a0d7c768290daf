"""`transcribed bench speakers`."""

import sys
import tempfile
from contextlib import ExitStack
from enum import Enum
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from daemon.cli.bench import ConfigOption, JsonFile, ModelOption, Repeats, configured
from daemon.cli.common import EXIT_FAILED
from daemon.cli.reports import show
from daemon.config.speaker_models import campplus
from daemon.errors import Unavailable

Line = Enum("Line", {name: name for name in ("clean", "noise", "telephone", "opus")}, type=str)  # type: ignore[misc]
Way = Enum("Way", {name: name for name in ("engine", "daemon")}, type=str)  # type: ignore[misc]


def speakers(
    clips: Annotated[
        Path | None,
        typer.Option(
            exists=True,
            file_okay=False,
            help="Clips of different people, one sub-folder each, or NAME-1.wav; default: shipped synthetic voices.",
        ),
    ] = None,
    recordings: Annotated[
        Path | None,
        typer.Option(
            "--folder", exists=True, file_okay=False, help="Recordings, each with NAME.rttm, instead of built ones."
        ),
    ] = None,
    voices: Annotated[
        list[int] | None, typer.Option(min=1, help="Only so many people in a conversation; may be repeated.")
    ] = None,
    line: Annotated[list[Line] | None, typer.Option(help="Only over this one; may be repeated.")] = None,
    minutes: Annotated[
        list[float] | None, typer.Option(min=0.5, help="Another length than 2; may be repeated.")
    ] = None,
    conversations: Annotated[int, typer.Option(min=1, help="How many of each kind.")] = 2,
    overlap: Annotated[
        float, typer.Option(min=0, max=100, help="In how many percent of changes two people speak at once.")
    ] = 0.0,
    speakers: Annotated[str, typer.Option(help="As the key of that name: auto, or how many: 2, 2-6.")] = "auto",
    way: Annotated[
        list[Way] | None,
        typer.Option(help="The decoder's part in this process (engine), or a whole daemon; may be repeated."),
    ] = None,
    names: Annotated[
        bool,
        typer.Option(
            "--names", help="Instead: whether known voices are recognized, and others not; with --clips, --line."
        ),
    ] = False,
    only: Annotated[list[str] | None, typer.Option(help="Only peers with this in their name; may be repeated.")] = None,
    speaker_model: Annotated[
        Path | None,
        typer.Option(exists=True, dir_okay=False, help="Another ONNX model of voices than the installed one."),
    ] = None,
    keep: Annotated[
        Path | None, typer.Option(file_okay=False, help="Leave the built conversations and references there.")
    ] = None,
    config_file: ConfigOption = None,
    model: ModelOption = None,
    repeats: Repeats = 1,
    json_file: JsonFile = None,
) -> None:
    """Measure how well voices are told apart. Needs pip install 'transcribed[speakers,bench-speakers]'."""
    from daemon.bench.speakers.cases import MINUTES, Plan
    from daemon.bench.speakers.names import names as recognized
    from daemon.bench.speakers.study import ENGINE, Wanted
    from daemon.bench.speakers.study import speakers as run

    file = speaker_model or campplus()
    if not file.is_file():
        raise Unavailable(f"{file}: there is no speaker model", "run `transcribed speakers install`")
    lines = [each.value for each in line or Line]
    if names and recordings is not None:
        raise typer.BadParameter("it needs clips of which it is known who speaks: --clips", param_hint="--names")
    plan = Plan(voices or (), lines, minutes or MINUTES, overlap, conversations)
    ways = [each.value for each in way or ()] or [ENGINE]
    wanted = Wanted(plan, clips, recordings, speakers, ways, only or (), repeats)
    with ExitStack() as stack:
        if keep is None:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="transcribed-bench-")))
        else:
            folder = keep
            folder.mkdir(parents=True, exist_ok=True)
        tell = partial(print, file=sys.stderr)
        if names:
            report = recognized(clips, lines, file, folder, tell)
        else:
            report = run(wanted, file, configured(config_file, model), folder, tell)
    show(report, json_file, None, weights=file)
    if not report.rows:
        sys.exit(EXIT_FAILED)
