"""The steps that other programs do: systemd-sysusers makes accounts, systemctl starts and stops."""

import subprocess
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from daemon.errors import Unavailable
from daemon.install.accounts import is_member
from daemon.install.sealed import is_untouched
from daemon.install.steps import Change, Step

TIMEOUT_S = 900
"""A start waits until the model is loaded, which may have to be downloaded first."""


def run(command: Sequence[str], hint: str) -> None:
    """Run a program.

    Raises:
        Unavailable: It is not there, failed or took too long.
    """
    told = " ".join(command)
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_S)
    except FileNotFoundError as error:
        raise Unavailable(f"{command[0]} is not here", "it belongs to systemd") from error
    except subprocess.TimeoutExpired as error:
        raise Unavailable(f"{told} has not ended for {TIMEOUT_S} s", hint) from error
    if done.returncode != 0:
        raise Unavailable(f"{told} failed: {(done.stderr or done.stdout).strip()}", hint)


def agrees(*command: str) -> bool:
    """Return whether a program that answers by its exit code says yes."""
    try:
        return subprocess.run(command, capture_output=True, timeout=60).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


@dataclass(frozen=True, slots=True)
class Account:
    """A user of the daemon's own, in the group of the people who share its folders."""

    user: str
    group: str
    file: Path
    """What systemd-sysusers reads: every machine that can run the unit has that program, not every one has useradd."""

    @property
    def what(self) -> str:
        """As in `Step`."""
        return f"create the user {self.user}, in the group {self.group}"

    def change(self, _changed: Collection[Step] = (), /) -> Change | None:
        """As in `Step`."""
        return None if is_member(self.user, self.group) else Change(self.what, self._create)

    def _create(self) -> None:
        run(("systemd-sysusers", str(self.file)), f"create the user {self.user} and the group {self.group} by hand")


@dataclass(frozen=True, slots=True)
class Manager:
    """systemd, or the systemd of a user."""

    arguments: tuple[str, ...] = ()
    """`--user` for that of a user."""

    def __call__(self, *arguments: str) -> tuple[str, ...]:
        """Return a command to it."""
        return ("systemctl", *self.arguments, *arguments)

    def log_of(self, unit: str) -> str:
        """Return the command that shows what a unit said last."""
        return " ".join(("journalctl", *self.arguments, "-n", "20", "-u", unit))


@dataclass(frozen=True, slots=True)
class Started:
    """A unit that runs, and will after a reboot; after a change of its files it is started again."""

    unit: str
    manager: Manager
    after: tuple[Step, ...]
    """The steps that write its files."""

    @property
    def what(self) -> str:
        """As in `Step`."""
        return f"enable and start {self.unit}"

    def change(self, changed: Collection[Step], /) -> Change | None:
        """As in `Step`."""
        enabled = agrees(*self.manager("is-enabled", "--quiet", self.unit))
        if not (enabled and agrees(*self.manager("is-active", "--quiet", self.unit))):
            return Change(f"{self.what}; it is ready once the model is loaded", self._start)
        if any(step in changed for step in self.after):
            return Change(f"start {self.unit} again, as it is now", self._start)
        return None

    def _start(self) -> None:
        hint = f"see why: {self.manager.log_of(self.unit)}"
        run(self.manager("daemon-reload"), hint)
        run(self.manager("enable", self.unit), hint)
        run(self.manager("restart", self.unit), hint)


@dataclass(frozen=True, slots=True)
class Stopped:
    """A unit that neither runs nor will after a reboot."""

    unit: str
    manager: Manager

    @property
    def what(self) -> str:
        """As in `Step`."""
        return f"stop and disable {self.unit}"

    def change(self, _changed: Collection[Step] = (), /) -> Change | None:
        """As in `Step`."""
        asks = ("is-enabled", "is-active")
        stands = any(agrees(*self.manager(ask, "--quiet", self.unit)) for ask in asks)
        return Change(self.what, self._stop) if stands else None

    def _stop(self) -> None:
        run(self.manager("disable", "--now", self.unit), f"see why: {self.manager.log_of(self.unit)}")


@dataclass(frozen=True, slots=True)
class Removed:
    """A file of an installation that is there no more; one that was edited is kept under another name."""

    path: Path
    manager: Manager | None = None
    """Told about it, if it is a unit."""

    @property
    def what(self) -> str:
        """As in `Step`."""
        return f"remove {self.path}"

    def change(self, _changed: Collection[Step] = (), /) -> Change | None:
        """As in `Step`."""
        try:
            content = self.path.read_text("utf-8", "replace")
        except FileNotFoundError:
            return None
        except OSError as error:
            raise Unavailable(f"{self.path}: {error.strerror}", "move it away") from error
        if is_untouched(content):
            return Change(self.what, self._remove)
        return Change(f"rename {self.path}, which was edited, to {self._kept.name}", self._keep)

    @property
    def _kept(self) -> Path:
        return self.path.with_name(f"{self.path.name}.removed")

    def _remove(self) -> None:
        self.path.unlink()
        self._tell()

    def _keep(self) -> None:
        self.path.rename(self._kept)
        self._tell()

    def _tell(self) -> None:
        if self.manager is not None:
            run(self.manager("daemon-reload"), "")


@dataclass(frozen=True, slots=True)
class Unlinked:
    """A link to the program that is there no more; one to another program is left alone."""

    path: Path
    target: Path

    @property
    def what(self) -> str:
        """As in `Step`."""
        return f"remove the link {self.path}"

    def change(self, _changed: Collection[Step] = (), /) -> Change | None:
        """As in `Step`."""
        ours = self.path.is_symlink() and self.path.readlink() == self.target
        return Change(self.what, self.path.unlink) if ours else None
