"""The commands about running the service: `transcribed alerts`, `metrics`, `pause`, `resume`, `db backup`."""

import os
import signal
import time
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from daemon.cli.common import LIMIT_MAX, JsonOption, load_settings, print_json, seconds_of, when_done
from daemon.cli.show import clock
from daemon.config import reader
from daemon.errors import Unavailable
from daemon.monitor.metrics import METRICS
from daemon.monitor.notifications import is_known
from daemon.permissions import user_name
from daemon.store import database
from daemon.store.backup import backup_path
from daemon.store.queries import Queries

ConfigOption = Annotated[Path | None, typer.Option("--config", "-c", help="config.toml, as for `run`.")]

db_app = typer.Typer(help="Look after the database itself.", no_args_is_help=True)

STATE_COLOURS = {"firing": "red", "pending": "yellow", "unknown": "magenta", "resolved": "green"}
BARS = "▁▂▃▄▅▆▇█"
RELOAD_S = 50.0
"""How long a reload may take, besides `drain_seconds`, within which the batches in flight end."""
SPARK_WIDTH, FIGURES_WIDTH = 48, 68
"""The most cells of a sparkline, and the width of the rest of the table."""


def alerts(
    config_file: ConfigOption = None,
    every: Annotated[bool, typer.Option("--all", help="Show resolved alerts, too.")] = False,
    limit: Annotated[int, typer.Option(min=1, max=LIMIT_MAX, help="Show at most this many, the newest first.")] = 50,
    as_json: JsonOption = False,
) -> None:
    """Show what is wrong: alerts that are pending, firing or unknown."""
    settings = load_settings(config_file)
    with Queries(settings.database_path) as queries:
        found = queries.alerts(limit, ended=every)
        running = queries.pid is not None
    if as_json:
        print_json(found)
        return
    if not running:
        print("the daemon is not running; these are its last alerts")
    if not found:
        print("no alerts")
        return
    table = Table("state", "alert", "since", "over", box=None, pad_edge=False)
    for row in found:
        state = Text(row["state"], style=STATE_COLOURS.get(row["state"], ""))
        said = Text(row["text"] or f"{row['rule']} {row['subject']}")
        table.add_row(state, said, clock(row["fired_at"] or row["since"]), clock(row["resolved_at"]))
    Console().print(table)


