"""One container for all tests: Debian, this project's wheel in /opt/transcribed, and two people."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from daemon.bench.workload import meeting
from tests.support import ROOT
from tests.systemd.container import MEETING_S, Container, debian, missing_tools

INSTALL = "PIP_FIND_LINKS=/wheels /opt/transcribed/bin/pip install --quiet --no-index 'transcribed[tiny]'"


@pytest.fixture(scope="session")
def base(pytestconfig: pytest.Config) -> Path:
    """A folder with Debian that is not to be changed."""
    if missing := missing_tools():
        pytest.skip(f"not here: {', '.join(missing)}")
    if os.geteuid() != 0:
        pytest.skip("only root may start a container")
    assert pytestconfig.cache is not None
    made = debian(pytestconfig.cache.mkdir("debian"))
    if f"python3.{sys.version_info.minor}" not in os.listdir(made / "usr" / "bin"):
        pytest.skip(f"the container has another Python than {sys.version_info.major}.{sys.version_info.minor}")
    return made


@pytest.fixture(scope="session")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project and all that it needs, also to be built again, as wheels for this Python."""
    folder = tmp_path_factory.mktemp("wheels")
    pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--constraint", "constraints.txt"]
    subprocess.run([*pip, "--wheel-dir", str(folder), ".[tiny]", "hatchling"], cwd=ROOT, check=True, timeout=900)
    return folder


@pytest.fixture(scope="session")
def container(base: Path, wheels: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Container]:
    """A system that runs; what happens to it is forgotten afterwards."""
    folder = tmp_path_factory.mktemp("container")
    for name in ("upper", "work", "root"):
        (folder / name).mkdir()
    layers = f"lowerdir={base},upperdir={folder / 'upper'},workdir={folder / 'work'}"
    subprocess.run(["mount", "-t", "overlay", "overlay", "-o", layers, str(folder / "root")], check=True)
    made = Container(folder / "root", folder / "console.log")
    try:
        _prepare(made, wheels)
        made.boot()
        yield made
    finally:
        made.stop()
        subprocess.run(["umount", str(folder / "root")], check=False)


def _prepare(container: Container, wheels: Path) -> None:
    shutil.copytree(wheels, container.root / "wheels")
    container.chroot("python3", "-m", "venv", "/opt/transcribed")
    container.chroot("sh", "-c", INSTALL)
    for name in ("anna", "boris"):
        container.chroot("useradd", "--create-home", "--shell", "/bin/bash", name)
    share = container.root / "usr" / "share"
    meeting(share, MEETING_S)
    shutil.copy(ROOT / "daemon" / "clips" / "demo.flac", share)
    for name in ("meeting.wav", "demo.flac"):
        (share / name).chmod(0o644)
