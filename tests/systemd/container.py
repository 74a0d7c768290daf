"""A small Debian with a systemd of its own, booted in a container (systemd-nspawn), and its users."""

import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.support import wait_until

PACKAGES = (
    "systemd,systemd-sysv,dbus,libpam-systemd,dbus-user-session,udev,python3,python3-venv,procps,sudo,ca-certificates"
)
TOOLS = ("mmdebstrap", "systemd-nspawn", "nsenter", "mount")
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
BOOT_S = 60
DROP, CONFIG = "/srv/recordings", "/etc/transcribed/config.toml"
"""What `service install` watches, and where it puts the configuration."""
MEETING_S = 400.0
"""The length of a recording that takes a while."""


def missing_tools(tools: Sequence[str]) -> list[str]:
    """Those of the tools that are not installed here."""
    return [tool for tool in tools if shutil.which(tool) is None]


def debian(folder: Path, *more: str) -> Path:
    """A folder with Debian and more packages, made once and kept."""
    root = folder / "root"
    if not root.is_dir():
        partial = folder / "partial"
        shutil.rmtree(partial, ignore_errors=True)
        command = [
            "mmdebstrap",
            "--variant=minbase",
            f"--include={','.join((PACKAGES, *more))}",
            "bookworm",
            str(partial),
        ]
        subprocess.run(command, check=True, timeout=900, capture_output=True)
        partial.rename(root)
    return root


@contextmanager
def copied(base: Path, folder: Path) -> Iterator[Path]:
    """A copy of a folder with Debian, to be changed; what happens to it is forgotten afterwards."""
    for name in ("upper", "work", "root"):
        (folder / name).mkdir()
    layers = f"lowerdir={base},upperdir={folder / 'upper'},workdir={folder / 'work'}"
    subprocess.run(["mount", "-t", "overlay", "overlay", "-o", layers, str(folder / "root")], check=True)
    try:
        yield folder / "root"
    finally:
        subprocess.run(["umount", str(folder / "root")], check=False)


def chroot(root: Path, *command: str) -> None:
    """Run something in a folder with Debian that does not run."""
    subprocess.run(["chroot", str(root), *command], check=True, timeout=900, env={"PATH": PATH})


class Container:
    """The system in a folder, while it runs."""

    def __init__(self, root: Path, log: Path) -> None:
        self.root = root
        self.log = log
        self._nspawn: subprocess.Popen[bytes] | None = None

    def boot(self) -> None:
        with self.log.open("ab") as log:
            self._nspawn = subprocess.Popen(
                ["systemd-nspawn", "-q", "-D", str(self.root), "--register=no", "--keep-unit", "--console=pipe", "-b"],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        wait_until(self._is_up, BOOT_S, "the boot")

    def _is_up(self) -> bool:
        assert self._nspawn is not None and self._nspawn.poll() is None, self.log.read_text("utf-8", "replace")
        if not self._children():
            return False
        state = self.run("systemctl", "is-system-running", check=False).stdout.strip()
        return state in ("running", "degraded")

    def _children(self) -> list[str]:
        assert self._nspawn is not None
        pid = self._nspawn.pid
        return Path(f"/proc/{pid}/task/{pid}/children").read_text().split()

    def run(
        self,
        *command: str,
        user: str = "root",
        check: bool = True,
        timeout_s: float = 300,
        variables: Mapping[str, str] | None = None,
    ) -> subprocess.CompletedProcess[str]:
        """Run a command in it as somebody, as after a login."""
        enter = ["nsenter", "--target", self._children()[0], "--all"]
        home = "/root" if user == "root" else f"/home/{user}"
        given = {"PATH": PATH, "HOME": home, "LANG": "C.UTF-8", **(variables or {})}
        clean = ["env", "-i", "-C", "/", *(f"{key}={value}" for key, value in given.items())]
        done = subprocess.run(
            [*enter, "runuser", "-u", user, "--", *clean, *command], capture_output=True, text=True, timeout=timeout_s
        )
        assert not check or done.returncode == 0, f"{command}: {done.returncode}\n{done.stdout}{done.stderr}"
        return done

    def shell(self, script: str, user: str = "root", **options: Any) -> subprocess.CompletedProcess[str]:
        """Run a line for the shell in it as somebody."""
        return self.run("sh", "-c", script, user=user, **options)

    def journal(self, unit: str, *options: str) -> str:
        """What a unit has logged."""
        return self.run("journalctl", "--no-pager", "-o", "cat", "-u", unit, *options).stdout

    def shows(self, unit: str, name: str) -> str:
        """A property of a unit."""
        return self.run("systemctl", "show", "--value", "-p", name, unit).stdout.strip()

    def reboot(self) -> None:
        self.run("systemctl", "reboot", check=False)
        assert self._nspawn is not None
        self._nspawn.wait(BOOT_S)
        self.boot()

    def stop(self) -> None:
        if self._nspawn is None or self._nspawn.poll() is not None:
            return
        self.run("systemctl", "poweroff", check=False)
        try:
            self._nspawn.wait(BOOT_S)
        except subprocess.TimeoutExpired:
            self._nspawn.kill()
            self._nspawn.wait()
