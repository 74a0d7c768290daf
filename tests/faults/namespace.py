"""A shell in namespaces of its own, where a test may mount small disks and lower limits without being root."""

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.support import Daemon

UNSHARE = ["unshare", "--user", "--map-root-user", "--mount", "--pid", "--fork", "--mount-proc", "--kill-child"]


def need_namespaces() -> None:
    """Skip the test where a user may not make namespaces and mount in them."""
    if shutil.which("unshare") is None:
        pytest.skip("unshare is not here")
    probe = [*UNSHARE, "mount", "-t", "tmpfs", "tmpfs", "/mnt"]
    if subprocess.run(probe, capture_output=True, timeout=10).returncode != 0:
        pytest.skip("user namespaces are not allowed here: a small file system cannot be mounted")


class Namespace:
    """A shell in namespaces of its own, for one daemon.

    Args:
        first: a shell command to run before anything else, such as a mount.
    """

    def __init__(self, daemon: Daemon, first: str = "true") -> None:
        need_namespaces()
        self._daemon = daemon
        self._shell = subprocess.Popen(
            [*UNSHARE, "sh", "-c", f"{first} && exec sh"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=daemon.folder,
            env=daemon.environment,
        )

    def say(self, command: str) -> str:
        """Run a shell command; what it printed."""
        assert self._shell.stdin is not None and self._shell.stdout is not None
        self._shell.stdin.write(f"{command}\necho; echo END\n")
        self._shell.stdin.flush()
        lines = []
        while (line := self._shell.stdout.readline().strip()) != "END":
            assert self._shell.poll() is None, "the shell in the namespace ended"
            lines.append(line)
        return "\n".join(lines).strip()

    def query(self, statement: str) -> list[list[str]]:
        """SQL, in the namespace."""
        script = (
            "import sqlite3; connection = sqlite3.connect('file:var/jobs.db?mode=ro', uri=True, timeout=10); "
            f"print(*('\\t'.join(map(str, row)) for row in connection.execute({statement!r})), sep='\\n')"
        )
        said = self.say(f"{self._daemon.command()[0]} -c {_quoted(script)}")
        return [line.split("\t") for line in said.splitlines()]

    def start_daemon(self) -> None:
        arguments: Sequence[str] = self._daemon.command("run")
        self.say(" ".join(map(_quoted, arguments)) + " > /dev/null 2>> daemon.log & echo $! > pid")

    def stop_daemon(self) -> None:
        self.say("kill $(cat pid); wait")

    def fetch_database(self) -> None:
        """Copy the stopped daemon's database to where the test can read it."""
        self.say("mkdir -p copy && cp -a var/. copy/")
        self._daemon.database = Path(self._daemon.folder) / "copy" / "jobs.db"

    def end(self) -> None:
        self._shell.kill()
        self._shell.communicate()


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"
