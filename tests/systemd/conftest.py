"""Containers, and one emulated computer: Debian, this project in /opt/transcribed, and two people."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from daemon.bench.workload import meeting
from tests.support import ROOT
from tests.systemd.container import MEETING_S, TOOLS, Container, chroot, copied, debian, missing_tools
from tests.systemd.machine import KERNEL, Machine
from tests.systemd.machine import TOOLS as MACHINE_TOOLS

INSTALL = "PIP_FIND_LINKS=/wheels /opt/transcribed/bin/pip install --quiet --no-index 'transcribed[tiny,cluster]'"


def checked_debian(cache: pytest.Cache | None, tools: Sequence[str], *more: str) -> Path:
    """A folder with Debian and more packages that is not to be changed; skips where it cannot be used."""
    if missing := missing_tools(tools):
        pytest.skip(f"not here: {', '.join(missing)}")
    if os.geteuid() != 0:
        pytest.skip("only root may make a system and start it")
    assert cache is not None
    made = debian(cache.mkdir("-".join(("debian", *more))), *more)
    if f"python3.{sys.version_info.minor}" not in os.listdir(made / "usr" / "bin"):
        pytest.skip(f"the system has another Python than {sys.version_info.major}.{sys.version_info.minor}")
    return made


@pytest.fixture(scope="session")
def base(pytestconfig: pytest.Config) -> Path:
    """A folder with Debian that is not to be changed."""
    return checked_debian(pytestconfig.cache, TOOLS)


@pytest.fixture(scope="session")
def base_with_kernel(pytestconfig: pytest.Config) -> Path:
    """The same with a kernel of its own."""
    return checked_debian(pytestconfig.cache, MACHINE_TOOLS, KERNEL)


@pytest.fixture(scope="session")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project and all that it needs, also to be built again, as wheels for this Python."""
    folder = tmp_path_factory.mktemp("wheels")
    pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--constraint", "constraints.txt"]
    subprocess.run(
        [*pip, "--wheel-dir", str(folder), ".[tiny,cluster]", "hatchling"], cwd=ROOT, check=True, timeout=900
    )
    return folder


@pytest.fixture(scope="module")
def container(base: Path, wheels: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Container]:
    """A system that runs, one for each module of tests."""
    folder = tmp_path_factory.mktemp("container")
    with copied(base, folder) as root:
        _prepare(root, wheels)
        made = Container(root, folder / "console.log")
        try:
            made.boot()
            yield made
        finally:
            made.stop()


@pytest.fixture(scope="session")
def machine(base_with_kernel: Path, wheels: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """The same system on an emulated computer."""
    folder = tmp_path_factory.mktemp("machine")
    with copied(base_with_kernel, folder) as root:
        _prepare(root, wheels)
        made = Machine(root, folder)
    try:
        made.boot()
        yield made
    finally:
        made.stop()


def _prepare(root: Path, wheels: Path) -> None:
    shutil.copytree(wheels, root / "wheels")
    chroot(root, "python3", "-m", "venv", "/opt/transcribed")
    chroot(root, "sh", "-c", INSTALL)
    for name in ("anna", "boris"):
        chroot(root, "useradd", "--create-home", "--shell", "/bin/bash", name)
    share = root / "usr" / "share"
    meeting(share, MEETING_S)
    shutil.copy(ROOT / "daemon" / "clips" / "demo.flac", share)
    for name in ("meeting.wav", "demo.flac"):
        (share / name).chmod(0o644)
