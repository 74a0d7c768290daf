"""What is different where the output goes to a terminal: colours, and a bar."""

import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests import example
from tests.support import ROOT, MakeDaemon, write_wav

DOWNLOADS = """
import time
from daemon.engine import fake
from daemon.engine.downloads import listener
from daemon.processes.protocol import Downloading

def load(order):
    for done in (40_000_000, 60_000_000):
        listener()(Downloading("owner/name", done, 100_000_000))
        time.sleep(1.5)
    return fake.load(order)
"""
"""An engine that downloads its model at first."""
COLOUR = re.compile(rb"\x1b\[[0-9;]*3[0-9]")


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("example")
    (folder / "inbox").mkdir()
    (folder / "config.toml").write_text('[[watch]]\npath = "inbox"\n[database]\nurl = "sqlite:///jobs.db"\n')
    example.create(folder / "jobs.db")
    return folder / "config.toml"


def on_a_terminal(command: list[str], **environment: str) -> bytes:
    """What a command writes to a terminal, on standard output and error."""
    terminal, side = pty.openpty()
    plain = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "FORCE_COLOR", "COLUMNS")}
    variables = {**plain, "TERM": "xterm-256color", "PYTHONPATH": str(ROOT), **environment}
    with subprocess.Popen(command, stdin=side, stdout=side, stderr=side, env=variables) as process:
        os.close(side)
        shown = b""
        try:
            while more := os.read(terminal, 65_536):
                shown += more
        except OSError:  # that is how a terminal ends
            pass
        finally:
            os.close(terminal)
    assert process.returncode == 0, shown
    return shown


@pytest.mark.parametrize("command", [("jobs", "list"), ("search", "budget"), ("jobs", "list", "--help")], ids=" ".join)
def test_there_are_colours_only_where_they_are_wanted(config: Path, command: tuple[str, ...]) -> None:
    words = [sys.executable, "-m", "daemon", *command, "--config", str(config)]
    assert COLOUR.search(on_a_terminal(words))
    assert not COLOUR.search(on_a_terminal(words, NO_COLOR="1"))
    piped = subprocess.run(words, capture_output=True, env={**os.environ, "PYTHONPATH": str(ROOT)}, timeout=60)
    assert b"\x1b" not in piped.stdout + piped.stderr


def test_a_run_to_the_end_shows_how_far_it_is(make_daemon: MakeDaemon) -> None:
    daemon = make_daemon(fake={"delay_s": 3.0})
    write_wav(daemon.inbox / "a.wav")
    shown = on_a_terminal(daemon.command("run", "--once"), TRANSCRIBED_FAKE=daemon.environment["TRANSCRIBED_FAKE"])
    assert b"of 1 recordings" in shown and b"INFO" in shown
    assert daemon.states() == {"a.wav": "done"}


def test_a_download_of_the_engine_is_shown_above_the_recordings(make_daemon: MakeDaemon, tmp_path: Path) -> None:
    (tmp_path / "slow").mkdir()
    (tmp_path / "slow" / "engine.py").write_text(DOWNLOADS)
    daemon = make_daemon(fake={}, model='engine = "slow.engine"')
    daemon.config.write_text(daemon.config.read_text().replace('engine = "fake"\n', ""))
    write_wav(daemon.inbox / "a.wav")
    path = os.pathsep.join((str(ROOT), str(tmp_path)))
    fake = daemon.environment["TRANSCRIBED_FAKE"]
    shown = on_a_terminal(daemon.command("run", "--once"), TRANSCRIBED_FAKE=fake, PYTHONPATH=path)
    assert b"downloading owner/name: 60 of 100 MB" in shown and b"of 1 recordings" in shown
    assert b"INFO downloading the model owner/name: 40 % of 100 MB" in shown
    assert daemon.states() == {"a.wav": "done"}
