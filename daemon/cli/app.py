"""The command line: `transcribed run`, `status` and `check`; the other commands have files of their own."""

import logging
import os
import signal
import sys
import time
from contextlib import suppress
from typing import Annotated, NoReturn

import typer
from rich.console import Console
from rich.live import Live

from daemon import __version__
from daemon.cli import show
from daemon.cli.bench import Preset, bench_app, verify
from daemon.cli.bench_cluster import cluster as bench_cluster
from daemon.cli.bench_daemon import daemon as bench_daemon
from daemon.cli.bench_speakers import speakers as bench_speakers
from daemon.cli.common import (
    EXIT_ENVIRONMENT,
    EXIT_FAILED,
    EXIT_GAVE_UP,
    EXIT_RUNNING,
    EXIT_USAGE,
    ConfigOption,
    JsonOption,
    load_settings,
    print_json,
)
from daemon.cli.doctor import doctor
from daemon.cli.engine import engine_app
from daemon.cli.explain import explain
from daemon.cli.export import export
from daemon.cli.help import InOrder, complete_help
from daemon.cli.jobs import jobs_app
from daemon.cli.logs import log_to_stderr
from daemon.cli.monitoring import register
from daemon.cli.progress import Run, progress
from daemon.cli.reconcile import reconcile
from daemon.cli.retranscribe import retranscribe
from daemon.cli.search import search
from daemon.cli.service import service_app
from daemon.cli.speakers import speakers_app
from daemon.cli.web import web_app
from daemon.config import reader
from daemon.config.handover import hand_over, taken_over
from daemon.errors import AlreadyRunning, BadConfig, TranscribedError, Unavailable
from daemon.monitor.notifications import is_known
from daemon.store.queries import Queries
from daemon.systemd import is_journal, with_priority

WAIT_S = 300.0
"""How long `run --once` waits for what only others can end, unless told."""

app = typer.Typer(
    name="transcribed",
    cls=InOrder,
    help="Drop a recording in a folder, get a transcript beside it.",
    no_args_is_help=True,
    rich_markup_mode="markdown",  # otherwise Rich takes "[model]" for a tag and leaves it out
    pretty_exceptions_enable=False,
)
app.add_typer(jobs_app, name="jobs")
bench_app.command("daemon")(bench_daemon)
bench_app.command("cluster")(bench_cluster)
bench_app.command("speakers")(bench_speakers)
app.add_typer(bench_app, name="bench")
app.add_typer(engine_app, name="engine")
app.add_typer(service_app, name="service")
app.add_typer(speakers_app, name="speakers")
app.add_typer(web_app, name="web")
app.command()(verify)
app.command()(doctor)
app.command()(explain)
app.command()(export)
app.command()(reconcile)
app.command()(search)
app.command()(retranscribe)
register(app)


def main() -> None:
    """Run a command; report a failure with one clear message and the exit code of its kind."""
    try:
        app(prog_name="transcribed")
    except TranscribedError as error:
        _fail(error)
    except FileNotFoundError:
        if _working_directory_exists():
            raise
        _fail(Unavailable("the working directory does not exist any more", "go to another one (cd)"))


def _working_directory_exists() -> bool:
    try:
        os.getcwd()
    except FileNotFoundError:
        return False
    return True


def _fail(error: TranscribedError) -> NoReturn:
    told = f"transcribed: {error.message}" + (f"\n  {error.hint}" if error.hint else "")
    print(with_priority(logging.ERROR, told) if is_journal(sys.stderr) else told, file=sys.stderr)
    match error:
        case BadConfig():
            sys.exit(EXIT_USAGE)
        case AlreadyRunning():
            sys.exit(EXIT_RUNNING)
        case Unavailable():
            sys.exit(EXIT_ENVIRONMENT)
        case _:
            sys.exit(EXIT_FAILED)


@app.callback(invoke_without_command=True)
def _version(version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False) -> None:
    if version:
        print(f"transcribed {__version__}")
        raise typer.Exit


@app.command()
def run(
    config_file: ConfigOption = None,
    once: Annotated[bool, typer.Option("--once", help="Transcribe what is in the folders, then exit.")] = False,
    wait_s: Annotated[
        float | None,
        typer.Option(
            "--wait",
            min=0,
            metavar="SECONDS",
            help="With --once: how long to wait for a pause to end or a file to be closed, before exit code 5 (300).",
        ),
    ] = None,
    preset: Annotated[Preset | None, typer.Option(help="Settings for a common machine.")] = None,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Log more.")] = False,
) -> None:
    """Watch the folders and transcribe, until SIGTERM or Ctrl-C. SIGHUP reloads the configuration."""
    # Not at the top: the other commands need none of the daemon's parts, and start sooner without them.
    from daemon.head_start import head_start

    if wait_s is not None and not once:
        raise typer.BadParameter("goes with --once", param_hint="--wait")
    file = reader.find(config_file)
    settings = taken_over() or reader.load(file, is_known)
    if preset is not None:
        settings = settings.model_copy(update={"model": settings.model.model_copy(update={"preset": preset.value})})
    log_to_stderr(logging.DEBUG if verbose else logging.INFO)
    once_s = (WAIT_S if wait_s is None else wait_s) if once else None
    with head_start(settings) as begun:
        # Not before the children are under way: it takes a fifth of a second.
        from daemon.service import Result, build

        with build(begun, once_s=once_s, config_file=file.absolute()) as service:
            at = service.dispatcher
            with progress(Run(settings.database_path, once, lambda: at.ready, lambda: at.download)):
                result = service.run()
    if result is Result.RELOAD and service.reload is not None and not service.signals.stops:
        with suppress(ValueError):  # the new program reads the file itself then
            hand_over(service.reload)
        # Keep the process id, so that systemd and whoever sent the signal still recognize the daemon.
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGHUP])
        os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])
    sys.exit({Result.FAILED: EXIT_FAILED, Result.GAVE_UP: EXIT_GAVE_UP}.get(result, 0))


@app.command()
def status(
    config_file: ConfigOption = None,
    watch: Annotated[bool, typer.Option("--watch", help="Keep showing it, live.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Show the jobs by state, what is running, the backlog and when it will be done."""
    settings = load_settings(config_file)
    with Queries(settings.database_path) as queries:
        if as_json:
            print_json(queries.status())
            return
        if not watch:
            Console().print(show.status(queries.status()))
            return
        with Live(show.status(queries.status()), screen=sys.stdout.isatty(), auto_refresh=False) as live:
            try:
                while True:
                    time.sleep(1.0)
                    live.update(show.status(queries.status()), refresh=True)
            except KeyboardInterrupt:
                return


@app.command()
def check(
    config_file: ConfigOption = None,
    as_json: JsonOption = False,
    default: Annotated[bool, typer.Option("--default", help="Print the default configuration file.")] = False,
) -> None:
    """Check the configuration without starting anything, and report every error at once."""
    if default:
        print(reader.default_text(), end="")
        return
    errors: list[str] = []
    try:
        file = reader.find(config_file)
        settings = reader.load(file, is_known)
    except BadConfig as error:
        if not as_json:
            raise
        errors = error.message.splitlines()
    if as_json:
        print_json({"ok": not errors, "errors": errors})
    else:
        print(f"{file}: ok")
        for watch in settings.watch:
            note = "" if watch.path.is_dir() else " (missing; the daemon will wait for it)"
            print(f"  watches {watch.path}{note}, language {watch.language}, writes {', '.join(watch.formats)}")
        print(f"  database {settings.database_path}")
    if errors:
        sys.exit(EXIT_USAGE)


complete_help(app)
