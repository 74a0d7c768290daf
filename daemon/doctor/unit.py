"""The systemd unit: whether it is installed, enabled and of this version, and what its sandbox leaves to the daemon."""

import re
import shlex
import shutil
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from daemon import __version__
from daemon.doctor.case import Case
from daemon.doctor.findings import Finding, failed, ok, warning

SUBJECT = "service"
NAME = "transcribed.service"
ANSWER_S = 10.0
PROPERTIES = (
    "LoadState", "UnitFileState", "ActiveState", "Result", "NeedDaemonReload", "User", "Environment", "ExecStart",
    "ProtectSystem", "ProtectHome", "ReadWritePaths", "PrivateTmp",
)  # fmt: skip
PROGRAM = re.compile(r"path=(\S+)")
CONFIG = re.compile(r"(?:--config|-c)[ =](\S+)")
HOMES = (Path("/home"), Path("/root"), Path("/run/user"))
"""What ProtectHome hides."""


@dataclass(frozen=True, slots=True)
class Unit:
    """An installed unit, as systemd shows it."""

    is_users: bool
    """Whether it is one of a user's own manager (`systemctl --user`)."""
    properties: Mapping[str, str] = field(default_factory=dict)
    version: str | None = None
    """What its program says with --version; None if it says nothing."""

    def __getitem__(self, name: str) -> str:
        return self.properties.get(name, "")

    @property
    def user(self) -> str:
        """The user that it names."""
        return self["User"]

    @property
    def variables(self) -> dict[str, str]:
        """The environment variables that it sets."""
        return dict(each.split("=", 1) for each in shlex.split(self["Environment"]) if "=" in each)

    @property
    def config(self) -> Path | None:
        """The configuration file that it names."""
        found = CONFIG.search(self["ExecStart"])
        return Path(found[1]) if found else None

    @property
    def systemctl(self) -> str:
        """The command that speaks of it, for people."""
        return "systemctl --user" if self.is_users else "sudo systemctl"


def examine(case: Case) -> Iterator[Finding]:
    """Check the unit."""
    settings = case.given
    folders = [] if settings is None else [watch.path for watch in settings.watch]
    folders += [] if settings is None else [settings.database_path.parent, settings.monitor.log_file.parent]
    return findings(look(), case.config, folders)


def look() -> Unit | None:
    """Return the unit that is installed: the system's, else the user's; None if there is none, or no systemd."""
    if shutil.which("systemctl") is None:
        return None
    for is_users in (False, True):
        command = ["systemctl", *(["--user"] if is_users else []), "show", NAME, f"--property={','.join(PROPERTIES)}"]
        shown = dict(line.split("=", 1) for line in answer(command).splitlines() if "=" in line)
        if shown.get("LoadState", "not-found") != "not-found":
            return Unit(is_users, shown, _version(shown.get("ExecStart", "")))
    return None


def answer(command: list[str]) -> str:
    """Return what a program prints; "" if it fails, hangs or cannot be run."""
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", timeout=ANSWER_S,
            check=False,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout if done.returncode == 0 else ""


def _version(exec_start: str) -> str | None:
    found = PROGRAM.search(exec_start)
    return answer([found[1], "--version"]).strip().rpartition(" ")[2] or None if found else None


def findings(unit: Unit | None, config_file: Path | None, folders: Iterable[Path]) -> Iterator[Finding]:
    """Judge the unit.

    Args:
        unit: What is installed, if anything is.
        config_file: The configuration that is examined.
        folders: The watched folders, and those of the database and the log.
    """
    if unit is None:
        yield ok(SUBJECT, "not installed as a service")
        return
    wrong = [*_state(unit), *_program(unit, config_file), *_sandbox(unit, folders)]
    yield from wrong or [ok(SUBJECT, f"{NAME} is {unit['ActiveState']} and {unit['UnitFileState'] or 'linked'}")]


def _state(unit: Unit) -> Iterator[Finding]:
    if unit["LoadState"] != "loaded":
        yield failed(
            SUBJECT, f"{NAME} cannot be used by systemd: {unit['LoadState']}", f"systemd-analyze verify {NAME}"
        )
        return
    if unit["ActiveState"] == "failed":
        yield failed(
            SUBJECT,
            f"{NAME} has failed ({unit['Result']})",
            f"journalctl {'--user ' if unit.is_users else ''}-u transcribed says why; then "
            f"{unit.systemctl} restart transcribed",
        )
    if unit["UnitFileState"] == "disabled":
        yield warning(
            SUBJECT,
            f"{NAME} is installed, but does not start with the machine",
            f"{unit.systemctl} enable --now transcribed",
        )
    if unit["UnitFileState"].startswith("masked"):
        yield failed(SUBJECT, f"{NAME} is masked: it cannot be started", f"{unit.systemctl} unmask transcribed")
    if unit["NeedDaemonReload"] == "yes":
        yield warning(
            SUBJECT,
            f"{NAME} has been changed since systemd read it",
            f"{unit.systemctl} daemon-reload, then restart transcribed",
        )


def _program(unit: Unit, config_file: Path | None) -> Iterator[Finding]:
    program = PROGRAM.search(unit["ExecStart"])
    if unit.version is None:
        yield failed(
            SUBJECT,
            f"the program of {NAME} does not run: {program[1] if program else 'it names none'}",
            "install transcribed there again, or correct ExecStart=",
        )
    elif unit.version != __version__:
        yield warning(
            SUBJECT,
            f"{NAME} runs version {unit.version}, this is {__version__}",
            "install one version in both places, and restart the service",
        )
    if unit.config is not None and config_file is not None and unit.config != config_file:
        yield warning(
            SUBJECT,
            f"{NAME} reads {unit.config}, and what is examined here is {config_file}",
            f"transcribed doctor --config {unit.config}",
        )


def _sandbox(unit: Unit, folders: Iterable[Path]) -> Iterator[Finding]:
    """Yield the folders in which the unit lets the daemon write nothing, whatever their permissions."""
    # systemd shows a path with "-", "+" before it as it was written.
    writable = [Path(path.lstrip("-+")) for path in shlex.split(unit["ReadWritePaths"])]
    homes_hidden = unit["ProtectHome"] in ("yes", "true", "tmpfs")
    for folder in sorted(set(folders)):
        allowed = any(folder.is_relative_to(path) for path in writable)
        if homes_hidden and any(folder.is_relative_to(home) for home in HOMES):
            cure = f"systemctl edit transcribed: [Service] ProtectHome=false and ReadWritePaths={folder}"
            yield failed(SUBJECT, f"{NAME} hides {folder} from the daemon (ProtectHome=)", cure)
        elif unit["ProtectSystem"] == "strict" and not allowed and not _is_own(folder):
            cure = f"systemctl edit transcribed: [Service] ReadWritePaths={folder}"
            yield failed(SUBJECT, f"{NAME} lets the daemon write nothing into {folder} (ProtectSystem=)", cure)


def _is_own(folder: Path) -> bool:
    """Tell whether a folder is one of those that StateDirectory, CacheDirectory and LogsDirectory make writable."""
    return any(folder.is_relative_to(Path(place) / "transcribed") for place in ("/var/lib", "/var/cache", "/var/log"))
