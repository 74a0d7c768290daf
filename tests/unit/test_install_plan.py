"""An installation in a folder that stands for the root of a system: steps, done twice, edited, refused, undone."""

import os
import stat
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from daemon.errors import Unavailable
from daemon.install import commands, plan
from daemon.install.plan import Machine, Person, install_for_all, install_for_one, uninstall_for_all, uninstall_for_one
from daemon.install.runner import run
from daemon.install.steps import Step
from daemon.permissions import group_name, user_name

ME, MINE = user_name(os.geteuid()), group_name(os.getegid())


class Systemd:
    """Instead of systemd: what was asked of it, and whether the unit stands."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.stands = False

    def run(self, command: Sequence[str], _hint: str) -> None:
        self.told.append(" ".join(command))
        if "restart" in command or "disable" in command:
            self.stands = "restart" in command

    def agrees(self, *_command: str) -> bool:
        return self.stands


@pytest.fixture(autouse=True)
def systemd(monkeypatch: pytest.MonkeyPatch) -> Systemd:
    made = Systemd()
    monkeypatch.setattr(commands, "run", made.run)
    monkeypatch.setattr(commands, "agrees", made.agrees)
    monkeypatch.setattr(plan, "USER", ME)
    return made


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    folder = tmp_path / "srv" / "recordings"
    program = tmp_path / "opt" / "transcribed"
    return Machine(program, (folder,), (folder,), MINE, tmp_path, (ME, MINE))


@pytest.fixture
def person(tmp_path: Path) -> Person:
    folder = tmp_path / "Recordings"
    homes = (tmp_path, tmp_path / ".config", tmp_path / ".local" / "state")
    return Person(ME, MINE, tmp_path / "venv" / "transcribed", (folder,), (folder,), *homes)


def states(steps: Sequence[Step], *, dry_run: bool = False) -> list[str]:
    return [outcome.state for outcome in run(steps, dry_run=dry_run)]


def tree(folder: Path) -> dict[str, tuple[int, int]]:
    """Every path, with its mode and the time of its last change."""
    return {str(path): (path.lstat().st_mode, path.lstat().st_mtime_ns) for path in sorted(folder.rglob("*"))}


def test_for_the_whole_system(machine: Machine, systemd: Systemd, tmp_path: Path) -> None:
    outcomes = list(run(install_for_all(machine), dry_run=False))
    assert {outcome.state for outcome in outcomes} == {"already", "done"}, "only the account is there"
    modes = {
        "srv/recordings": 0o2770,
        "etc/transcribed": 0o755,
        "etc/transcribed/config.toml": 0o640,
        "etc/systemd/system/transcribed.service": 0o644,
        "etc/sysusers.d/transcribed.conf": 0o644,
    }
    for path, mode in modes.items():
        assert stat.S_IMODE((tmp_path / path).stat().st_mode) == mode, path
    assert machine.link.readlink() == machine.program
    assert systemd.told == [
        "systemctl daemon-reload",
        "systemctl enable transcribed.service",
        "systemctl restart transcribed.service",
    ]
    assert f"{tmp_path / 'srv' / 'recordings'} ({ME}:{MINE} 2770)" in "".join(outcome.what for outcome in outcomes)


@pytest.mark.parametrize("umask", [0o077, 0o000])
def test_the_umask_has_no_part_in_it(machine: Machine, tmp_path: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        states(install_for_all(machine))
    finally:
        os.umask(before)
    for path, mode in {"srv": 0o755, "srv/recordings": 0o2770, "etc/transcribed/config.toml": 0o640}.items():
        assert stat.S_IMODE((tmp_path / path).stat().st_mode) == mode, path


@pytest.mark.parametrize("kind", ["machine", "person"])
def test_twice_changes_nothing(kind: str, request: pytest.FixtureRequest, systemd: Systemd, tmp_path: Path) -> None:
    facts = request.getfixturevalue(kind)
    steps = install_for_all(facts) if isinstance(facts, Machine) else install_for_one(facts)
    states(steps)
    before = tree(tmp_path)
    systemd.told.clear()
    assert set(states(steps)) == {"already"}
    assert (tree(tmp_path), systemd.told) == (before, [])


@pytest.mark.parametrize("kind", ["machine", "person"])
def test_a_dry_run_says_the_same_and_changes_nothing(
    kind: str, request: pytest.FixtureRequest, systemd: Systemd, tmp_path: Path
) -> None:
    facts = request.getfixturevalue(kind)
    steps = install_for_all(facts) if isinstance(facts, Machine) else install_for_one(facts)
    said = list(run(steps, dry_run=True))
    assert (tree(tmp_path), systemd.told) == ({}, [])
    assert [outcome.what for outcome in run(steps, dry_run=False)] == [outcome.what for outcome in said]


def test_another_folder_is_added_and_the_service_started_again(machine: Machine, systemd: Systemd) -> None:
    states(install_for_all(machine))
    systemd.told.clear()
    calls = machine.root / "calls"
    states(install_for_all(replace(machine, watched=(*machine.watched, calls), folders=(calls,))))
    assert f'path = "{calls}"' in machine.config.read_text()
    assert f"ReadWritePaths=-{calls}" in machine.unit.read_text()
    assert "systemctl restart transcribed.service" in systemd.told


@pytest.mark.parametrize("which", ["config", "unit"])
def test_what_was_edited_is_kept(machine: Machine, which: str) -> None:
    states(install_for_all(machine))
    file: Path = getattr(machine, which)
    edited = file.read_text() + "# mine\n"
    file.write_text(edited)
    assert set(states(install_for_all(machine))) == {"already"}, "there is nothing new"
    more = replace(machine, watched=(*machine.watched, machine.root / "calls"))
    told = [outcome.what for outcome in run(install_for_all(more), dry_run=False)]
    assert f"keep {file}, which was edited, and write {file.name}.new beside it" in told
    beside = file.with_name(f"{file.name}.new")
    assert file.read_text() == edited and str(machine.root / "calls") in beside.read_text()
    assert set(states(install_for_all(more))) == {"already"}


def test_somebody_elses_file_is_kept(machine: Machine) -> None:
    machine.unit.parent.mkdir(parents=True)
    machine.unit.write_text("[Service]\nExecStart=/my/own\n")
    states(install_for_all(machine))
    assert machine.unit.read_text() == "[Service]\nExecStart=/my/own\n"


def test_a_folder_that_could_be_the_wrong_one_is_refused_before_anything_is_done(
    machine: Machine, systemd: Systemd
) -> None:
    (machine.root / "srv").symlink_to(machine.root)
    before = tree(machine.root)
    with pytest.raises(Unavailable, match="is a link"):
        states(install_for_all(machine))
    assert (tree(machine.root), systemd.told) == (before, [])


def test_a_step_that_fails_is_named_and_goes_on_from_there(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_arguments: object, **_options: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "rename", fail)
        with pytest.raises(Unavailable, match=r"cannot write .*transcribed\.conf .*: No space left"):
            states(install_for_all(machine))
    assert "done" in states(install_for_all(machine))
    assert not list(machine.root.rglob("*.partial"))


def test_uninstalled_all_but_the_service_stays(machine: Machine) -> None:
    states(install_for_all(machine))
    (machine.folders[0] / "a.wav").touch()
    assert set(states(uninstall_for_all(machine))) == {"done"}
    assert not any(os.path.lexists(path) for path in (machine.unit, machine.accounts, machine.link))
    assert machine.config.is_file() and (machine.folders[0] / "a.wav").is_file()
    assert set(states(uninstall_for_all(machine))) == {"already"}


def test_an_edited_unit_is_kept_under_another_name(machine: Machine) -> None:
    states(install_for_all(machine))
    machine.unit.write_text("[Service]\nExecStart=/my/own\n")
    states(uninstall_for_all(machine))
    assert not machine.unit.exists()
    assert machine.unit.with_name("transcribed.service.removed").read_text() == "[Service]\nExecStart=/my/own\n"


def test_for_one_user(person: Person, systemd: Systemd) -> None:
    states(install_for_one(person))
    assert stat.S_IMODE(person.config.stat().st_mode) == 0o600
    assert stat.S_IMODE(person.state.stat().st_mode) == 0o700
    assert systemd.told[-1] == "systemctl --user restart transcribed.service"
    states(uninstall_for_one(person))
    assert not person.unit.exists() and person.config.is_file() and not systemd.stands
