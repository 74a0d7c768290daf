"""`transcribed export`: other formats of finished transcripts, from the database.

The command asks and the daemon writes: only the daemon publishes, because it alone knows which files are its own, and
two processes that choose names at once would take them from each other.
"""

import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from enum import Enum
from itertools import groupby
from typing import Annotated

import typer

from daemon.cli.common import EXIT_FAILED, EXIT_USAGE, ConfigOption, JsonOption, load_settings, print_json, when_done
from daemon.cli.naming import Names, jobs_named
from daemon.config.folder_settings import FolderSettings
from daemon.config.formats import FORMATS
from daemon.config.settings import Settings
from daemon.store.export_queries import Finished
from daemon.store.queries import Queries

Format = Enum("Format", {name: name for name in FORMATS}, type=str)  # type: ignore[misc]
Order = tuple[tuple[str, ...], list[int]]
"""Formats, and the jobs that are to have them."""


def export(
    jobs: Names = None,
    format_: Annotated[
        list[Format] | None, typer.Option("--format", "-f", help="A format to write; may be repeated.")
    ] = None,
    missing: Annotated[
        bool, typer.Option("--missing", help="What the `formats` of the folders ask for and finished recordings lack.")
    ] = False,
    config_file: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write other formats of finished transcripts beside their recordings, without transcribing again."""
    if missing == bool(jobs) or missing == bool(format_):
        print("transcribed: name jobs and at least one --format, or use --missing alone", file=sys.stderr)
        sys.exit(EXIT_USAGE)
    settings = load_settings(config_file)
    with Queries(settings.database_path) as queries:
        if missing:
            unknown: list[str] = []
            orders = list(_missing(settings, queries.finished()))
        else:
            found, unknown = jobs_named(jobs or [], queries.finished_ids, queries.newest_finished)
            wanted = dict.fromkeys(each.value for each in format_ or ())
            orders = [(tuple(wanted), found)] if found else []
        for formats, job_ids in orders:
            queries.request_export(job_ids, formats)
        running = queries.pid is not None
    _report(orders, unknown, running, as_json)
    if unknown:
        sys.exit(EXIT_FAILED)


def _missing(settings: Settings, finished: Iterable[Finished]) -> Iterator[Order]:
    """Yield what finished recordings lack of the formats that their folders ask for now."""
    lacking: list[tuple[tuple[str, ...], int]] = []
    folder_settings = FolderSettings(settings)
    for each in finished:
        try:
            options = folder_settings.resolve(os.path.join(os.fsencode(each.root), each.path))[0].options
        except LookupError:  # its folder is not watched any more
            continue
        formats = tuple(form for form in options.formats if form not in each.formats)
        if formats:
            lacking.append((formats, each.job_id))
    for formats, jobs in groupby(sorted(lacking), key=lambda each: each[0]):
        yield formats, [job_id for _, job_id in jobs]


def _report(orders: Sequence[Order], unknown: Sequence[str], running: bool, as_json: bool) -> None:
    if as_json:
        requested = [{"formats": formats, "jobs": job_ids} for formats, job_ids in orders]
        print_json({"requested": requested, "not_done": unknown, "daemon_running": running})
        return
    for formats, job_ids in orders:
        print(f"{', '.join(formats)} requested for {', '.join(map(str, job_ids))}; {when_done(running=running)}")
    if not orders and not unknown:
        print("nothing is missing")
    for name in unknown:
        print(f"transcribed: no finished job is {name}", file=sys.stderr)
