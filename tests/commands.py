"""Whether the commands and options that a line of documentation names exist."""

import re
from collections.abc import Iterator
from typing import Any

import typer

from daemon.cli.app import app

TREE: Any = typer.main.get_command(app)
PROGRAM = re.compile(r"^(?:\$ )?(?:sudo (?:-u \w+ )?)?(?:[\w./-]*/)?transcribed (.*)$")
OPTION = re.compile("--?[a-z]")
ENDS = frozenset({"|", ">", "&&", "…"})
"""What ends a command."""


def leaves(group: Any = TREE, name: str = "") -> Iterator[tuple[str, Any]]:
    """Yield every command with its name: `jobs list`; of the groups, those that do something by themselves."""
    for inner, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from leaves(command, f"{name}{inner} ")
        if not hasattr(command, "commands") or command.invoke_without_command:
            yield f"{name}{inner}", command


def problem(line: str) -> str | None:
    """Return what is wrong with what follows `transcribed`: a command or an option that does not exist.

    Synopses are understood, too: `list|show`, `[--once]`, `--made-with MODEL|--before DATE`.
    """
    found, is_value = [TREE], False
    for word in re.sub(r"[][]", " ", line).split():
        if word in ENDS or word.startswith("#"):
            break
        if is_value:
            is_value, word = False, word.partition("|")[2]
            if not word:
                continue
        names = word.split("|")
        options = {option for command in found for each in command.params for option in each.opts} | {"--help"}
        if wrong := [name for name in names if OPTION.match(name) and name.partition("=")[0] not in options]:
            return f"{line}: no option {wrong[0]}"
        with_values = {
            option for command in found for each in command.params if _takes_value(each) for option in each.opts
        }
        is_value = word in with_values
        if not word.startswith("-") and hasattr(found[0], "commands"):
            if missing := [name for name in names if name not in found[0].commands]:
                return f"{line}: no command {missing[0]}"
            found = [found[0].commands[name] for name in names]
    return None


def _takes_value(parameter: Any) -> bool:
    return parameter.param_type_name == "option" and not parameter.is_flag


def lines_of(page: str) -> Iterator[str]:
    """Yield what follows `transcribed` in each block of code, and in each code of a text, on a page of Markdown."""
    for block in re.findall(r"^```\w*\n(.*?)^```", page, re.MULTILINE | re.DOTALL):
        for line in block.splitlines():
            if match := PROGRAM.match(line.strip()):
                yield match[1]
    prose = re.sub(r"^```.*?^```$", "", page, flags=re.MULTILINE | re.DOTALL)
    for code in re.findall(r"`([^`]+)`", prose):
        if match := PROGRAM.match(" ".join(code.replace("\\|", "|").split())):
            yield match[1]
