"""Preparing a batch and computing another overlap: a real daemon, devices that are simulated, nothing that is timed."""

import json
from collections import Counter

import pytest

from tests.support import MakeDaemon, write_wav
from tools.gpu.overlap import Found, Plan, judged, measured

RECORDINGS = 10


def note(what: str, began: float, ended: float) -> dict[str, object]:
    return {"what": what, "began": began, "ended": ended}


def test_a_device_is_idle_while_its_last_batch_is_still_to_come() -> None:
    notes = [
        note("encode", 10.0, 11.0), note("generate", 11.0, 14.0), note("encode", 16.0, 17.0), note("generate", 17.0, 20.0),
        note("encode", 20.0, 21.0), note("generate", 99.0, 100.0),
    ]  # fmt: skip
    found = judged(notes)
    assert found == Found(batches=3, busy_s=8.0, window_s=10.0, waits_max_s=2.0)
    assert found.idle_percent == pytest.approx(20.0)


def test_a_daemon_is_measured_with_a_simulated_device() -> None:
    found = measured(Plan(0.01, 0.01, 0.02, 0.01, workers=2, batch_size=2), recordings=2, minutes=2)
    assert found.batches >= 4 and 0 <= found.idle_percent < 100
    # When the last batch begins, the other worker may be between encoder and decoder.
    assert found.busy_s >= 0.03 * (found.batches - 2)


@pytest.mark.parametrize(("workers", "patience_s", "overlap"), [(2, 20.0, True), (1, 0.1, False)])
def test_a_batch_is_prepared_while_another_one_is_on_the_device(
    make_daemon: MakeDaemon, workers: int, patience_s: float, overlap: bool
) -> None:
    """With two workers, every time; with one, never, which shows that the device can tell."""
    layout = f"workers = {workers}\ncpu_threads = 1\nbatch_size = 1"
    daemon = make_daemon(model=f'engine = "tests.patient_engine"\n{layout}', vad="enabled = false")
    for number in range(RECORDINGS):
        write_wav(daemon.inbox / f"{number:02}.wav", seed=number)
    notes = daemon.folder / "notes"
    plan = {
        "workers": workers, "batch_size": 1, "chunks": RECORDINGS, "patience_s": patience_s, "notes": str(notes),
    }  # fmt: skip
    daemon.start("--once", PATIENT_ENGINE=json.dumps(plan))
    assert daemon.process is not None and daemon.process.wait(100) == 0
    found = Counter(notes.read_text().split())
    # No batch comes after the last one.
    assert found == ({"ready": RECORDINGS} if overlap else {"alone": RECORDINGS - 1, "ready": 1})
