"""`transcribed search`: lines of transcripts by their words."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from daemon.cli.common import LIMIT_MAX, ConfigOption, JsonOption, load_settings, moment_of, print_json, wrong
from daemon.cli.show import length
from daemon.store.full_text import query
from daemon.store.queries import Queries
from daemon.store.search_queries import Asked, Hit


def search(
    words: Annotated[list[str], typer.Argument(help='Words that a line must have; "two words" in quotes: a phrase.')],
    folder: Annotated[Path | None, typer.Option(help="Only recordings below this folder.")] = None,
    since: Annotated[
        str | None, typer.Option(help="Only what was transcribed since then: 7d (ago), 2026-03-31 ...")
    ] = None,
    limit: Annotated[
        int, typer.Option(min=1, max=LIMIT_MAX, help="Show at most this many lines, the newest transcripts first.")
    ] = 20,
    config_file: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Find what was said: the lines of all transcripts that have these words, with recording and time."""
    try:
        wanted = query(words)
    except ValueError as error:
        wrong(str(error))
    asked = Asked(
        wanted,
        None if folder is None else str(folder.expanduser().resolve()),
        None if since is None else moment_of("--since", since),
        limit=limit,
    )
    with Queries(load_settings(config_file).database_path) as queries:
        hits = queries.search(asked)
    if as_json:
        print_json([asdict(hit) for hit in hits])
    else:
        _show(hits)


def _show(hits: list[Hit]) -> None:
    console = Console(highlight=False)
    for hit in hits:
        place = f"{hit.path}  {length(hit.start_s)}" + (f"  channel {hit.channel}" if hit.channel else "")
        console.print(Text(f"{place}  (job {hit.job_id})", style="cyan"), soft_wrap=True)
        text = Text(hit.text)
        for first, last in hit.highlights:
            text.stylize("bold", first, last)
        for line in (Text(hit.before, style="dim"), text, Text(hit.after, style="dim")):
            if line:
                console.print(Text("  ") + line, soft_wrap=True)
    if not hits:
        print("nothing found")
