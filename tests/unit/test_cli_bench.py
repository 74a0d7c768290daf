"""The commands of `transcribed bench`."""

import pytest
from typer.testing import CliRunner

from daemon.cli.app import app


@pytest.mark.parametrize(("command", "said"), [("bench", "'transcribed[bench]'"), ("bench peers", "[model]")])
def test_the_help_keeps_what_stands_in_brackets(command: str, said: str) -> None:
    assert said in " ".join(CliRunner().invoke(app, [*command.split(), "--help"]).stdout.split())