def metrics(
    config_file: ConfigOption = None,
    since: Annotated[str, typer.Option(help="How far back: 30m, 24h, 7d ...")] = "24h",
    plot_file: Annotated[Path | None, typer.Option("--plot", help="Draw it into this PNG.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Show what the monitor has seen, as a table with sparklines or a plot."""
    since_s = seconds_of("--since", since)
    settings = load_settings(config_file)
    with Queries(settings.database_path) as queries:
        rows = queries.samples(since_s)
        fired = queries.alerts_between(since_s)
    if as_json:
        print_json(rows)
    elif not rows:
        print(f"no samples in the last {since}; the daemon takes one every {settings.monitor.interval_seconds:g} s")
    else:
        console = Console()
        console.print(_table(rows, max(10, min(SPARK_WIDTH, console.width - FIGURES_WIDTH))))
    if plot_file is not None:
        if not rows:
            raise Unavailable(f"there is nothing to plot: no samples in the last {since}", "start the daemon")
        from daemon.monitor.plot import plot

        plot(rows, fired, plot_file)


def pause(config_file: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Pause the work until `transcribed resume`: running batches finish, but nothing else starts."""
    _request("pause", config_file, as_json)


def resume(config_file: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Resume the work after `transcribed pause`."""
    _request("resume", config_file, as_json)


def reload(config_file: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Check the configuration, have the daemon take it, and wait until it has; what `systemctl reload` runs."""
    settings = reader.load(reader.find(config_file), is_known)
    path = settings.database_path
    pid, before = database.running_pid(path), database.locked_at(path)
    if not pid:
        raise Unavailable(f"no daemon holds {path}", "start it; if database.url is new, restart it")
    try:
        os.kill(pid, signal.SIGHUP)
    except OSError as error:
        hint = f"as its owner: sudo -u {user_name(path.stat().st_uid)} transcribed reload"
        raise Unavailable(f"the daemon (pid {pid}) cannot be told: {error.strerror}", hint) from error
    until = time.monotonic() + settings.jobs.drain_seconds + RELOAD_S
    while database.locked_at(path) == before:
        if time.monotonic() > until or not _lives(pid):
            raise Unavailable("the daemon has not taken the configuration", "its log says why")
        time.sleep(0.1)
    if as_json:
        print_json({"command": "reload", "pid": pid})
    else:
        print(f"the daemon (pid {pid}) starts again with the new configuration")


def _lives(pid: int) -> bool:
    """Return whether a process that may be signalled is there.

    Not by /proc, in which the unit hides the daemon from what it runs for a reload.
    """
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@db_app.command("backup")
def backup(
    target: Annotated[Path | None, typer.Argument(help="A file or folder; else backups/ beside the database.")] = None,
    config_file: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Copy the database, even while it is in use, and check the copy."""
    path = load_settings(config_file).database_path
    if not path.is_file():
        raise Unavailable(f"there is no database at {path} yet", "start the daemon: transcribed run")
    target = target or backup_path(path)
    if target.is_dir():
        target = target / backup_path(path).name
    if target.exists() and target.samefile(path):
        raise Unavailable(f"{target} is the database itself", "name another file")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise Unavailable(f"{target.parent} cannot be created: {error.strerror}", "name another place") from error
    database.backup(path, target)
    if as_json:
        print_json({"backup": str(target), "bytes": target.stat().st_size})
    else:
        print(f"copied to {target}, {target.stat().st_size / 1e6:.1f} MB; the copy is intact")


def register(app: typer.Typer) -> None:
    """Add the commands to the program."""
    for command in (alerts, metrics, pause, resume, reload):
        app.command()(command)
    app.add_typer(db_app, name="db")


def sparkline(values: Sequence[float | None], width: int = SPARK_WIDTH) -> str:
    """Draw values as bars from the smallest to the largest, with spaces where there is no value."""
    cells = _condensed(values, width)
    known = [value for value in cells if value is not None]
    low, high = min(known, default=0.0), max(known, default=0.0)
    span = high - low
    return "".join(
        " " if value is None else BARS[round((value - low) / span * (len(BARS) - 1))] if span else BARS[0]
        for value in cells
    )


def _condensed(values: Sequence[float | None], width: int) -> list[float | None]:
    """Reduce values to at most `width` cells, each the largest of its values, so that no peak is lost."""
    if len(values) <= width:
        return list(values)
    edges = [len(values) * cell // width for cell in range(width + 1)]
    cells = (values[first:last] for first, last in pairwise(edges))
    return [max((value for value in cell if value is not None), default=None) for cell in cells]


def _table(rows: list[dict[str, Any]], width: int) -> Table:
    title = f"{len(rows)} samples, {clock(rows[0]['sampled_at'])} to {clock(rows[-1]['sampled_at'])}"
    table = Table(box=None, pad_edge=False, title=title, title_justify="left")
    for heading in ("", "", "now", "least", "mean", "most", ""):
        table.add_column(heading, no_wrap=True, justify="right" if heading else "left")
    for metric in (each for each in METRICS if each.title):
        values = [metric.of_row(row) for row in rows]
        known = [value for value in values if value is not None]
        if known:
            figures = (values[-1], min(known), sum(known) / len(known), max(known))
            table.add_row(metric.title, sparkline(values, width), *map(_figure, figures), metric.unit)
    return table


def _request(command: str, config_file: Path | None, as_json: bool) -> None:
    with Queries(load_settings(config_file).database_path) as queries:
        queries.request_all(command)
        running = queries.pid is not None
    if as_json:
        print_json({"command": command, "daemon_running": running})
    else:
        print(f"{command} requested; {when_done(running=running)}")


def _figure(value: float | None) -> str:
    return "–" if value is None else f"{value:.0f}" if abs(value) >= 1000 else f"{value:.3g}"
