"""The docs fail the build when they fall behind."""

import re
import shutil
import subprocess

import pytest

from daemon.cli.app import app
from daemon.store.schema import metadata
from tests.guarantees import GUARANTEES
from tests.support import ROOT

README = (ROOT / "README.md").read_text("utf-8")


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


def test_links_lead_somewhere() -> None:
    for target in re.findall(r"\]\((?!http)([^)#]+)\)", README):
        assert (ROOT / target).exists(), target


def test_the_changelog_names_this_version() -> None:
    from daemon import __version__

    assert f"## {__version__}" in (ROOT / "CHANGELOG.md").read_text("utf-8")


@pytest.mark.guarantee(28)
def test_the_unit_is_what_systemd_accepts(tmp_path) -> None:
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
