"""The docs fail the build when they fall behind."""

import re
import shutil
import subprocess
from collections import Counter
from pathlib import Path

import pytest

from daemon.cli.app import app
from daemon.store.schema import STATES, metadata
from tests.guarantees import GUARANTEES
from tests.support import ROOT

README = (ROOT / "README.md").read_text("utf-8")
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")])
LINK = re.compile(r"\]\(([^)\s]+)\)")


def test_every_command_is_in_the_readme() -> None:
    names = [command.name or command.callback.__name__ for command in app.registered_commands if command.callback]
    for name in names:
        assert f"`transcribed {name}" in README, name
    for group in app.registered_groups:
        line = next(line for line in README.splitlines() if line.startswith(f"| `transcribed {group.name}"))
        for command in group.typer_instance.registered_commands if group.typer_instance else []:
            name = command.name or (command.callback.__name__ if command.callback else "")
            assert name in line, name


def test_every_table_and_column_is_documented() -> None:
    text = (ROOT / "docs" / "database.md").read_text("utf-8")
    for table in metadata.tables.values():
        assert f"**{table.name}**" in text, table.name
        for column in table.columns:
            if column.name not in ("id", "job_id", "requested_at", "command"):
                assert re.search(rf"\b{column.name}\b", text), f"{table.name}.{column.name}"


def test_every_room_is_on_the_map_and_no_other() -> None:
    folder = ROOT / "daemon"
    rooms = {f"{path.name}/" for path in folder.iterdir() if (path / "__init__.py").is_file()}
    rooms |= {path.name for path in folder.glob("*.py")} - {"__init__.py"}
    listed = re.findall(r"^\| `([^`]+)` \|", _section("docs/architecture.md", "The map"), re.MULTILINE)
    assert sorted(listed) == sorted(rooms)


def test_every_state_is_in_the_table_of_transitions() -> None:
    table = _section("docs/architecture.md", "The states of a job")
    assert {state for state in STATES if f"`{state}`" not in table} == set()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    for target in LINK.findall(_prose(page)):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        assert file.exists() and file.is_relative_to(ROOT), target
        if anchor:
            assert anchor in _anchors(file), target


def test_what_the_source_says_of_the_docs_is_there() -> None:
    facts = set(re.findall(r"^## (\d+)\.", (ROOT / "docs" / "facts.md").read_text("utf-8"), re.MULTILINE))
    files = [file for folder in ("daemon", "tests", "systemd", "migrations") for file in (ROOT / folder).rglob("*")]
    sources = [file for file in files if file.suffix in (".py", ".service")]
    for file in [*sources, *PAGES, ROOT / "config.toml", ROOT / "Makefile", ROOT / "pyproject.toml"]:
        text = file.read_text("utf-8")
        for page in re.findall(r"\bdocs/[\w-]+\.\w+", text):
            assert (ROOT / page).is_file(), f"{file}: {page}"
        for number in re.findall(r"facts\.md, fact (\d+)", text):
            assert number in facts, f"{file}: fact {number}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_files_that_a_page_names_exist(page: Path) -> None:
    named = re.findall(r"`((?:daemon|migrations|tests|tools|docs)/[\w/.]+)`", page.read_text("utf-8"))
    assert [path for path in named if not (ROOT / path).exists()] == []


def test_links_and_anchors_are_read_as_hosts_read_them(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "# A, `b` & c\n## A, `b` & c\n### A, `b` & c\n```\n[no](link.md) # no heading\n```\n[one](two.md#three)\n"
    )
    assert LINK.findall(_prose(page)) == ["two.md#three"]
    assert _anchors(page) == {"a-b--c", "a-b--c-1", "a-b--c-2"}


def test_make_help_lists_every_command() -> None:
    text = (ROOT / "Makefile").read_text("utf-8")
    targets = re.findall(r"^([a-z-]+):", text, re.MULTILINE)
    (phony,) = re.findall(r"^\.PHONY: (.*)$", text, re.MULTILINE)
    done = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True)
    listed = [line.split()[1] for line in done.stdout.splitlines() if line.startswith("make ")]
    assert listed == targets == phony.split()


def _section(page: str, title: str) -> str:
    """The text below a heading, up to the next one of its kind."""
    return (ROOT / page).read_text("utf-8").split(f"\n## {title}\n")[1].split("\n## ")[0]


def _prose(page: Path) -> str:
    """A page without its blocks of code, in which nothing is a link or a heading."""
    return re.sub(r"^```.*?^```$", "", page.read_text("utf-8"), flags=re.MULTILINE | re.DOTALL)


def _anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, made as repository hosts make them."""
    found: set[str] = set()
    before = Counter[str]()
    for title in re.findall(r"^#+ (.+)$", _prose(page), re.MULTILINE):
        name = re.sub(r"[^\w\- ]", "", re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", title).lower()).replace(" ", "-")
        found.add(f"{name}-{before[name]}" if before[name] else name)
        before[name] += 1
    return found


def test_the_changelog_names_this_version() -> None:
    from daemon import __version__

    assert f"## {__version__}" in (ROOT / "CHANGELOG.md").read_text("utf-8")


@pytest.mark.guarantee(28)
def test_the_unit_is_what_systemd_accepts(tmp_path: Path) -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not installed here")
    unit = (ROOT / "systemd" / "transcribed.service").read_text("utf-8")
    program = tmp_path / "transcribed"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    copy = tmp_path / "transcribed.service"
    copy.write_text(unit.replace("/opt/transcribed/bin/transcribed", str(program)))
    done = subprocess.run(["systemd-analyze", "verify", copy], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    for needed in ("Type=notify", "WatchdogSec=", "Restart=always", "User=transcribed", "StateDirectory=transcribed"):
        assert needed in unit
    safety = subprocess.run(
        ["systemd-analyze", "security", "--offline=yes", "--threshold=15", copy],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert safety.returncode == 0, safety.stdout


def test_every_promise_has_a_test_and_a_line() -> None:
    marks = re.findall(r"mark\.guarantee\(([\d, ]+)\)", "".join(file.read_text() for file in ROOT.glob("tests/*/*.py")))
    tested = {int(number) for mark in marks for number in mark.split(",")}
    rows = re.findall(r"^\| (\d+) \|", (ROOT / "docs" / "reliability.md").read_text(), re.MULTILINE)
    assert tested == set(GUARANTEES) == {int(number) for number in rows}
