"""`transcribed web`: the page in the browser, and who may use it."""

import logging
import sys
from pathlib import Path
from typing import Annotated

import typer

from daemon.cli.common import ConfigOption, load_settings
from daemon.cli.logs import log_to_stderr
from daemon.config.web import user_name
from daemon.errors import TranscribedError

web_app = typer.Typer(
    help="Serve a page in the browser: the queue, recordings with their transcripts, search.",
    invoke_without_command=True,
)
user_app = typer.Typer(help="Who may use the page.", no_args_is_help=True)
web_app.add_typer(user_app, name="user")


@web_app.callback()
def web(
    context: typer.Context,
    config_file: ConfigOption = None,
    listen: Annotated[
        str | None, typer.Option(metavar="HOST:PORT", help="Where; else web.listen, or 127.0.0.1:8642.")
    ] = None,
    attached: Annotated[bool, typer.Option("--attached", hidden=True)] = False,
) -> None:
    """Serve a page in the browser: the queue, recordings with their transcripts, search. Until Ctrl+C."""
    if context.invoked_subcommand is not None:
        return
    settings = load_settings(config_file)
    log_to_stderr(logging.INFO)
    # Who does not serve the page does not pay for the libraries.
    from daemon.web.server import LISTEN, serve

    address = listen or settings.web.listen or LISTEN
    logging.getLogger(__name__).info("the page is at http://%s", address)
    serve(settings, address, attached=attached)


@user_app.command("add")
def user_add(
    name: Annotated[str, typer.Argument(help="Of small letters, digits, dots and dashes.")],
    config_file: ConfigOption = None,
    token: Annotated[
        str | None,
        typer.Option(metavar="PURPOSE", help="Print a token for a program, instead of asking for a password."),
    ] = None,
) -> None:
    """Add a user, or change the password of one, which is asked for or read from standard input."""
    settings = load_settings(config_file)
    from daemon.web.people import Users

    try:
        user_name(name)
    except ValueError as error:
        raise TranscribedError(f"the name {error}") from error
    users = Users(settings)
    if token is not None:
        print(users.add_token(name, token))
        return
    if sys.stdin.isatty():
        password = typer.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
    else:
        password = sys.stdin.readline().rstrip("\n")
    users.set_password(name, password)
    print(f"{name} may use the page")


@user_app.command("remove")
def user_remove(name: Annotated[str, typer.Argument()], config_file: ConfigOption = None) -> None:
    """Remove a user with all tokens and all links to transcripts that they have made; sessions end at once."""
    settings = load_settings(config_file)
    from daemon.web.people import Users

    is_removed = Users(settings).remove(name)
    if is_removed:
        print(f"{name} may no longer use the page")
    links = _withdraw_all_of(settings.database_path, name)
    if links:
        print(f"links withdrawn: {links}")
    elif not is_removed:
        raise TranscribedError(f"there is no user {name}")


def _withdraw_all_of(database: Path, name: str) -> int:
    """End the links of a user, lest they work again once there is another user of this name; return how many."""
    if not database.exists():
        return 0
    from daemon.store.queries import Queries

    with Queries(database) as queries:
        return queries.withdraw_all_of(name)


@user_app.command("list")
def user_list(config_file: ConfigOption = None) -> None:
    """List who may use the page."""
    settings = load_settings(config_file)
    from daemon.web.people import Users

    users = Users(settings)
    for name in users.names:
        person = users.person(name)
        folders = ", ".join(person.folders) or "all folders"
        print(f"{name}  {folders}{', may only read' if person.read_only else ''}")
