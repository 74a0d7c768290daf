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
from daemon.config.folder_settings import FolderSettings
from daemon.config.formats import FORMATS
from daemon.config.settings import Settings
from daemon.store.export_queries import Finished
from daemon.store.job_queries import JobFilter
from daemon.store.queries import Queries

Format = Enum("Format", {name: name for name in FORMATS}, type=str)  # type: ignore[misc]
Order = tuple[tuple[str, ...], list[int]]
"""Formats, and the jobs that are to have them."""


def export(
    jobs: Annotated[
        list[str] | None,
        typer.Argument(help="Jobs by id, or recordings by path or pattern, as `jobs list` shows them."),
    ] = None,
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
            found, unknown = _named(queries, jobs or [])
            wanted = dict.fromkeys(each.value for each in format_ or ())
            orders = [(tuple(wanted), found)] if found else []
        for formats, job_ids in orders:
            queries.request_export(job_ids, formats)
        running = queries.pid is not None
    _report(orders, unknown, running, as_json)
    if unknown:
        sys.exit(EXIT_FAILED)


def _named(queries: Queries, names: Sequence[str]) -> tuple[list[int], list[str]]:
    """Return the finished jobs that names stand for, and the names that stand for none."""
    found: dict[int, None] = {}
    unknown = []
    for name in names:
        if name.isascii() and name.isdigit():
            matched = queries.finished_ids([int(name)])
        else:
            whole = os.path.join(os.path.realpath(os.path.dirname(name)), os.path.basename(name))
            by_path = (queries.finished(JobFilter(path=os.fsencode(path))) for path in (name, whole))
            matched = [each.job_id for each in next(filter(None, by_path), [])]
        found |= dict.fromkeys(matched)
        unknown += [] if matched else [name]
    return list(found), unknown


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
