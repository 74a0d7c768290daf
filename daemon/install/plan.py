"""What an installation consists of: pure functions from the facts to the steps."""

from dataclasses import dataclass
from pathlib import Path

from daemon.install import texts
from daemon.install.commands import Account, Manager, Removed, Started, Stopped, Unlinked
from daemon.install.steps import File, Folder, Link, Step

UNIT = "transcribed.service"
USER = "transcribed"
"""The user of the daemon, named like the unit."""
STATE = Path("/var/lib/transcribed")
LOGS = Path("/var/log/transcribed")
CACHE = Path("/var/cache/transcribed")
"""The unit's StateDirectory=, LogsDirectory= and CacheDirectory=, which systemd makes."""


@dataclass(frozen=True, slots=True)
class Machine:
    """What an installation for the whole system depends on."""

    program: Path
    """The command `transcribed`."""
    watched: tuple[Path, ...]
    """All folders that the configuration names."""
    folders: tuple[Path, ...]
    """Those of them that this installation is asked for, and makes."""
    group: str
    """Of the people who share them."""
    root: Path = Path("/")
    """Where the system is, if not here."""
    administrator: tuple[str, str] = ("root", "root")
    """The user and the group of what the system itself owns."""

    def at(self, path: str) -> Path:
        """Return a path of the system."""
        return self.root / path.lstrip("/")

    @property
    def config(self) -> Path:
        """The configuration file."""
        return self.at("/etc/transcribed/config.toml")

    @property
    def unit(self) -> Path:
        """The unit file."""
        return self.at(f"/etc/systemd/system/{UNIT}")

    @property
    def accounts(self) -> Path:
        """What systemd-sysusers reads."""
        return self.at("/etc/sysusers.d/transcribed.conf")

    @property
    def link(self) -> Path:
        """The command for everybody's shell."""
        return self.at("/usr/local/bin/transcribed")


@dataclass(frozen=True, slots=True)
class Person:
    """What an installation for one user depends on."""

    name: str
    group: str
    program: Path
    watched: tuple[Path, ...]
    folders: tuple[Path, ...]
    home: Path
    config_home: Path
    """$XDG_CONFIG_HOME."""
    state_home: Path
    """$XDG_STATE_HOME."""

    @property
    def config(self) -> Path:
        """The configuration file."""
        return self.config_home / "transcribed" / "config.toml"

    @property
    def unit(self) -> Path:
        """The unit file."""
        return self.config_home / "systemd" / "user" / UNIT

    @property
    def state(self) -> Path:
        """The folder of the database."""
        return self.state_home / "transcribed"


def install_for_all(machine: Machine) -> list[Step]:
    """Return the steps that install the daemon for the whole system."""
    owner, group = machine.administrator
    people = machine.group
    settings = texts.configuration(machine.watched, STATE / "jobs.db", LOGS / "service_metrics.log")
    accounts = File(machine.accounts, texts.accounts(USER, people, STATE), owner, group, 0o644)
    unit = File(machine.unit, texts.system_unit(machine.program, people, machine.watched), owner, group, 0o644)
    config = File(machine.config, settings, owner, people, 0o640)
    return [
        accounts,
        Account(USER, people, machine.accounts),
        *(Folder(folder, USER, people, 0o2770) for folder in machine.folders),
        Folder(machine.config.parent, owner, group, 0o755),
        config,
        unit,
        Link(machine.link, machine.program),
        Started(UNIT, Manager(), after=(config, unit)),
    ]


def uninstall_for_all(machine: Machine) -> list[Step]:
    """Return the steps that take the service away, and leave all that people may want to keep."""
    return [
        Stopped(UNIT, Manager()),
        Removed(machine.unit, Manager()),
        Removed(machine.accounts),
        Unlinked(machine.link, machine.program),
    ]


def install_for_one(person: Person) -> list[Step]:
    """Return the steps that install the daemon for one user."""
    me, mine = person.name, person.group
    settings = texts.configuration(person.watched, person.state / "jobs.db", person.state / "service_metrics.log")
    config = File(person.config, settings, me, mine, 0o600)
    unit = File(person.unit, texts.user_unit(person.program, person.config), me, mine, 0o644)
    return [
        *(Folder(folder, me, mine, 0o700) for folder in person.folders),
        Folder(person.state, me, mine, 0o700),
        Folder(person.config.parent, me, mine, 0o700),
        config,
        unit,
        Started(UNIT, Manager(("--user",)), after=(config, unit)),
    ]


def uninstall_for_one(person: Person) -> list[Step]:
    """Return the steps that take a user's service away, and leave what he may want to keep."""
    manager = Manager(("--user",))
    return [Stopped(UNIT, manager), Removed(person.unit, manager)]
