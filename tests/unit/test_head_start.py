"""The children's head start: it waits for nothing that only the daemon needs."""

import subprocess
import sys
from pathlib import Path

import pytest

from daemon.config.settings import Database, Model, Settings, Watch
from daemon.errors import AlreadyRunning, Unavailable
from daemon.head_start import head_start

ROOT = Path(__file__).parents[2]


def test_it_comes_before_the_daemons_own_libraries() -> None:
    code = "import sys, daemon.cli.app, daemon.head_start; print(*sorted(sys.modules), sep='\\n')"
    loaded = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert "daemon.head_start" in loaded.split()
    late = {"daemon.service", "daemon.transcribe.dispatcher", "daemon.watch.scanner", "watchdog", "apscheduler"}
    assert late.isdisjoint(loaded.split())


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """No engine here, so that no model is loaded; only the decoders start."""
    return Settings(
        watch=(Watch(path=tmp_path),),
        database=Database(url=f"sqlite:///{tmp_path / 'jobs.db'}"),
        model=Model(device="none"),
    )


def test_it_holds_the_database_and_ends_its_children(settings: Settings) -> None:
    with head_start(settings) as begun:
        (child, *_) = begun.decoders.children
        with pytest.raises(AlreadyRunning), head_start(settings):
            pass
        assert Path(f"/proc/{child.pid}").exists()
    assert not Path(f"/proc/{child.pid}").exists()
    with head_start(settings):
        pass


def test_children_end_when_the_daemon_cannot_be_built(settings: Settings) -> None:
    with pytest.raises(Unavailable, match="no"), head_start(settings) as begun:
        (child, *_) = begun.decoders.children
        raise Unavailable("no", "")
    assert not Path(f"/proc/{child.pid}").exists()
