"""`transcribed service`: what it prints, and what it refuses."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from daemon.cli.service import service_app
from daemon.errors import Unavailable
from daemon.install import facts
from daemon.install.facts import this_machine
from daemon.install.plan import Machine


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    """A machine without systemd, in a folder."""
    made = this_machine(tmp_path)
    monkeypatch.setattr(facts, "this_machine", lambda: made)
    folders = (tmp_path / "recordings",)
    monkeypatch.setattr(facts, "for_all", lambda machine, *_: replace(machine, watched=folders, folders=folders))
    monkeypatch.setattr("daemon.install.facts.BOOTED", tmp_path / "missing")
    return made


def test_a_dry_run_prints_the_steps_and_needs_no_systemd(machine: Machine) -> None:
    done = CliRunner().invoke(service_app, ["install", "--dry-run"])
    assert done.exit_code == 0, done.output
    assert [line.split()[0] for line in done.output.splitlines()] == ["would"] * 8
    assert f"would    write {machine.config} (root:recordings 0640)" in done.output.splitlines()
    assert list(machine.root.iterdir()) == []


@pytest.mark.usefixtures("machine")
def test_json_has_the_same() -> None:
    done = CliRunner().invoke(service_app, ["uninstall", "--dry-run", "--json"])
    assert {step["state"] for step in json.loads(done.output)} == {"already"}


@pytest.mark.parametrize("command", ["install", "uninstall"])
def test_without_systemd_nothing_is_done(machine: Machine, command: str) -> None:
    done = CliRunner().invoke(service_app, [command])
    assert isinstance(done.exception, Unavailable) and list(machine.root.iterdir()) == []


def test_a_group_is_for_the_whole_system() -> None:
    done = CliRunner().invoke(service_app, ["install", "--user", "--group", "team", "--dry-run"])
    assert done.exit_code == 2
