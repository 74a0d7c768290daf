"""`transcribed export`: other formats of finished transcripts, or one table of all of them, from the database.

Of formats the command asks and the daemon writes: only the daemon publishes, because it alone knows which files are its
own, and two processes that choose names at once would take them from each other. A table is written by the command.
"""

import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from itertools import groupby
from pathlib import Path
from typing import Annotated

import typer

from daemon.cli.common import (
    EXIT_FAILED,
    ConfigOption,
    JsonOption,
    load_settings,
    option_groups,
    print_json,
    when_done,
    wrong,
)
from daemon.cli.naming import JobOptions, Names, jobs_named
from daemon.cli.tables import BINARY, WRITERS, destination
from daemon.config.folder_settings import FolderSettings
from daemon.config.formats import FORMATS
from daemon.config.settings import Settings
from daemon.store.export_queries import Finished
from daemon.store.job_queries import JobFilter
from daemon.store.queries import Queries
from daemon.store.records import readable
from daemon.store.table_queries import TABLES, kinds

Format = Enum("Format", {name: name for name in (*FORMATS, *WRITERS)}, type=str)  # type: ignore[misc]
TableName = Enum("TableName", {name: name for name in TABLES}, type=str)  # type: ignore[misc]
SEGMENTS = TableName("segments")
Order = tuple[tuple[str, ...], list[int]]
"""Formats, and the jobs that are to have them."""
Find = Callable[[JobFilter], Sequence[int]]
"""Returns the jobs that a filter matches, in one sense or another."""


@dataclass(frozen=True, slots=True)
class FormatOptions:
    """The options that say what is written."""

    format_: Annotated[
        list[Format] | None,
        typer.Option("--format", "-f", help="A format to write; may be repeated. csv, jsonl and parquet: one table."),
    ] = None
    missing: Annotated[
        bool, typer.Option("--missing", help="What the `formats` of the folders ask for and finished recordings lack.")
    ] = False

    @property
    def table(self) -> str | None:
        """The format of a table, if that is what is wanted."""
        return next((name for name in self.names if name in WRITERS), None)

    @property
    def names(self) -> tuple[str, ...]:
        """The formats by name, each once."""
        return tuple(dict.fromkeys(each.value for each in self.format_ or ()))


@dataclass(frozen=True, slots=True)
class TableOptions:
    """The options that go with a table."""

    table: Annotated[TableName, typer.Option(help="Which table: the lines of finished transcripts, or the jobs.")] = (
        SEGMENTS
    )
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", help="Write the table to this file, not to the screen."),
    ] = None
    force: Annotated[bool, typer.Option("--force", help="Replace the file, if there is one.")] = False


@dataclass(frozen=True, slots=True)
class Choice:
    """The jobs that are wanted, by name or by filter; all, if neither says anything."""

    names: tuple[str, ...]
    filter: JobFilter

    @property
    def is_all(self) -> bool:
        """Whether nothing has been said."""
        return not self.names and self.filter == JobFilter()

    def found(
        self, by_ids: Callable[[Sequence[int]], Sequence[int]], *, newest: Find, matching: Find
    ) -> tuple[list[int], list[str]]:
        """Return the ids of the jobs, and the names that stand for none.

        Args:
            by_ids: Returns those of some ids that count.
            newest: Finds the job that counts of each recording that a name stands for.
            matching: Finds the jobs that a filter matches.
        """
        if not self.names:
            return list(matching(self.filter)), []
        found, unknown = jobs_named(self.names, by_ids, newest)
        return found, [readable(os.fsencode(name)) for name in unknown]


@option_groups
def export(
    filters: JobOptions,
    wanted: FormatOptions,
    table: TableOptions,
    jobs: Names = None,
    config_file: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write other formats of finished transcripts beside their recordings, or all of them as one table.

    The daemon writes txt, srt and so on, without transcribing again. csv, jsonl and parquet are a table for other
    programs, which goes to standard output, or to `--output FILE`.
    """
    choice = Choice(tuple(jobs or ()), filters.chosen)
    if problem := _problem(choice, wanted, table, as_json):
        wrong(problem)
    settings = load_settings(config_file)
    with Queries(settings.database_path) as queries:
        if wanted.table is None:
            unknown = _request(queries, settings, choice, wanted, as_json)
        else:
            unknown = _write_table(queries, choice, wanted.table, table, as_json)
    if unknown:
        sys.exit(EXIT_FAILED)


def _problem(choice: Choice, wanted: FormatOptions, table: TableOptions, as_json: bool) -> str | None:
    """Return what does not go together; None if all does."""
    if choice.names and choice.filter != JobFilter():
        return "name jobs, or choose them with --state, --root, --path or --suspect"
    if wanted.table is None:
        if table != TableOptions():
            return "--table, --output and --force go with --format csv, jsonl or parquet"
        if wanted.missing != choice.is_all or wanted.missing == bool(wanted.names):
            return "name jobs or choose them, and at least one --format, or use --missing alone"
    elif wanted.missing or len(wanted.names) > 1:
        return f"{wanted.table} is one table: give no other --format and no --missing"
    elif table.output is None and (as_json or table.force):
        return "--json and --force go with --output FILE"
    elif table.output is None and wanted.table in BINARY and sys.stdout.isatty():
        return f"{wanted.table} is nothing to read: name a file with --output"
    return None


def _write_table(queries: Queries, choice: Choice, form: str, options: TableOptions, as_json: bool) -> list[str]:
    """Write a table, and return the names that stand for no job."""
    name = options.table.value
    finished = options.table is SEGMENTS and not choice.filter.states
    found, unknown = choice.found(
        queries.existing,
        newest=queries.newest_matching,
        matching=queries.newest_finished if finished else queries.matching,
    )
    with destination(options.output, force=options.force) as out:
        count = WRITERS[form](out, kinds(name), queries.table(name, found))
    if as_json:
        print_json({"output": str(options.output), "table": name, "rows": count, "missing": unknown})
        return unknown
    if options.output is not None:
        print(f"{count} rows written to {options.output}")
    for each in unknown:
        print(f"transcribed: there is no job {each}", file=sys.stderr)
    return unknown


def _request(queries: Queries, settings: Settings, choice: Choice, wanted: FormatOptions, as_json: bool) -> list[str]:
    """Ask the daemon for files, and return the names that stand for no finished job."""
    unknown: list[str] = []
    if wanted.missing:
        orders = list(_missing(settings, queries.finished()))
    else:
        finished = queries.newest_finished
        found, unknown = choice.found(queries.finished_ids, newest=finished, matching=finished)
        orders = [(wanted.names, found)] if found else []
    for formats, job_ids in orders:
        queries.request_export(job_ids, formats)
    if as_json:
        requested = [{"formats": formats, "jobs": job_ids} for formats, job_ids in orders]
        print_json({"requested": requested, "not_done": unknown, "daemon_running": queries.pid is not None})
        return unknown
    for formats, job_ids in orders:
        when = when_done(running=queries.pid is not None)
        print(f"{', '.join(formats)} requested for {', '.join(map(str, job_ids))}; {when}")
    if not orders and not unknown:
        print("nothing is missing" if wanted.missing else "no finished jobs match")
    for name in unknown:
        print(f"transcribed: no finished job is {name}", file=sys.stderr)
    return unknown


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
