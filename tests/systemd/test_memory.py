"""The service under a limit of memory (MemoryMax=), on a real kernel that ends processes for it."""

import json
import re
from pathlib import Path

import pytest

from daemon.engine.fake import POISON
from tests.support import wait_until, write_wav
from tests.systemd.machine import Machine

pytestmark = [pytest.mark.systemd, pytest.mark.timeout(1800)]

UNIT = "transcribed.service"
DROP = "/srv/recordings"
LIMIT = """\
[Service]
MemoryMax=600M
Environment=TRANSCRIBED_MODEL__ENGINE=fake TRANSCRIBED_VAD__ENABLED=false
Environment='TRANSCRIBED_FAKE={"poison": "eat"}'
# A layout of its own, so that nobody measures one.
Environment=TRANSCRIBED_MODEL__WORKERS=2 TRANSCRIBED_MODEL__CPU_THREADS=1 TRANSCRIBED_MODEL__BATCH_SIZE=4
Environment=TRANSCRIBED_JOBS__ATTEMPTS=2 TRANSCRIBED_JOBS__RETRY_BACKOFF_SECONDS=1
# All is slow in the emulated computer.
TimeoutStartSec=600
WatchdogSec=600
"""
QUERY = """\
import json, sqlite3
database = sqlite3.connect("file:/var/lib/transcribed/jobs.db?mode=ro", uri=True)
print(json.dumps(database.execute("SELECT path, state, attempts, reason FROM jobs").fetchall()))
"""


def drop(machine: Machine, folder: Path, number: int, start: bytes = b"") -> None:
    recording = write_wav(folder / f"{number}.wav", seed=number, start=start)
    machine.write(f"{DROP}/{recording.name}", recording.read_bytes())


def ended(machine: Machine, count: int) -> dict[str, tuple[str, int, str | None]]:
    """path -> state, attempts and reason, once so many jobs are `done` or `dead`."""

    def jobs() -> dict[str, tuple[str, int, str | None]]:
        rows = json.loads(machine.run("/usr/bin/python3", "-c", QUERY).stdout)
        found = {path: (state, attempts, reason) for path, state, attempts, reason in rows if state in ("done", "dead")}
        return found if len(found) == count else {}

    return wait_until(jobs, 900, "the end of all jobs")


def test_a_recording_that_takes_all_memory_pays_alone(machine: Machine, tmp_path: Path) -> None:
    machine.write(f"/etc/systemd/system/{UNIT}.d/memory.conf", LIMIT.encode())
    machine.run("/opt/transcribed/bin/transcribed", "service", "install")
    daemon = machine.shows(UNIT, "MainPID")
    for number in range(8):
        drop(machine, tmp_path, number, POISON if number == 3 else b"")
    jobs = ended(machine, 8)
    state, attempts, reason = jobs.pop("3.wav")
    assert (state, attempts) == ("dead", 2) and reason is not None and "signal 9" in reason
    assert {job[:2] for job in jobs.values()} == {("done", 1)}

    killed = re.findall(r"Memory cgroup out of memory: Killed process (\d+)", machine.run("journalctl", "-k").stdout)
    assert len(killed) >= 2 and daemon not in killed
    assert "killed by the OOM killer" in machine.run("journalctl", "-u", UNIT).stdout, "systemd heard of it"
    assert machine.shows(UNIT, "MainPID") == daemon and machine.shows(UNIT, "NRestarts") == "0"
    drop(machine, tmp_path, 8)
    assert ended(machine, 9)["8.wav"][0] == "done"
