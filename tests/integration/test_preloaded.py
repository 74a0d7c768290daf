"""Processes that are forked with their libraries loaded are like those that begin from nothing."""

import json
import os
import signal
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests import preloaded
from tests.support import ROOT, wait_until

ENVIRONMENT = {"PYTHONPATH": str(ROOT), "TRANSCRIBED_FAKE": "mine"}
TELL = """
import json, os, sys
told = {"argv": sys.argv, "folder": os.getcwd(), "environment": dict(os.environ), "fds": os.listdir("/proc/self/fd")}
print(json.dumps(told))
print("trouble", file=sys.stderr)
sys.exit(7)
"""


def start(
    folder: Path, patch: str = "", stopped: bool = False, environment: Mapping[str, str] = ENVIRONMENT
) -> preloaded.Process | None:
    with (folder / "out").open("wb") as out, (folder / "err").open("wb") as err:
        everything = {**os.environ, **environment}
        return preloaded.start(
            preloaded.DAEMON, ["status"], everything, folder, (out, err), patch=patch, stopped=stopped
        )


def started(folder: Path, patch: str = "", stopped: bool = False) -> preloaded.Process:
    if (process := start(folder, patch, stopped)) is None:
        pytest.skip("coverage wants all processes to begin from nothing")
    return process


def test_each_has_its_own_variables_folder_streams_and_exit_code(tmp_path: Path) -> None:
    (other := tmp_path / "other").mkdir()
    beside = started(other, stopped=True)
    process = started(tmp_path, TELL)
    assert process.wait(30) == process.poll() == 7
    told = json.loads((tmp_path / "out").read_text())
    assert told["argv"] == ["-c", "status"] and told["folder"] == str(tmp_path)
    assert told["environment"] == {**os.environ, **ENVIRONMENT}
    assert len(told["fds"]) == 4, "its three streams, and the folder that is listed; nothing of the one beside it"
    assert (tmp_path / "err").read_text() == "trouble\n"
    beside.kill()
    assert beside.wait(30) == -signal.SIGKILL and (other / "out").read_bytes() == b""


def test_one_that_is_stopped_begins_when_it_is_told(tmp_path: Path) -> None:
    process = started(tmp_path, TELL, stopped=True)
    status = Path(f"/proc/{process.pid}/status")
    wait_until(lambda: "State:\tT" in status.read_text(), what="its stop")
    assert process.poll() is None
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(0.01)
    process.send_signal(signal.SIGCONT)
    assert process.wait(30) == 7
    process.send_signal(signal.SIGKILL)  # it has ended, and its number may be another one's


@pytest.mark.parametrize("name", ["PYTHONPATH", "LD_PRELOAD", "HF_HOME", "COVERAGE_PROCESS_CONFIG"])
def test_what_may_be_read_earlier_has_them_begin_from_nothing(tmp_path: Path, name: str) -> None:
    assert start(tmp_path, environment={**ENVIRONMENT, name: "/nowhere"}) is None
