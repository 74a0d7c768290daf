"""The container of docs/docker, built and run for real. The tests go on from each other, in this order."""

import json
import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from daemon.bench.workload import meeting
from tests.support import ROOT, wait_until
from tests.systemd.container import MEETING_S
from tests.systemd.podman import SOMEBODY, TOOLS, Podman, Running

pytestmark = [pytest.mark.systemd, pytest.mark.timeout(1800)]

DEMO = ROOT / "daemon" / "clips" / "demo.flac"


@pytest.fixture(scope="module")
def podman(base: Path, wheels: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Podman]:
    """Podman, with the image."""
    if missing := [tool for tool in TOOLS if shutil.which(tool) is None]:
        pytest.skip(f"not here: {', '.join(missing)}")
    made = Podman(tmp_path_factory.mktemp("podman"))
    made.build(base, wheels)
    yield made
    made.run("rm", "--all", "--force", check=False)


@pytest.fixture(scope="module")
def running(podman: Podman, tmp_path_factory: pytest.TempPathFactory) -> Running:
    made = Running(podman, tmp_path_factory.mktemp("volumes"))
    made.ready()
    return made


def test_read_only_and_without_rights_it_writes_beside_somebodys_recordings(running: Running) -> None:
    running.drop(DEMO)
    transcript = running.wait_for("demo.txt")
    assert "morning" in transcript.read_text()
    assert transcript.stat().st_uid == SOMEBODY
    assert "the sandbox of the decoders" not in running.log()


def test_the_health_check_tells_a_daemon_that_hangs(running: Running) -> None:
    assert running.is_healthy()
    pid = running.pid()
    os.kill(pid, signal.SIGSTOP)
    assert not running.is_healthy()
    os.kill(pid, signal.SIGCONT)
    wait_until(running.is_healthy, 30, "its health")


def test_killed_it_goes_on_where_it_was(running: Running) -> None:
    (item,) = meeting(running.folder, MEETING_S).items
    running.drop(item.path)
    wait_until(lambda: "started job 2 meeting.wav" in running.log(), 60, "the work")
    running.podman.run("kill", "--signal=KILL", running.id)
    running.podman.run("start", running.id)
    found = json.loads(running.wait_for("meeting.json", 600).read_text())
    starts = [segment["start_s"] for segment in found["segments"]]
    assert starts == sorted(set(starts)) and starts[-1] > MEETING_S - 60
    assert "resumed 1 jobs" in running.log()


def test_stopped_it_ends_in_order(running: Running) -> None:
    running.podman.run("stop", "--time=70", running.id)
    assert running.exit_code() == 0 and "SIGTERM: stopping" in running.log()


def test_compose(podman: Podman, tmp_path: Path) -> None:
    os.chown(tmp_path, SOMEBODY, SOMEBODY)
    shutil.copy(DEMO, tmp_path)
    os.chown(tmp_path / "demo.flac", SOMEBODY, SOMEBODY)
    settings = {"RUN_AS": f"{SOMEBODY}:{SOMEBODY}", "RECORDINGS": str(tmp_path)}
    podman.run("-f", "docs/docker/compose.yaml", "up", "-d", program="podman-compose", variables=settings)
    wait_until((tmp_path / "demo.txt").exists, 120, "the transcript")
    podman.run("-f", "docs/docker/compose.yaml", "down", program="podman-compose", variables=settings)
