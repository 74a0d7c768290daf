"""Help, examples, manual page, README and docs say the same about commands and options."""

import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest
import typer

from daemon.cli.app import app
from daemon.cli.examples import EXAMPLES, commands
from tests.support import ROOT
from tools import man_page

PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").glob("*.md")])
TREE: Any = typer.main.get_command(app)
PROGRAM = re.compile(r"^(?:\$ )?(?:sudo (?:-u \w+ )?)?(?:[\w./-]*/)?transcribed (.*)$")


def problem(line: str) -> str | None:
    """Return what is wrong with what follows `transcribed`: a command or an option that does not exist.

    Synopses are understood, too: `list|show`, `[--once]`, `--made-with MODEL|--before DATE`.
    """
    found = [TREE]
    for word in re.sub(r"[][]", " ", line).split():
        if word in ("|", "#", ">", "&&", "…", "...") or word.startswith("#"):
            break
        if word.startswith("-"):
            options = {option for command in found for each in command.params for option in each.opts} | {"--help"}
            for option in re.findall(r"(?:^|\|)(--?[\w-]+)", word):
                if option not in options:
                    return f"{line}: no option {option}"
        elif hasattr(found[0], "commands"):
            missing = [name for name in word.split("|") if name not in found[0].commands]
            if missing:
                return f"{line}: no command {missing[0]}"
            found = [found[0].commands[name] for name in word.split("|")]
        elif "|--" in word:
            line_ = word.partition("|")[2]
            if problem(" ".join([*_path(found[0]), line_])):
                return f"{line}: no option {line_}"
    return None


def _path(command: Any, group: Any = TREE) -> list[str]:
    for name, each in group.commands.items():
        if each is command:
            return [name]
        if hasattr(each, "commands") and (inner := _path(command, each)):
            return [name, *inner]
    return []


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


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_what_a_page_says_of_commands_and_options_is_true(page: Any) -> None:
    assert [found for line in lines_of(page.read_text("utf-8")) if (found := problem(line))] == []


def test_every_option_is_in_the_readme_or_the_docs() -> None:
    text = "".join(page.read_text("utf-8") for page in PAGES)
    options = {
        (name, option)
        for name, command in commands(app)
        for each in typer.main.get_command_from_info(command, pretty_exceptions_short=True, rich_markup_mode=None).params
        for option in [max(each.opts, key=len)]
        if option.startswith("--")
    }
    assert sorted((name, option) for name, option in options if not re.search(rf"{option}\b", text)) == []


def test_every_command_has_examples_that_could_be_run() -> None:
    assert sorted(EXAMPLES) == sorted(name for name, _ in commands(app))
    for name, examples in EXAMPLES.items():
        for example in examples:
            program, *words = shlex.split(example)
            assert program == "transcribed" and example.startswith(f"transcribed {name}"), example
            assert problem(" ".join(words)) is None


@pytest.mark.parametrize(
    ("line", "wrong"),
    [
        ("run --once", None),
        ("jobs list|show --state dead", None),
        ("jobs list|shwo", "no command shwo"),
        ("rnu", "no command rnu"),
        ("run --twice", "no option --twice"),
        ("retranscribe --made-with MODEL|--before DATE", None),
        ("retranscribe --made-with MODEL|--befor DATE", "no option --befor"),
        ("run [--once] [--wiat SECONDS]", "no option --wiat"),
        ("check --default | sudo tee --nonsense", None),
    ],
)
def test_what_does_not_exist_is_noticed(line: str, wrong: str | None) -> None:
    found = problem(line)
    assert found is None if wrong is None else found is not None and wrong in found


def test_commands_are_found_on_a_page() -> None:
    page = "```\n$ transcribed a\nsudo -u me /opt/bin/transcribed b\ncp transcribed c\n```\nx `transcribed d\\|e` `transcribed`\n"
    assert list(lines_of(page)) == ["a", "b", "d|e"]


def test_the_manual_page_is_that_of_these_commands() -> None:
    assert man_page.PAGE.read_text("utf-8") == man_page.page(), "run python -m tools.man_page"


def test_the_manual_page_is_well_formed() -> None:
    if shutil.which("groff") is None:
        pytest.skip("groff is not installed here")
    command = ["groff", "-man", "-Tutf8", "-K", "utf8", "-ww", "-z", str(man_page.PAGE)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_text_is_written_so_that_the_manual_shows_it() -> None:
    assert man_page._roff(".a\\b --c") == "\\&.a\\eb \\-\\-c"
    assert man_page._marked("say `run --once` now") == "say \\fBrun \\-\\-once\\fR now"
