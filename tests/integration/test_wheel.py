"""The wheel holds all that a daemon needs outside the checkout: command, migrations, default configuration."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.support import ROOT, Daemon, reconcile, write_wav


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the unpacked wheel, as pip puts it into site-packages."""
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder / "dist")]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True, timeout=60)
    (wheel,) = (folder / "dist").glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "site")
    return folder / "site"


def test_nothing_is_missing_and_nothing_too_much(installed: Path) -> None:
    assert {entry.name for entry in installed.iterdir() if not entry.name.endswith("dist-info")} == {"daemon"}
    assert (installed / "daemon" / "migrations" / "versions" / "0001_first_schema.py").is_file()
    (info,) = installed.glob("*.dist-info")
    assert "transcribed = daemon.__main__:main" in (info / "entry_points.txt").read_text()
    assert (info / "licenses" / "LICENSE").is_file()


def test_it_runs_from_there(installed: Path, fake_daemon: Daemon) -> None:
    fake_daemon.environment["PYTHONPATH"] = str(installed)
    assert fake_daemon.run("check", "--default").stdout == (ROOT / "config.toml").read_text()
    recording = write_wav(fake_daemon.inbox / "a.wav")
    assert fake_daemon.once() == 0
    reconcile(fake_daemon, [recording])
