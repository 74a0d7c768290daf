"""How the help looks: commands in the order of use, values by plain names, examples at the end."""

import inspect
from collections.abc import Callable, Iterator
from enum import Enum
from pathlib import Path
from types import NoneType
from typing import Annotated, Any, get_args, get_origin

import typer
from typer.core import TyperGroup
from typer.models import CommandInfo, OptionInfo, TyperInfo

from daemon.cli.examples import EXAMPLES

VALUES: dict[Any, str] = {bool: "", int: "NUMBER", float: "NUMBER", Path: "PATH", str: "TEXT"}
CHOICES_MAX = 24
"""Choices that take more characters stand in the text, and not where the kind of a value stands."""
HARD_BREAK = "  \n"


class InOrder(TyperGroup):
    """The program: its commands are listed in the order of the examples, those without any last."""

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002
        """Return the names of the commands in the order in which they are shown."""
        order = list(dict.fromkeys(name.partition(" ")[0] for name in EXAMPLES))
        return sorted(self.commands, key=lambda name: order.index(name) if name in order else len(order))


def commands(app: typer.Typer, group: str = "") -> Iterator[tuple[str, CommandInfo | TyperInfo]]:
    """Yield the commands of a program with their names, those of its groups as `jobs list`.

    A group that does something by itself, as `web` does, is a command, too.
    """
    for command in app.registered_commands:
        name = command.name or (command.callback.__name__ if command.callback else "")
        yield f"{group}{name}", command
    for inner in app.registered_groups:
        if inner.typer_instance is not None:
            if inner.typer_instance.registered_callback is not None:
                yield f"{group}{inner.name}", inner.typer_instance.registered_callback
            yield from commands(inner.typer_instance, f"{group}{inner.name} ")


def complete_help(app: typer.Typer) -> None:
    """Give each command its examples, and each option a plain name for its value."""
    if app.registered_callback is not None:
        _name_values(app.registered_callback.callback)
    for name, command in commands(app):
        _name_values(command.callback)
        if lines := [f"`{line}`" for line in EXAMPLES.get(name, ())]:
            command.epilog = HARD_BREAK.join(["For example:", *lines])


def _name_values(callback: Callable[..., Any] | None) -> None:
    parameters = inspect.signature(callback).parameters.values() if callback else ()
    for parameter in parameters:
        if get_origin(parameter.annotation) is Annotated:
            annotation, *details = get_args(parameter.annotation)
            for option in details:
                if isinstance(option, OptionInfo) and option.metavar is None:
                    _name_value(option, parameter.name, _kind(annotation))


def _name_value(option: OptionInfo, name: str, kind: Any) -> None:
    if not (isinstance(kind, type) and issubclass(kind, Enum)):
        option.metavar = VALUES.get(kind)
        return
    choices = [str(each.value) for each in kind]
    option.metavar = "|".join(choices)
    if len(option.metavar) > CHOICES_MAX:
        option.metavar = name.strip("_").upper()
        option.help = f"{option.help} One of {', '.join(choices)}."


def _kind(annotation: Any) -> Any:
    """Return the type of a single value: `str` of `list[str] | None`."""
    inner = [each for each in get_args(annotation) if each is not NoneType]
    return _kind(inner[0]) if inner else annotation
