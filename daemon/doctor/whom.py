"""As whom the checks are made: as the user of the daemon, with its environment, wherever that is possible.

What root may read says nothing of what the daemon may. Where it runs, or is installed as a service, and the doctor may
become its user, the checks do; otherwise they say as whom they were made.
"""

import os
import pwd
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field

from daemon.doctor.findings import Finding, ok, warning
from daemon.doctor.unit import Unit
from daemon.processes.environment import environment

SUBJECT = "user"
ANSWER_S = 10.0
"""How long Python may take to start."""


@dataclass(frozen=True, slots=True)
class Whom:
    """A user and the environment that the daemon has."""

    uid: int
    pid: int | None = None
    """Of the daemon, if it runs."""
    variables: Mapping[str, str] = field(default_factory=dict)
    """Those that the daemon has; they win over ours."""

    @property
    def name(self) -> str:
        """Its name, or its number if it has none."""
        return name_of(self.uid)

    @property
    def is_closed_to_us(self) -> bool:
        """Whether we can neither be nor become this user."""
        return os.geteuid() not in (0, self.uid)

    def become(self) -> None:
        """Take on its identity, for the rest of this process; only root can, and others stay who they are."""
        if os.geteuid() != 0 or self.uid == 0:
            return
        entry = pwd.getpwuid(self.uid)
        os.initgroups(entry.pw_name, entry.pw_gid)
        os.setresgid(entry.pw_gid, entry.pw_gid, entry.pw_gid)
        os.setresuid(self.uid, self.uid, self.uid)


def whom(pid: int | None, unit: Unit | None) -> Whom:
    """Return the user and the environment of the daemon that runs, else of the service, else our own.

    Args:
        pid: Of the daemon that holds the configured database.
        unit: The service that is installed, if one is.
    """
    if pid is not None:
        with suppress(OSError):
            return Whom(os.stat(f"/proc/{pid}").st_uid, pid, _variables_of(pid))
    if unit is not None:
        with suppress(KeyError):
            entry = pwd.getpwnam(unit.user) if unit.user else pwd.getpwuid(os.getuid() if unit.is_users else 0)
            return Whom(entry.pw_uid, None, {"HOME": entry.pw_dir, **unit.variables})
    return Whom(os.getuid())


def finding(who: Whom, *, may_run: bool) -> Finding:
    """Say as whom the checks are made, and what that leaves out.

    Args:
        who: The daemon's user.
        may_run: Whether it may run this very program.
    """
    runs = f", pid {who.pid}" if who.pid is not None else ""
    if not may_run:
        return warning(
            SUBJECT,
            f"{who.name}, the daemon's user, may not run {sys.executable}; the model was not tried",
            "run the doctor of the service's own installation, such as /opt/transcribed/bin/transcribed doctor",
        )
    if who.is_closed_to_us:
        us = name_of(os.geteuid())
        return warning(
            SUBJECT,
            f"the daemon's user is {who.name}{runs}; as {us}, only what is the same for all users was checked",
            "sudo transcribed doctor, which checks as the daemon's user",
        )
    return ok(SUBJECT, f"the checks are made as {who.name}{f', as whom the daemon runs{runs}' if runs else ''}")


def may_run(who: Whom) -> bool:
    """Tell whether the daemon's user may run this program: a virtual environment in /root is closed to it."""
    if os.geteuid() != 0 or who.uid == 0:
        return True
    try:
        entry = pwd.getpwuid(who.uid)
        done = subprocess.run(
            [sys.executable, "-P", "-c", "import daemon.processes.bootstrap"],
            env=environment(),
            cwd="/",
            user=who.uid,
            group=entry.pw_gid,
            extra_groups=os.getgrouplist(entry.pw_name, entry.pw_gid),
            timeout=ANSWER_S,
            capture_output=True,
            check=False,
        )
    except (OSError, KeyError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


def name_of(uid: int) -> str:
    """Return the name of a user, or the number of one that has none."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"user {uid}"


def _variables_of(pid: int) -> dict[str, str]:
    """Return the environment of a process; empty where it belongs to somebody else."""
    try:
        with open(f"/proc/{pid}/environ", "rb") as file:
            entries = file.read().split(b"\0")
    except OSError:
        return {}
    pairs = (os.fsdecode(entry).partition("=") for entry in entries if entry)
    return {key: value for key, _, value in pairs}
