"""What an installation is told, finds and refuses."""

import os
from dataclasses import replace
from pathlib import Path

import pytest

from daemon.errors import BadConfig, Unavailable
from daemon.install import facts, texts
from daemon.install.facts import check_systemd, for_all, for_one, this_machine, this_person
from daemon.install.plan import Machine
from daemon.install.sealed import sealed

PROGRAM = Path("/usr/bin/env")
"""A program that everybody may run."""


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    monkeypatch.setattr(facts, "_interpreter", lambda: PROGRAM)
    return Machine(PROGRAM, (), (), "recordings", tmp_path)


def test_without_a_word_it_is_the_usual_folder_and_group(machine: Machine) -> None:
    found = for_all(machine, [], None)
    usual = (Path("/srv/recordings"),)
    assert (found.watched, found.folders, found.group) == (usual, usual, "recordings")


def test_what_is_there_is_kept_and_what_is_given_is_added(machine: Machine) -> None:
    machine.config.parent.mkdir(parents=True)
    machine.config.write_text('[[watch]]\npath = "/data/calls"\n')
    machine.unit.parent.mkdir(parents=True)
    machine.unit.write_text(sealed(texts.system_unit(PROGRAM, "team", [Path("/data/calls")])))
    again = for_all(machine, [], None)
    assert (again.watched, again.folders, again.group) == ((Path("/data/calls"),), (), "team")
    more = for_all(machine, [Path("/data/x/../new")], "others")
    assert (more.watched, more.folders) == ((Path("/data/calls"), Path("/data/new")), (Path("/data/new"),))
    assert more.group == "others"


@pytest.mark.parametrize("group", ["root", "Team", "a b", "-x", "", "x" * 40])
def test_names_that_can_be_no_group_of_people(machine: Machine, group: str) -> None:
    with pytest.raises(BadConfig, match="--group"):
        for_all(machine, [], group or "0")


@pytest.mark.parametrize("folder", ["/home/anna/recordings", "/tmp/x", "/root"])
def test_what_the_unit_does_not_see_is_refused(machine: Machine, folder: str) -> None:
    with pytest.raises(Unavailable, match="the folder of a service cannot be there"):
        for_all(machine, [Path(folder)], None)


def test_a_program_at_home_is_refused(machine: Machine) -> None:
    with pytest.raises(Unavailable, match="the program of a service cannot be there"):
        for_all(replace(machine, program=Path("/home/anna/venv/bin/transcribed")), [], None)


def test_a_folder_with_a_line_break_cannot_stand_in_a_unit(machine: Machine) -> None:
    with pytest.raises(BadConfig, match="cannot stand in a unit"):
        for_all(machine, [Path("/srv/a\nExecStart=/bin/sh")], None)


def test_a_broken_configuration_is_said_first(machine: Machine) -> None:
    machine.config.parent.mkdir(parents=True)
    machine.config.write_text("[[watch]\n")
    with pytest.raises(BadConfig, match="is not TOML"):
        for_all(machine, [], None)


def test_a_program_that_the_daemons_user_may_not_run(tmp_path: Path) -> None:
    program = tmp_path / "bin" / "transcribed"
    program.parent.mkdir(mode=0o755)
    program.touch()
    program.chmod(0o755)
    tmp_path.chmod(0o700)
    with pytest.raises(Unavailable, match=f"{tmp_path} cannot be used by everybody"):
        facts._check_executable(program)


def test_a_user_has_his_places_at_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "settings"))
    monkeypatch.delenv("XDG_STATE_HOME", raising=False)
    person = for_one(this_person(), [])
    assert person.config == tmp_path / "settings" / "transcribed" / "config.toml"
    assert person.state == person.home / ".local" / "state" / "transcribed"
    assert person.folders == person.watched == (person.home / "Recordings",)


def test_the_program_is_that_of_this_environment() -> None:
    assert this_machine().program.name == "transcribed" and os.access(this_machine().program, os.X_OK)


def test_no_service_without_systemd(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(facts, "BOOTED", tmp_path / "missing")
    with pytest.raises(Unavailable, match="systemd does not run here"):
        check_systemd(user=False)


@pytest.mark.parametrize(
    ("uid", "user", "session", "why"),
    [
        (1000, False, True, "only root may"),
        (0, True, True, "not for root"),
        (1000, True, False, "no systemd of its own"),
        (1000, True, True, None),
        (0, False, False, None),
    ],
)
def test_who_may_install_what(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, uid: int, user: bool, session: bool, why: str | None
) -> None:
    monkeypatch.setattr(facts, "BOOTED", tmp_path)
    monkeypatch.setattr(os, "geteuid", lambda: uid)
    monkeypatch.setenv("XDG_RUNTIME_DIR", "/run/user/1000" if session else "")
    if why is None:
        check_systemd(user=user)
        return
    with pytest.raises(Unavailable, match=why):
        check_systemd(user=user)
