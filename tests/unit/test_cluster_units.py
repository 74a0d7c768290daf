"""The units of head and node: systemd takes them, they are fenced in, and do what the page says."""

import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from daemon.cluster.checks import SOCKET, SOCKET_MAX_BYTES
from tests.commands import problem
from tests.support import ROOT

UNITS = ["transcribed-head", "transcribed-node"]
PAGE = (ROOT / "docs" / "cluster.md").read_text("utf-8")


def unit_of(name: str) -> str:
    return (ROOT / "systemd" / f"{name}.service").read_text("utf-8")


def command_of(name: str) -> list[str]:
    """The command that a unit starts."""
    (line,) = re.findall(r"^ExecStart=((?:.*\\\n)*.*)$", unit_of(name), re.MULTILINE)
    return shlex.split(line.replace("\\\n", " "))


@pytest.mark.parametrize("name", UNITS)
def test_systemd_accepts_it_and_finds_it_fenced_in(name: str, tmp_path: Path) -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not installed here")
    program = tmp_path / "transcribed"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    copy = tmp_path / f"{name}.service"
    copy.write_text(unit_of(name).replace("/opt/transcribed/bin/transcribed", str(program)))
    done = subprocess.run(["systemd-analyze", "verify", copy], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    command = ["systemd-analyze", "security", "--offline=yes", "--threshold=20", str(copy)]
    safety = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert safety.returncode == 0, safety.stdout


@pytest.mark.parametrize("name", UNITS)
def test_it_starts_what_there_is(name: str) -> None:
    program, *words = command_of(name)
    assert program == "/opt/transcribed/bin/transcribed"
    assert problem(" ".join(words)) is None
    assert words[:2] == ["engine", "head" if name.endswith("head") else "join"]


@pytest.mark.parametrize("name", UNITS)
def test_its_token_and_folder_are_its_own_and_those_of_the_page(name: str) -> None:
    command = command_of(name)
    token, folder = (Path(command[command.index(option) + 1]) for option in ("--token-file", "--folder"))
    unit = unit_of(name)
    assert f"StateDirectory={token.parent.name}\nStateDirectoryMode=0700\n" in unit
    assert f"CacheDirectory={folder.parent.name}\nCacheDirectoryMode=0700\n" in unit
    assert f"{folder.parent}" in PAGE and f"`{token}`" in PAGE
    assert len(f"{folder}{SOCKET}") <= SOCKET_MAX_BYTES


@pytest.mark.parametrize("name", UNITS)
def test_it_does_not_see_recordings_nor_the_database(name: str) -> None:
    (hidden,) = re.findall(r"^InaccessiblePaths=(.*)$", unit_of(name), re.MULTILINE)
    assert {"-/srv/recordings", "-/var/lib/transcribed"} <= set(hidden.split())
    assert "ReadWritePaths=" not in unit_of(name)


def test_the_daemon_s_unit_may_see_its_node_and_write_where_that_logs() -> None:
    drop_in = (ROOT / "systemd" / "transcribed-cluster.conf").read_text("utf-8")
    (folder,) = re.findall(r"^ReadWritePaths=-(.*)$", drop_in, re.MULTILINE)
    assert "ProtectProc=default\n" in drop_in and "systemd/transcribed-cluster.conf" in PAGE
    for name in UNITS:
        command = command_of(name)
        assert command[command.index("--folder") + 1].startswith(f"{folder}/")
