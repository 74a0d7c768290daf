"""`transcribed reconcile`: whether every recording on the disk is accounted for, and its transcript there."""

import sys
from typing import Annotated

import typer

from daemon.cli.common import EXIT_FAILED, ConfigOption, JsonOption, load_settings, print_json, when_done
from daemon.store.queries import Queries
from daemon.store.requests import COMPARE
from daemon.store.schema import STATES
from daemon.watch.reconciliation import Account
from daemon.watch.reconciliation import reconcile as account_for

SHOWN_MAX = 20
"""Paths of a kind that are printed; --json has all of them."""


def reconcile(
    fix: Annotated[
        bool, typer.Option("--fix", help="Queue what is unaccounted for, and write files that are gone once more.")
    ] = False,
    config_file: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Compare disk, database and transcripts (exit code 0: nothing is missing, else 1). Changes nothing by itself."""
    settings = load_settings(config_file)
    with Queries(settings.database_path) as queries:
        account = account_for(settings, queries)
        if fix:
            for job_id, formats in account.lacking.items():
                queries.request_export([job_id], formats)
            if account.unaccounted:
                queries.request_all(COMPARE)
        running = queries.pid is not None
    if as_json:
        print_json(_report(account, fix, running))
    else:
        _show(account, fix, running)
    if not account.is_complete:
        sys.exit(EXIT_FAILED)


def _report(account: Account, fix: bool, running: bool) -> dict[str, object]:
    return {
        "seen": account.seen,
        "states": {state: account.states[state] for state in STATES if account.states[state]},
        "unaccounted": account.unaccounted,
        "lacking": [{"job": job_id, "formats": formats} for job_id, formats in account.lacking.items()],
        "gone": account.gone,
        "unlisted": account.unlisted,
        "requested": fix and bool(account.unaccounted or account.lacking),
        "daemon_running": running,
    }


def _show(account: Account, fix: bool, running: bool) -> None:
    counts = [(account.seen, "seen"), *((account.states[state], state) for state in STATES if account.states[state])]
    counts.append((len(account.unaccounted), "unaccounted"))
    print(", ".join(f"{count:,} {what}".replace(",", " ") for count, what in counts))
    lacking = [f"job {job_id}: {', '.join(formats)}" for job_id, formats in account.lacking.items()]
    _list("not in the database, or not queued", account.unaccounted)
    _list("transcripts of which files are gone", lacking)
    _list("wait or run, but the file is gone, or its drive", account.gone)
    _list("cannot be listed", account.unlisted)
    if (account.unaccounted or account.lacking) and fix:
        print(f"requested; {when_done(running=running)}")
    elif account.unaccounted or account.lacking:
        print("transcribed reconcile --fix queues and writes what is missing")


def _list(title: str, lines: list[str]) -> None:
    if lines:
        print(f"{title}:")
    for line in lines[:SHOWN_MAX]:
        print(f"  {line}")
    if len(lines) > SHOWN_MAX:
        print(f"  and {len(lines) - SHOWN_MAX} more (--json lists all)")
