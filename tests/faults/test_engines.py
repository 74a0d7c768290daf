"""Engines that die, hang, run out of memory, hear nonsense or leak: their recordings pay, and nobody else's."""

import os
import signal
import time
from pathlib import Path

import psutil
import pytest

from daemon.engine.fake import GARBAGE, POISON
from tests.support import Daemon, MakeDaemon, children_of, reconcile, write_wav

SHORT_DEADLINES = (
    "import daemon.processes.engine_pool as e; e.BATCH_DEADLINE_S, e.BATCH_DEADLINE_PER_AUDIO_S = 1.0, 0.5"
)
POISONS = ["segv", "abort", "kill", "exit", "hang", "raise", "memory", "sticky", "malformed", "flood", "short"]
DOSES = [
    pytest.param("segv", 20, (4, 11), id="segv, 2 of 20"),
    *(
        pytest.param(poison, 20, (4, 11), id=f"{poison}, 2 of 20", marks=pytest.mark.faults)
        for poison in ("abort", "sticky")
    ),
    pytest.param("hang", 8, (4,), id="hang, 1 of 8"),
    *(
        pytest.param(poison, 100, (3, 20, 51, 52, 99), id=f"{poison}, 5 of 100", marks=pytest.mark.faults)
        for poison in POISONS
    ),
]


@pytest.mark.guarantee(18, 20, 22)
@pytest.mark.timeout(300)
@pytest.mark.parametrize(("poison", "files", "poisoned"), DOSES)
def test_only_the_poisonous_recordings_pay(
    make_daemon: MakeDaemon, poison: str, files: int, poisoned: tuple[int, ...]
) -> None:
    daemon: Daemon = make_daemon(
        fake={"poison": poison, "device": "cuda:0" if poison == "sticky" else "fake"},
        patch=SHORT_DEADLINES if poison == "hang" else "",
        jobs="attempts = 3\nretry_backoff_seconds = 0.05",
    )
    recordings = [
        write_wav(daemon.inbox / f"{number:03}.wav", seed=number, start=POISON if number in poisoned else b"")
        for number in range(files)
    ]
    assert daemon.once(280) == 1
    reconcile(daemon, recordings)
    dead = [path for path, state in daemon.states().items() if state == "dead"]
    assert dead == [f"{number:03}.wav" for number in poisoned]
    assert sum(state == "done" for state in daemon.states().values()) == files - len(poisoned)
    assert daemon.query("SELECT DISTINCT attempts FROM jobs WHERE state = 'done'") == [(1,)], "a neighbour was charged"
    assert daemon.query("SELECT DISTINCT attempts FROM jobs WHERE state = 'dead'") == [(3,)]
    assert not daemon.query("SELECT 1 FROM segments WHERE text = ?", GARBAGE)


@pytest.mark.guarantee(21)
@pytest.mark.parametrize("fits", [5, *(pytest.param(k, marks=pytest.mark.faults) for k in range(1, 17))])
def test_out_of_memory_above_a_number_of_chunks(make_daemon: MakeDaemon, fits: int) -> None:
    daemon: Daemon = make_daemon(
        fake={"memory_chunks": fits, "batch_size": 16, "workers": 1, "delay_s": 0.3},
        model="workers = 1\ncpu_threads = 1",
    )
    recordings = [write_wav(daemon.inbox / f"{number:02}.wav", 0.2, seed=number) for number in range(40)]
    assert daemon.once() == 0
    reconcile(daemon, recordings)
    assert daemon.query("SELECT max(size) <= ? FROM batches", fits) == [(1,)]
    assert daemon.query("SELECT DISTINCT attempts FROM jobs") == [(1,)]
    remembered = daemon.query("SELECT batch_size FROM layouts")
    if fits < 16:
        assert 0 < remembered[0][0] <= fits
    told = daemon.log_text().count("out of memory on")
    assert told or fits == 16, "no batch was too large"
    write_wav(daemon.inbox / "later.wav", seed=1000)
    assert daemon.once() == 0
    assert daemon.log_text().count("out of memory on") == told, "the working size was forgotten"


