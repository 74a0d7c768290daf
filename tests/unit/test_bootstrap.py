"""The first module of every child."""

import os
import subprocess
import sys
from pathlib import Path
from socket import socketpair

import pytest

PROGRAM = """
import signal, sys, time
def main(conn):
    assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    conn.send("begins")
    {body}
"""


def child(folder: Path, body: str) -> tuple[subprocess.Popen[bytes], int]:
    """A child that does this, and our end of its connection."""
    (folder / "work.py").write_text(PROGRAM.format(body=body))
    ours, theirs = socketpair()
    with theirs:
        process = subprocess.Popen(
            [sys.executable, "-m", "daemon.processes.bootstrap", "work", str(theirs.fileno())],
            pass_fds=[theirs.fileno()],
            env={**os.environ, "PYTHONPATH": f"{folder}{os.pathsep}{os.environ['PYTHONPATH']}"},
            stderr=subprocess.PIPE,
        )
    return process, ours.detach()


@pytest.mark.parametrize(
    "body",
    ["conn.recv()", "time.sleep(60)", "while True: pass", "conn.send(bytes(100_000_000))"],
    ids=["waits", "sleeps", "computes", "sends"],
)
def test_it_ends_with_the_daemon_whatever_it_does_and_says_nothing(tmp_path: Path, body: str) -> None:
    process, fd = child(tmp_path, body)
    assert os.read(fd, 100), "it does not begin"
    os.close(fd)
    _, said = process.communicate(timeout=30)
    assert (process.returncode, said) == (0, b"")


def test_a_fault_of_the_program_is_seen(tmp_path: Path) -> None:
    process, fd = child(tmp_path, "raise ValueError('on purpose')")
    _, said = process.communicate(timeout=30)
    os.close(fd)
    assert process.returncode == 1 and b"ValueError: on purpose" in said
