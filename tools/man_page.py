"""Write docs/transcribed.1, the manual page, from the help of the commands: `python -m tools.man_page`.

Not click-man: it writes a page for each of thirty commands, and takes Markdown for plain text.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer

from daemon import __version__
from daemon.cli.app import app
from daemon.cli.examples import EXAMPLES

PAGE = Path(__file__).parent.parent / "docs" / "transcribed.1"
KIND = re.compile(r" <.*>$")
"""The type of an argument, in Python's words."""
ABOUT = """\
.SH DESCRIPTION
.B transcribed run
watches folders and writes a transcript beside each recording that is dropped there. The other commands ask what it is
doing, change that, and find what was said. Nothing leaves the machine but what the configuration says.
"""
END = """\
.SH EXIT STATUS
.TP
.B 0
All is well.
.TP
.B 1
Work failed, or what was named does not exist.
.TP
.B 2
Bad usage or configuration.
.TP
.B 3
Another daemon holds the database.
.TP
.B 4
A model, a device, the disk or something else of the machine is not available.
.TP
.B 5
.B run \\-\\-once \\-\\-wait
gave up waiting.
.SH ENVIRONMENT
.TP
.B TRANSCRIBED_CONFIG
The configuration file, unless
.B \\-\\-config
names one.
.TP
.B TRANSCRIBED_\\fITABLE\\fB__\\fIKEY
A key of the configuration, such as TRANSCRIBED_MODEL__NAME. It wins over the file.
.TP
.B NO_COLOR
Whatever it is, there are no colours. There are none either where the output is not a terminal.
.SH FILES
.TP
.I ./config.toml\\fR, \\fI/etc/transcribed/config.toml
The configuration.
.B transcribed check \\-\\-default
prints one with every key.
.TP
.I .transcribed.toml\\fR, \\fItalk.mp3.toml
Settings of a folder, and of a recording beside it.
.TP
.I var/jobs.db
The database: SQLite, to be read with any program.
"""


def page() -> str:
    """Return the manual page."""
    root = typer.main.get_command(app)
    title = [
        '.\\" Written by tools/man_page.py from the help of the commands.',
        f'.TH TRANSCRIBED 1 "" "transcribed {__version__}" "User Commands"',
        ".SH NAME",
        f"transcribed \\- {_roff(str(root.help).rstrip('.').lower())}",
        ".SH SYNOPSIS",
        ".B transcribed\n.I COMMAND\n[\\fIOPTIONS\\fR]",
    ]
    commands = [line for command in _commands(root, "transcribed") for line in command]
    return "\n".join([*title, ABOUT.rstrip("\n"), ".SH OPTIONS", *_parameters(root), ".SH COMMANDS", *commands, END])


def _commands(group: Any, name: str) -> Iterator[list[str]]:
    """Yield the lines about each command of a group and of the groups in it."""
    for command in (group.commands[each] for each in group.list_commands(typer.Context(group))):
        whole = f"{name} {command.name}"
        if hasattr(command, "commands"):
            yield from _commands(command, whole)
        else:
            yield _command(command, whole)


def _command(command: Any, name: str) -> list[str]:
    context = typer.Context(command, info_name=name)
    usage = " ".join([name, *command.collect_usage_pieces(context)])
    first, *paragraphs = str(command.help).split("\n\n")
    examples = EXAMPLES.get(name.partition(" ")[2], ())
    return [
        f'.SS "{_roff(usage)}"',
        _marked(first),
        *(f".PP\n{_marked(paragraph)}" for paragraph in paragraphs),
        *_parameters(command),
        *(
            [".PP\nFor example:\n.PP\n.nf", *(f".B {_roff(example)}" for example in examples), ".fi"]
            if examples
            else []
        ),
    ]


def _parameters(command: Any) -> list[str]:
    context = typer.Context(command, info_name="transcribed")
    records = (each.get_help_record(context) for each in command.params)
    return [f".TP\n.B {_roff(KIND.sub('', names))}\n{_marked(text)}" for names, text in filter(None, records)]


def _roff(text: str) -> str:
    """Return a text as it is written in a manual page, on one line."""
    line = " ".join(text.split()).replace("\\", "\\e").replace("-", "\\-").replace('"', "\\(dq")
    return f"\\&{line}" if line.startswith((".", "'")) else line


def _marked(text: str) -> str:
    """Return a text in which what is code in Markdown is bold."""
    return re.sub(r"`([^`]+)`", r"\\fB\1\\fR", _roff(text))


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
