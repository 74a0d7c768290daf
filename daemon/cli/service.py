"""`transcribed service`: the daemon as a service of systemd."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from daemon.cli.common import JsonOption, print_json

if TYPE_CHECKING:  # the other commands need none of it, and start sooner without
    from daemon.install import plan
    from daemon.install.steps import Step

service_app = typer.Typer(help="The daemon as a service of systemd.", no_args_is_help=True)

UserOption = Annotated[bool, typer.Option("--user", help="For yourself alone; needs no root.")]
DryRunOption = Annotated[bool, typer.Option("--dry-run", help="Only print the steps.")]


@service_app.command("install")
def service_install(
    user: UserOption = False,
    watch: Annotated[
        list[Path] | None,
        typer.Option(help="A folder to watch (/srv/recordings; with --user, Recordings at home); may be repeated."),
    ] = None,
    group: Annotated[
        str | None, typer.Option(help="Who is in it may drop, read, edit and see the status (recordings).")
    ] = None,
    dry_run: DryRunOption = False,
    as_json: JsonOption = False,
) -> None:
    """Install the service and start it, step by step. What is done already stays as it is."""
    from daemon.install import plan
    from daemon.install.facts import check_systemd, for_all, for_one, this_machine, this_person

    if user and group is not None:
        raise typer.BadParameter("does not go with --user", param_hint="--group")
    if not dry_run:
        check_systemd(user=user)
    if user:
        person = for_one(this_person(), watch or ())
        _run(plan.install_for_one(person), _welcome_one(person), dry_run, as_json)
    else:
        machine = for_all(this_machine(), watch or (), group)
        _run(plan.install_for_all(machine), _welcome_all(machine), dry_run, as_json)


@service_app.command("uninstall")
def service_uninstall(user: UserOption = False, dry_run: DryRunOption = False, as_json: JsonOption = False) -> None:
    """Stop the service and remove its unit. Recordings, transcripts, database and configuration stay."""
    from daemon.install import plan
    from daemon.install.facts import check_systemd, this_machine, this_person

    if not dry_run:
        check_systemd(user=user)
    if user:
        person = this_person()
        left = f"{person.config.parent} and {person.state} (the database) stay, as do all recordings and transcripts"
        _run(plan.uninstall_for_one(person), left, dry_run, as_json)
    else:
        machine = this_machine()
        left = (
            f"{machine.config.parent}, {plan.STATE} (the database), {plan.CACHE} (models), {plan.LOGS} and the user "
            f"{plan.USER} stay, as do all recordings and transcripts"
        )
        _run(plan.uninstall_for_all(machine), left, dry_run, as_json)


def _run(steps: Sequence["Step"], last: str, dry_run: bool, as_json: bool) -> None:
    """Run the steps and print each as soon as it is done; `last` is what people should know then."""
    from daemon.install.runner import run

    outcomes = []
    for outcome in run(steps, dry_run=dry_run):
        outcomes.append(outcome)
        if not as_json:
            print(f"{outcome.state:8} {outcome.what}", flush=True)
    if as_json:
        print_json([asdict(outcome) for outcome in outcomes])
    elif not dry_run:
        print(f"\n{last}")


def _welcome_all(machine: "plan.Machine") -> str:
    from daemon.install.plan import USER

    return (
        f"Drop recordings into {_listed(machine.watched)}; transcripts appear beside them.\n"
        f"  who may:      sudo usermod -aG {machine.group} NAME (from the next login on)\n"
        f"  look at it:   transcribed status; journalctl -fu {USER}\n"
        f"  change jobs:  sudo -u {USER} transcribed jobs retry ID\n"
        f"  settings:     {machine.config}; sudo systemctl reload {USER}"
    )


def _welcome_one(person: "plan.Person") -> str:
    from daemon.install.plan import USER

    return (
        f"Drop recordings into {_listed(person.watched)}; transcripts appear beside them.\n"
        "  it runs while you are logged in; always, with:  loginctl enable-linger\n"
        f"  look at it:   {person.program} status; journalctl --user -fu {USER}\n"
        f"  settings:     {person.config}; systemctl --user reload {USER}"
    )


def _listed(folders: Sequence[Path]) -> str:
    return ", ".join(map(str, folders))
