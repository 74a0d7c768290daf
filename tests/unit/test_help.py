"""How the help looks."""

import re
from enum import Enum
from pathlib import Path
from typing import Annotated

import pytest
import typer
from typer.testing import CliRunner

from daemon.cli.app import app
from daemon.cli.help import InOrder, commands, complete_help
from tests.commands import leaves

Few = Enum("Few", {name: name for name in ("red", "blue")}, type=str)  # type: ignore[misc]
Many = Enum("Many", {f"colour-{number}": f"colour-{number}" for number in range(9)}, type=str)  # type: ignore[misc]


def test_values_have_plain_names() -> None:
    def paint(
        few: Annotated[Few | None, typer.Option(help="Few.")] = None,
        many: Annotated[list[Many] | None, typer.Option(help="Many.")] = None,
        width: Annotated[float, typer.Option(help="Width.")] = 1.0,
        into: Annotated[Path | None, typer.Option(help="Into.", metavar="FILE")] = None,
        twice: Annotated[bool, typer.Option("--twice", help="Twice.")] = False,
    ) -> None: ...

    program = typer.Typer()
    program.command()(paint)
    complete_help(program)
    complete_help(program)
    shown = CliRunner(env={"COLUMNS": "200"}).invoke(program, ["--help"]).stdout
    rows = re.findall(r"--(\w+) +(\S.*?) +│", shown)
    assert [(name, re.sub(" +", " ", rest)) for name, rest in rows if name != "help"] == [
        ("few", "red|blue Few."),
        ("many", f"MANY Many. One of {', '.join(each.value for each in Many)}."),
        ("width", "NUMBER Width. [default: 1.0]"),
        ("into", "FILE Into."),
        ("twice", "Twice."),
    ]


def test_the_help_lists_every_command_those_of_daily_use_first() -> None:
    shown = CliRunner().invoke(app, ["--help"]).stdout
    listed = re.findall(r"^│ ([a-z][a-z-]+) ", shown, re.MULTILINE)
    assert listed[:3] == ["run", "status", "search"]
    assert sorted(listed) == sorted({name.partition(" ")[0] for name, _ in commands(app)})


def test_a_command_without_examples_is_listed_last() -> None:
    program = InOrder(commands={name: typer.core.TyperCommand(name) for name in ("brand-new", "status", "run")})
    assert program.list_commands(None) == ["run", "status", "brand-new"]


@pytest.mark.parametrize("name", [name for name, _ in leaves()])
def test_the_help_of_a_command_fits_into_80_columns_and_ends_with_examples(name: str) -> None:
    shown = CliRunner().invoke(app, [*name.split(), "--help"], prog_name="transcribed").stdout
    assert max(map(len, shown.splitlines())) <= 80
    lines = [line.strip() for line in shown.splitlines() if line.strip()]
    assert "For example:" in lines and lines[lines.index("For example:") + 1].removeprefix("sudo ").startswith(
        f"transcribed {name}"
    )
