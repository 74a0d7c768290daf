"""kill -9 at random moments: nothing lost, nothing twice, nothing half-written, no temporary files left."""

import os
import random
import time
from pathlib import Path

import pytest

from tests.support import Daemon, MakeDaemon, children_of, reconcile, wait_until, write_wav

DOSES = [
    pytest.param(30, 4, id="30 files, 4 kills"),
    pytest.param(200, 30, id="200 files, 30 kills", marks=pytest.mark.faults),
    pytest.param(1000, 150, id="1000 files, 150 kills", marks=[pytest.mark.faults, pytest.mark.timeout(1800)]),
]


@pytest.mark.guarantee(7, 9, 10)
@pytest.mark.timeout(400)
@pytest.mark.parametrize(("files", "kills"), DOSES)
def test_random_kills_of_the_daemon(make_daemon: MakeDaemon, files: int, kills: int) -> None:
    seed = int(os.environ.get("FAULT_SEED", "20261123"))
    print(f"seed {seed}")
    rng = random.Random(seed)
    daemon: Daemon = make_daemon(fake={"delay_s": 0.15})
    recordings: list[Path] = []
    hit_running = 0
    for kill in range(kills):
        for _ in range(files // kills):
            recordings.append(daemon.inbox / f"{len(recordings):04}.wav")
            write_wav(recordings[-1], rng.choice([0.3, 1.0, 40.0]), seed=len(recordings))
        daemon.start()
        if kill % 3:
            wait_until(lambda: "running" in daemon.states().values(), 30)
            time.sleep(rng.uniform(0.0, 0.6))
        else:
            time.sleep(rng.uniform(0.05, 1.5))
        hit_running += "running" in daemon.states().values()
        _see_no_half_written_file(daemon)
        daemon.kill()
    while len(recordings) < files:
        recordings.append(daemon.inbox / f"{len(recordings):04}.wav")
        write_wav(recordings[-1], 0.3, seed=len(recordings))
    daemon.start()
    wait_until(
        lambda: len(daemon.states()) == files and set(daemon.states().values()) == {"done"}, 240, "all files done"
    )
    assert daemon.stop() == 0
    assert hit_running >= kills / 10
    reconcile(daemon, recordings)
    assert daemon.query("SELECT max(attempts) FROM jobs") == [(1,)], "a kill of the daemon charged a recording"
    texts = daemon.query("SELECT count(DISTINCT text), count(*) FROM segments")
    assert texts[0][0] == texts[0][1], "a chunk's text was stored twice"
    print(f"{kills} kills, {hit_running} of them while jobs ran")


def _see_no_half_written_file(daemon: Daemon) -> None:
    """At any moment, a transcript that is visible is whole."""
    for path in daemon.inbox.glob("*.json"):
        assert path.read_text().endswith("}\n"), f"{path} is not whole"
    for path in daemon.inbox.glob("*.txt"):
        assert path.read_text().endswith("\n"), f"{path} is not whole"


@pytest.mark.guarantee(7, 20)
@pytest.mark.timeout(300)
@pytest.mark.parametrize(("files", "kills"), [(20, 4), pytest.param(40, 8, marks=pytest.mark.faults)])
def test_random_kills_of_the_children(make_daemon: MakeDaemon, files: int, kills: int) -> None:
    rng = random.Random(7)
    daemon: Daemon = make_daemon(fake={"delay_s": 0.2}, jobs="attempts = 5\nretry_backoff_seconds = 0.1")
    recordings = [
        write_wav(daemon.inbox / f"{number:03}.wav", rng.choice([0.5, 90.0]), seed=number) for number in range(files)
    ]
    daemon.start().ready()
    assert daemon.process is not None
    for _ in range(kills):
        time.sleep(rng.uniform(0.1, 1.0))
        children = children_of(daemon.process.pid)
        if children:
            os.kill(rng.choice(children), 9)
    daemon.wait_idle(files, 120)
    assert set(daemon.states().values()) == {"done"}
    assert daemon.stop() == 0
    reconcile(daemon, recordings)


@pytest.mark.guarantee(24)
@pytest.mark.timeout(600)
@pytest.mark.parametrize(("files", "terms"), [(8, 2), pytest.param(300, 100, marks=pytest.mark.faults)])
def test_many_sigterms(make_daemon: MakeDaemon, files: int, terms: int) -> None:
    """Each stop is in order, and no attempt is charged for it."""
    rng = random.Random(11)
    daemon: Daemon = make_daemon(fake={"delay_s": 0.1})
    recordings: list[Path] = []
    for _ in range(terms):
        for _ in range(files // terms):
            recordings.append(daemon.inbox / f"{len(recordings):04}.wav")
            write_wav(recordings[-1], rng.choice([0.3, 40.0]), seed=len(recordings))
        daemon.start()
        wait_until(lambda: "running" in daemon.states().values(), 30)
        time.sleep(rng.uniform(0.0, 0.3))
        assert daemon.stop() == 0
        assert "running" not in daemon.states().values()
    assert daemon.once() == 0
    reconcile(daemon, recordings)
    assert daemon.query("SELECT DISTINCT state, attempts FROM jobs") == [("done", 1)]
    print(f"{terms} SIGTERMs")
