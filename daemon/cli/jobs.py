"""The commands about jobs: `transcribed jobs list`, `show`, `retry`, `cancel`, `pause`, `resume`, `priority`."""

import os
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from daemon.cli import show
from daemon.cli.common import (
    EXIT_FAILED,
    LIMIT_MAX,
    ConfigOption,
    JsonOption,
    load_settings,
    option_groups,
    print_json,
    when_done,
    wrong,
)
from daemon.cli.naming import JobOptions, Names, is_id, jobs_named
from daemon.config.values import PRIORITY_MAX
from daemon.store.job_queries import START, JobFilter
from daemon.store.queries import Queries
from daemon.store.records import readable
from daemon.store.requests import REFRESH, acts_on, priority_command

NAMED_MAX = 20
"""Jobs in a state that are named as left alone; --json names all."""

jobs_app = typer.Typer(help="The jobs: one for each version of each recording.", no_args_is_help=True)


@jobs_app.command("list")
@option_groups
def jobs_list(
    filters: JobOptions,
    config_file: ConfigOption = None,
    limit: Annotated[int, typer.Option(min=1, max=LIMIT_MAX, help="Show at most this many, the newest first.")] = 50,
    offset: Annotated[int, typer.Option(min=0, max=LIMIT_MAX, help="Skip this many of the newest.")] = 0,
    cursor: Annotated[
        str | None, typer.Option(help=f"With --json, page by page: {START}, then the last page's `next`.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """List the newest jobs, with their states and reasons."""
    if cursor is not None and (offset or not as_json):
        wrong("--cursor goes with --json and without --offset")
    wanted = filters.chosen
    with _queries(config_file) as queries:
        if cursor is not None:
            try:
                print_json(queries.page(wanted, limit=limit, cursor=cursor))
            except ValueError as error:
                wrong(f"--cursor: {error}")
            return
        found = queries.jobs(wanted, limit=limit, offset=offset)
    if as_json:
        print_json(found)
    else:
        Console().print(show.jobs(found))


@jobs_app.command("show")
def jobs_show(
    job_id: Annotated[int, typer.Argument(help="The id, as `jobs list` shows it.")],
    config_file: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show everything about one job: its options, files, text and errors."""
    with _queries(config_file) as queries:
        job = queries.job(job_id)
    if job is None:
        print(f"transcribed: there is no job {job_id}", file=sys.stderr)
        sys.exit(EXIT_FAILED)
    if as_json:
        print_json(job)
    else:
        Console().print(show.job(job))


@jobs_app.command("retry")
@option_groups
def jobs_retry(
    filters: JobOptions,
    names: Names = None,
    refresh: Annotated[
        bool, typer.Option("--refresh-options", help="With the options that apply to the recording now.")
    ] = False,
    config_file: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Queue ended jobs again, to start from the beginning with the options that they were queued with."""
    _request(REFRESH if refresh else "retry", names, filters, config_file, as_json)


@jobs_app.command("cancel")
@option_groups
def jobs_cancel(
    filters: JobOptions, names: Names = None, config_file: ConfigOption = None, as_json: JsonOption = False
) -> None:
    """Cancel jobs that have not ended; their recordings are left alone."""
    _request("cancel", names, filters, config_file, as_json)


@jobs_app.command("pause")
@option_groups
def jobs_pause(
    filters: JobOptions, names: Names = None, config_file: ConfigOption = None, as_json: JsonOption = False
) -> None:
    """Hold jobs that wait or run until `jobs resume`; what is done of them is kept."""
    _request("pause", names, filters, config_file, as_json)


@jobs_app.command("resume")
@option_groups
def jobs_resume(
    filters: JobOptions, names: Names = None, config_file: ConfigOption = None, as_json: JsonOption = False
) -> None:
    """Let jobs that `jobs pause` holds go on where they were."""
    _request("resume", names, filters, config_file, as_json)


@jobs_app.command("priority")
@option_groups
def jobs_priority(
    filters: JobOptions,
    to: Annotated[
        int, typer.Option(min=-PRIORITY_MAX, max=PRIORITY_MAX, help="The priority; higher numbers go first.")
    ],
    names: Names = None,
    config_file: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Give jobs that wait another priority."""
    _request(priority_command(to), names, filters, config_file, as_json)


def _request(
    command: str, names: list[str] | None, filters: JobOptions, config_file: Path | None, as_json: bool
) -> None:
    wanted = filters.chosen
    if bool(names) == (wanted != JobFilter()):
        wrong("name jobs by id, path or pattern, or choose them with --state, --root, --path or --suspect")
    with _queries(config_file) as queries:
        if names:
            found, unknown = jobs_named(names, queries.existing, queries.newest_matching)
        else:
            found, unknown = queries.matching(wanted), []
        states = queries.states(found)
        # Requests are done in their order, so what is asked already may change the state by then.
        changing = queries.asked(found)
        left_alone = {
            job_id: state
            for job_id, state in states.items()
            if state not in acts_on(command) and job_id not in changing
        }
        found = queries.request(command, [job_id for job_id in states if job_id not in left_alone])
        running = queries.pid is not None
    name = command.partition(":")[0]
    if as_json:
        missing = [int(each) if is_id(each) else readable(os.fsencode(each)) for each in unknown]
        print_json(
            {
                "command": name, "requested": found, "missing": missing, "daemon_running": running,
                "left_alone": [{"job": each, "state": state} for each, state in left_alone.items()],
            }
        )  # fmt: skip
    else:
        if found:
            print(f"{name} requested for {', '.join(map(str, found))}; {when_done(running=running)}")
        elif not unknown and not left_alone:
            print("no jobs match")
        for state in dict.fromkeys(left_alone.values()):
            ids = [job_id for job_id, its in left_alone.items() if its == state]
            more = f" and {len(ids) - NAMED_MAX} more" if len(ids) > NAMED_MAX else ""
            print(f"left alone, because {state}: {', '.join(map(str, ids[:NAMED_MAX]))}{more}")
        for each in unknown:
            print(f"transcribed: there is no job {readable(os.fsencode(each))}", file=sys.stderr)
    if unknown:
        sys.exit(EXIT_FAILED)


def _queries(config_file: Path | None) -> Queries:
    return Queries(load_settings(config_file).database_path)
