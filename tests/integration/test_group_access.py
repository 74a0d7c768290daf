"""Who is in the group sees the status and searches, without a right to write; others are told who may. Needs root."""

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support import ROOT

DAEMON, MEMBER, STRANGER, GROUP = 54_001, 54_002, 54_003, 54_100
WRITER = """
from pathlib import Path
from daemon.chunk import Options
from daemon.store.migrate import migrate
from daemon.store.store import Store
from tests.builders import seen
path = Path("jobs.db")
migrate(path)
store = Store(path)
store.queue([(seen("a.wav"), Options(), 0)])
print("written", flush=True)
input()
store.close()
"""

REACHABLE = """
top=$1 base=$2 stage=$3; shift 3; umask 027
[ -z "$top" ] || { mount --bind "$base" "$stage"; mount -t tmpfs -o mode=755 none "$top"
(umask 022; mkdir -p "$base"); mount --bind "$stage" "$base"; }
exec "$@"
"""
"""A shell in a mount namespace, where the Python of these tests is in reach of everybody, even if it is at root's home."""

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root may be several people")


class State:
    """A state folder as the unit makes it, and people who look at it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.database = folder / "state" / "jobs.db"
        self.config = folder / "config.toml"
        self.config.write_text(f'[[watch]]\npath = "/srv/x"\n[database]\nurl = "sqlite:///{self.database}"\n')
        self.config.chmod(0o644)
        for name, owner, mode in (("python", 0, 0o755), ("state", DAEMON, 0o2750)):
            (folder / name).mkdir()
            os.chown(folder / name, owner, GROUP)
            (folder / name).chmod(mode)
        self.writer: subprocess.Popen[str] | None = None

    def present(self) -> set[str]:
        """What there is beside the database."""
        return {path.name for path in self.database.parent.iterdir()}

    def write(self) -> None:
        """Have the daemon's user make the database, put a job into it and keep it open."""
        self.writer = subprocess.Popen(
            self.by(DAEMON, "-c", WRITER),
            cwd=self.database.parent,
            env=ENVIRONMENT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.writer.stdout is not None and self.writer.stdout.readline() == "written\n"

    def end(self, how: signal.Signals | None) -> None:
        """Have it close the database, or end it by a signal."""
        if self.writer is not None:
            if how is not None:
                self.writer.send_signal(how)
            self.writer.communicate("\n" if how is None else None, timeout=30)
            self.writer = None

    def run(self, who: int, *command: str) -> subprocess.CompletedProcess[str]:
        """Run a command as somebody."""
        arguments, environment = (
            self.by(who, "-m", "daemon", *command),
            {**ENVIRONMENT, "TRANSCRIBED_CONFIG": str(self.config)},
        )
        return subprocess.run(arguments, cwd="/", env=environment, capture_output=True, text=True, timeout=60)

    def by(self, who: int, *arguments: str) -> list[str]:
        """The command that runs Python as somebody."""
        base = Path(sys.base_prefix)
        top = next((str(path) for path in reversed([base, *base.parents]) if not path.stat().st_mode & 0o001), "")
        shell = ["unshare", "--mount", "sh", "-ec", REACHABLE, "sh", top, str(base), str(self.folder / "python")]
        groups = f"--groups={GROUP}" if who == MEMBER else "--clear-groups"
        return [*shell, "setpriv", f"--reuid={who}", f"--regid={who}", groups, sys.executable, *arguments]


ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT), "HOME": "/nonexistent", "PYTHONDONTWRITEBYTECODE": "1"}


@contextmanager
def state_of_its_own() -> Iterator[State]:
    # Not tmp_path, into which only root may look.
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        made = State(Path(name))
        yield made
        made.end(signal.SIGKILL)


@pytest.fixture(scope="module")
def strangers() -> None:
    """Other users may run the Python of these tests."""
    with state_of_its_own() as made:
        if (probe := made.run(STRANGER, "check")).returncode != 0:
            pytest.skip(f"other users may not run the Python of these tests: {probe.stderr}")


@pytest.fixture
def state(strangers: None) -> Iterator[State]:
    del strangers
    with state_of_its_own() as made:
        yield made


@pytest.mark.parametrize("ended", ["open", pytest.param("closed", marks=pytest.mark.faults), "killed"])
def test_the_group_reads_whatever_the_daemon_does(state: State, ended: str) -> None:
    state.write()
    if ended != "open":
        state.end(signal.SIGKILL if ended == "killed" else None)
    before = state.present()
    assert ("jobs.db-wal" in before) == (ended != "closed")
    listed = state.run(MEMBER, "jobs", "list", "--json")
    assert (listed.returncode, listed.stderr) == (0, "") and '"a.wav"' in listed.stdout
    for command in (["status"], ["search", "budget"], ["jobs", "show", "1"]):
        done = state.run(MEMBER, *command)
        assert (done.returncode, done.stderr) == (0, ""), command
    assert state.present() == before, "readers leave nothing behind"


def test_what_asks_for_a_change_says_who_may(state: State) -> None:
    state.write()
    for command in (["jobs", "cancel", "1"], ["pause"]):
        done = state.run(MEMBER, *command)
        assert done.returncode == 4 and done.stdout == "", command
        assert f"{MEMBER} may not change {state.database}: its owner {DAEMON} may" in done.stderr
        assert f"sudo -u {DAEMON} transcribed ..." in done.stderr


def test_a_stranger_is_told_about_the_group(state: State) -> None:
    state.write()
    done = state.run(STRANGER, "status")
    assert done.returncode == 4 and done.stdout == ""
    assert f"may not read {state.database}: its owner {DAEMON} and the group {GROUP} may" in done.stderr
    assert f"sudo usermod -aG {GROUP} {STRANGER}" in done.stderr
    state.config.chmod(0o640)
    os.chown(state.config, 0, GROUP)
    done = state.run(STRANGER, "status")
    assert done.returncode == 2
    assert f"may not read {state.config}: its owner root and the group {GROUP} may" in done.stderr
