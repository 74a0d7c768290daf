"""Help, examples, manual page, README and docs say the same about commands and options."""

import re
import shutil
import subprocess
from typing import Any

import pytest

from tests.commands import leaves, lines_of, problem
from tests.support import ROOT
from tools import man_page

PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").glob("*.md")])


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_what_a_page_says_of_commands_and_options_is_true(page: Any) -> None:
    assert [found for line in lines_of(page.read_text("utf-8")) if (found := problem(line))] == []


def test_every_option_is_in_the_readme_or_the_docs() -> None:
    text = "".join(page.read_text("utf-8") for page in PAGES)
    options = {
        (name, max(each.opts, key=len)) for name, command in leaves() for each in command.params if not each.hidden
    }
    missing = {(name, option) for name, option in options if not re.search(rf"{option}\b", text)}
    assert {(name, option) for name, option in missing if option.startswith("--")} == set()


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
