"""What an installation depends on, found out on this machine and checked."""

import os
import pwd
import re
import sys
import sysconfig
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from daemon.config import reader
from daemon.errors import BadConfig, Unavailable
from daemon.install.accounts import group_id
from daemon.install.plan import Machine, Person
from daemon.install.sealed import is_untouched
from daemon.install.texts import group_of
from daemon.permissions import group_name

FOLDER = Path("/srv/recordings")
GROUP = "recordings"
GROUP_NAME = re.compile(r"[a-z_][a-z0-9_-]{0,30}")
"""What systemd-sysusers takes for the name of a group."""
HIDDEN = (Path("/home"), Path("/root"), Path("/run/user"), Path("/tmp"), Path("/var/tmp"))
"""What the unit does not see, because of its ProtectHome= and PrivateTmp=."""
PROGRAM = re.compile(r"[\w./@:+,=-]+")
"""A path that stands in a unit's ExecStart= as it is."""
BOOTED = Path("/run/systemd/system")
"""Is there where systemd runs; see sd_booted(3)."""


def this_machine(root: Path = Path("/")) -> Machine:
    """Return where an installation for the whole system is; `root` is where the system is, if not here."""
    return Machine(_program(), (), (), GROUP, root)


def this_person() -> Person:
    """Return where an installation for the user who asks for it is."""
    account = pwd.getpwuid(os.geteuid())
    home = Path(account.pw_dir)
    config_home = Path(os.environ.get("XDG_CONFIG_HOME") or home / ".config")
    state_home = Path(os.environ.get("XDG_STATE_HOME") or home / ".local" / "state")
    return Person(account.pw_name, group_name(account.pw_gid), _program(), (), (), home, config_home, state_home)


def for_all(machine: Machine, folders: Sequence[Path], group: str | None) -> Machine:
    """Return what an installation for the whole system depends on.

    Args:
        machine: Where it is.
        folders: To be watched, besides those that are; none for the usual one where none are.
        group: Of the people who share them; None for the one that there is, or the usual one.

    Raises:
        BadConfig: A name cannot be used, or the configuration that is there has errors.
        Unavailable: A path is one that the service could not use.
    """
    people = group or _group_before(machine.unit) or GROUP
    if not GROUP_NAME.fullmatch(people) or group_id(people) == 0:
        raise BadConfig(f"--group {people}: cannot be the group of people who share recordings", "name another group")
    watched, asked = _folders(folders, machine.config, FOLDER)
    for path, use in ((machine.program, "program"), (_interpreter(), "Python"), *((each, "folder") for each in asked)):
        if any(path.is_relative_to(hidden) for hidden in HIDDEN):
            raise Unavailable(
                f"{path}: the {use} of a service cannot be there, for its unit sees no homes and no temporary files",
                "install into /opt/transcribed, with the system's Python, and watch a folder such as /srv/recordings; "
                "or use --user",
            )
    _check_executable(machine.program)
    _check_executable(_interpreter())
    return replace(machine, watched=watched, folders=asked, group=people)


def for_one(person: Person, folders: Sequence[Path]) -> Person:
    """Return what an installation for one user depends on.

    Args:
        person: Who it is for.
        folders: To be watched, besides those that are; none for the usual one where none are.

    Raises:
        BadConfig: A name cannot be used, or the configuration that is there has errors.
    """
    watched, asked = _folders(folders, person.config, person.home / "Recordings")
    return replace(person, watched=watched, folders=asked)


def check_systemd(*, user: bool) -> None:
    """Check that this process may install a service here.

    Args:
        user: It is one for the user who asks for it, not for the whole system.

    Raises:
        Unavailable: systemd does not run, or the process is not allowed to.
    """
    if not BOOTED.is_dir():
        raise Unavailable("systemd does not run here", "in a container see docs/service.md; else: transcribed run")
    is_root = os.geteuid() == 0
    if user and is_root:
        raise Unavailable("--user is for the user who asks for it, not for root", "run it as that user, without sudo")
    if not user and not is_root:
        raise Unavailable(
            "only root may install a service for the whole system",
            f"run it with sudo: sudo {_program()} service ...; or add --user, for yourself alone",
        )
    if user and not os.environ.get("XDG_RUNTIME_DIR"):
        raise Unavailable(
            "this session has no systemd of its own (XDG_RUNTIME_DIR is not set)",
            "log in as that user, on a terminal or by ssh; su and sudo are not enough",
        )


def _folders(given: Sequence[Path], config: Path, usual: Path) -> tuple[tuple[Path, ...], tuple[Path, ...]]:
    """Return all folders that are to be watched, and those of them that this installation is asked to make."""
    before = [watch.path for watch in reader.load(config).watch] if config.is_file() else []
    asked = [Path(os.path.normpath(path.absolute())) for path in given]
    for folder in asked:
        if not str(folder).isprintable():
            raise BadConfig(f"--watch {str(folder)!r}: cannot stand in a unit", "name a folder with a plain name")
    if not before and not asked:
        asked = [usual]
    return tuple(dict.fromkeys([*before, *asked])), tuple(dict.fromkeys(asked))


def _group_before(unit: Path) -> str | None:
    """Return the group that an earlier installation chose."""
    try:
        content = unit.read_text("utf-8", "replace")
    except OSError:
        return None
    return group_of(content) if is_untouched(content) else None


def _program() -> Path:
    """Return the command of the Python environment that this process runs in.

    Raises:
        Unavailable: It has none, or its path cannot stand in a unit.
    """
    program = Path(sysconfig.get_path("scripts")) / "transcribed"
    if not program.is_file():
        raise Unavailable(f"there is no {program}", "install transcribed with pip: docs/service.md")
    if not PROGRAM.fullmatch(str(program)):
        raise Unavailable(f"{program}: cannot stand in a unit", "install it at a path of letters, digits, - and _")
    return program


def _interpreter() -> Path:
    """Return the Python that the program runs on, which a virtual environment only links to."""
    return Path(sys.executable).resolve()


def _check_executable(program: Path) -> None:
    """Check that everybody, and so the daemon's user, may run a program.

    Raises:
        Unavailable: Somebody may not.
    """
    for path in (program, *program.parents):
        if path.stat().st_mode & 0o001 == 0:
            raise Unavailable(
                f"{path} cannot be used by everybody, and so not by the service", f"sudo chmod go+rX {path}"
            )
