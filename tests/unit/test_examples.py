"""Every command has examples, and they could be run."""

import shlex

from daemon.cli.app import app
from daemon.cli.examples import EXAMPLES
from daemon.cli.help import commands
from tests.commands import problem


def test_every_command_has_examples_that_could_be_run() -> None:
    assert sorted(EXAMPLES) == sorted(name for name, _ in commands(app))
    for name, examples in EXAMPLES.items():
        for example in examples:
            program, *words = shlex.split(example.removeprefix("sudo "))
            assert program == "transcribed" and " ".join(words).startswith(name), example
            assert problem(" ".join(words)) is None
