"""The program around Ray's: it ends with whoever started it, and keeps Ray's client from being served unasked."""

import os
import subprocess
import sys
from pathlib import Path

from tests.support import ROOT, alive, wait_until

PARENT = """
import os, subprocess, sys, time
child = subprocess.Popen([sys.executable, "-m", "daemon.cluster.tied", str(os.getpid()), *sys.argv[1:]])
print(child.pid, flush=True)
time.sleep(60)
"""
RAY = """
import sys, time
try:
    import grpc
except ImportError:
    grpc = None
def main():
    print(sys.argv, grpc is not None, flush=True)
    if "--block" in sys.argv:
        time.sleep(60)
"""


def environment(folder: Path) -> dict[str, str]:
    """Python that finds a `ray` and a `grpc` of ours before any others."""
    (folder / "ray" / "scripts").mkdir(parents=True)
    (folder / "ray" / "__init__.py").touch()
    (folder / "ray" / "scripts" / "__init__.py").touch()
    (folder / "ray" / "scripts" / "scripts.py").write_text(RAY)
    (folder / "grpc.py").touch()
    return {**os.environ, "PYTHONPATH": f"{folder}{os.pathsep}{ROOT}"}


def said(folder: Path, *options: str) -> str:
    command = [sys.executable, "-m", "daemon.cluster.tied", str(os.getpid()), *options]
    return subprocess.run(
        command, env=environment(folder), capture_output=True, text=True, timeout=60, check=True
    ).stdout.strip()


def test_rays_client_is_served_only_where_it_is_asked_for(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    assert said(tmp_path / "a", "start", "--head") == "['ray', 'start', '--head'] False"
    port = "--ray-client-server-port=10001"
    assert said(tmp_path / "b", "start", port) == f"['ray', 'start', '{port}'] True"


def test_killed_whoever_started_it_takes_it_along(tmp_path: Path) -> None:
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, "start", "--block"], env=environment(tmp_path), stdout=subprocess.PIPE, text=True
    )
    assert parent.stdout is not None
    with parent, parent.stdout:
        child = int(parent.stdout.readline())
        assert "--block" in parent.stdout.readline()
        assert alive(child)
        parent.kill()
    wait_until(lambda: not alive(child), 10, "the end of the child")


def test_it_does_not_start_where_that_one_has_ended_already(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "daemon.cluster.tied", "1", "start"]
    done = subprocess.run(command, env=environment(tmp_path), capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (1, "")