@pytest.mark.guarantee(20)
def test_an_engine_that_comes_back_deaf_is_given_nothing(make_daemon: MakeDaemon, tmp_path: Path) -> None:
    """After a fault the calls of a poisoned GPU still return, with nonsense."""
    daemon: Daemon = make_daemon(
        fake={"poison": "abort", "garbage_after": 1}, jobs="attempts = 1\nretry_backoff_seconds = 0.1"
    )
    recordings = [write_wav(daemon.inbox / f"{number:02}.wav", seed=number) for number in range(20)]
    recordings.append(write_wav(daemon.inbox / "00-poison.wav", seed=99, start=POISON))
    daemon.start(TRANSCRIBED_FAKE_STARTS=str(tmp_path / "starts")).ready()
    daemon.wait_idle(21)
    assert daemon.stop() == 0
    assert len((tmp_path / "starts").read_text()) >= 4, "the fake was never deaf"
    assert "no longer hears" in daemon.log_text()
    assert not daemon.query("SELECT 1 FROM segments WHERE text = ?", GARBAGE)
    assert sorted(daemon.query("SELECT state, count(*) FROM jobs GROUP BY 1")) == [("dead", 1), ("done", 20)]
    reconcile(daemon, recordings)


LEAKS = [
    pytest.param(40, 100, id="100 MB more, 40 recordings"),
    pytest.param(200, 0, id="1 GB more, 200 recordings", marks=pytest.mark.faults),
]


@pytest.mark.guarantee(23)
@pytest.mark.parametrize(("files", "allowed_mb"), LEAKS)
def test_an_engine_that_leaks_is_replaced_between_batches(make_daemon: MakeDaemon, files: int, allowed_mb: int) -> None:
    """20 MB are lost with every recording, one after another: the more is under way, the later an engine has settled."""
    patch = f"import daemon.processes.engine as e; e.SETTLED_CHUNKS, e.RECYCLE_GROWTH_BYTES = 4, {allowed_mb} << 20"
    fake = {"leak_bytes": 20 << 20, "workers": 1, "batch_size": 1}
    daemon: Daemon = make_daemon(fake=fake, patch=patch if allowed_mb else "")
    recordings = [write_wav(daemon.inbox / f"{number:03}.wav", 0.2, seed=number) for number in range(files)]
    daemon.start().ready()
    assert daemon.process is not None
    peak_mb = 0.0
    until = time.monotonic() + 90
    while time.monotonic() < until and list(daemon.states().values()).count("done") < files:
        peak_mb = max(peak_mb, *(_rss_mb(pid) for pid in children_of(daemon.process.pid)))
        time.sleep(0.02)
    assert daemon.stop() == 0
    reconcile(daemon, recordings)
    assert daemon.query("SELECT DISTINCT attempts, state FROM jobs") == [(1, "done")]
    replaced = daemon.log_text().count("is replaced after")
    print(f"{replaced} engines replaced, the largest had {peak_mb:.0f} MB")
    assert replaced >= 2
    assert peak_mb < (700 if allowed_mb else 2600)


@pytest.mark.guarantee(23)
def test_children_are_replaced_after_many_recordings_even_if_they_ignore_sigterm(make_daemon: MakeDaemon) -> None:
    patch = "import daemon.processes.engine as e, daemon.processes.decoder_pool as d; e.RECYCLE_CHUNKS = d.RECYCLE_RECORDINGS = 8"
    daemon: Daemon = make_daemon(fake={"deaf_to_term": True, "delay_s": 0.05}, patch=patch)
    recordings = [write_wav(daemon.inbox / f"{number:02}.wav", seed=number) for number in range(40)]
    recordings.append(write_wav(daemon.inbox / "long.wav", 200.0, seed=41))
    assert daemon.once() == 0
    reconcile(daemon, recordings)
    assert daemon.query("SELECT DISTINCT attempts FROM jobs") == [(1,)]
    log = daemon.log_text()
    assert log.count("chunks") >= 2 and log.count("decoder") >= 2 and "died" not in log


def _rss_mb(pid: int) -> float:
    try:
        return float(psutil.Process(pid).memory_info().rss) / 2**20
    except psutil.Error:
        return 0.0


@pytest.mark.guarantee(22)
def test_the_deadline_of_an_answer_that_waits_is_not_over(make_daemon: MakeDaemon) -> None:
    """A daemon that was stopped for longer than a batch may take finds the answer there, and takes it."""
    daemon: Daemon = make_daemon(fake={"delay_s": 1.0}, patch=SHORT_DEADLINES)
    recording = write_wav(daemon.inbox / "a.wav")
    daemon.start().ready()
    daemon.wait_for({"a.wav": "running"})
    assert daemon.process is not None
    os.kill(daemon.process.pid, signal.SIGSTOP)
    time.sleep(4)
    os.kill(daemon.process.pid, signal.SIGCONT)
    daemon.wait_for({"a.wav": "done"})
    assert "died" not in daemon.log_text()
    assert daemon.stop() == 0
    reconcile(daemon, [recording])
