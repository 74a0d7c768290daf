"""What the commands show to people."""

from typing import cast

import pytest
from rich.console import Console, RenderableType

from daemon.cli import show
from daemon.store.rows import JobDetail, JobRow, Status

EMPTY = {
    "daemon": {"running": False, "pid": None}, "counts": {"done": 0, "failed": 0}, "suspect": 0, "running": [],
    "backlog": {"files": 0, "bytes": 0, "audio_s": None, "eta_s": None}, "layouts": [], "batch_fill": None,
    "pauses": [], "alerts": [], "gpus": [],
}  # fmt: skip
STAGE = {"name": "languages", "chunks_done": 50, "result": None}
JOB = {
    "id": 3, "state": "done", "path": "a [bold].wav", "duration_s": 65.4, "language": "en", "reason": None,
    "outputs": [{"format": "txt", "path": "/r/a.txt"}], "segments": [{"start_s": 3.2, "text": "[red] hello", "channel": 2}],
    "sound": '{"tracks": [{"number": 1, "codec": "aac", "channels": 2, "language": "eng", "title": ""},'
    ' {"number": 2, "codec": "ac3", "channels": 6, "language": "deu", "title": "[b] Kino"}], "taken": [2], "channels": []}',
    "warnings": '["no speech was found on channel 1"]', "path_bytes": "00", "chunks_total": 60, "stages": [STAGE],
    "deliveries": [
        {"kind": "command", "address": "", "event": "done", "state": "failed", "reason": "exit code 1: [no] disk"},
        {"kind": "notify", "address": "hooks.notify[0]", "event": "done", "state": "done", "reason": None},
    ],
}  # fmt: skip


def shown(what: RenderableType) -> str:
    console = Console(width=100, color_system=None)
    with console.capture() as captured:
        console.print(what)
    return captured.get()


def status(**changes: object) -> str:
    return shown(show.status(cast(Status, {**EMPTY, **changes})))


def test_gpus_are_shown_with_their_machine_and_what_is_known_of_them() -> None:
    here = {
        "node": "",
        "index": 0,
        "name": "L4",
        "uuid": "GPU-1",
        "temperature_c": 61.6,
        "load_percent": 0.0,
        "memory_percent": None,
    }
    there = {**here, "node": "gpubox", "index": 1, "temperature_c": None, "load_percent": None}
    assert "GPU L4 #0: 62 °C, 0 % load\nGPU gpubox: L4 #1: nothing is known\n" in status(gpus=[here, there])


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.4, "0:00"), (59.6, "1:00"), (62, "1:02"), (599, "9:59"), (3599, "59:59"), (3723, "1:02:03")],
)
def test_lengths(seconds: float, text: str) -> None:
    assert show.length(seconds) == text


def test_a_daemon_that_has_seen_nothing() -> None:
    assert status().splitlines() == ["daemon: not running", "jobs: none seen yet", "backlog: nothing waiting"]


def test_a_daemon_at_work() -> None:
    running = {
        "id": 1, "path": "x [link].wav", "chunks_done": 2, "chunks_total": 60, "progress_percent": 40.0,
        "times_real_time": 12.34, "stages": [STAGE],
    }  # fmt: skip
    text = status(
        daemon={"running": True, "pid": 42},
        counts={"done": 2, "failed": 0, "dead": 1},
        running=[running],
        backlog={"files": 3, "bytes": 1_500_000, "audio_s": 90.0, "eta_s": 3700.0},
        batch_fill=0.5,
        pauses=[{"cause": "request", "reason": "by request", "since": "2026-01-01T00:00:00.000Z"}],
        alerts=[{"rule": "memory", "state": "firing", "text": None}],
    )
    for part in (
        "running, pid 42", "paused: by request (since ", "jobs: 2 done, 1 dead", "x [link].wav", "2/60 chunks, 40 %, languages 50/60",
        "12.3 x real time", "3 recordings, 1.5 MB, 1:30 of audio, done in about 1:01:40", "50 % full on average",
        "alert firing: memory",
    ):  # fmt: skip
        assert part in text


def test_names_and_texts_are_no_markup() -> None:
    assert "a [bold].wav" in shown(show.jobs([cast(JobRow, JOB)]))
    text = shown(show.job(cast(JobDetail, JOB)))
    assert "[0:03] channel 2: [red] hello" in text and "/r/a.txt" in text and "path_bytes" not in text
    assert "1: aac, 2 channels, eng (not transcribed)" in text and "2: ac3, 6 channels, deu, [b] Kino" in text
    assert "no speech was found on channel 1" in text
    assert "after done: failed, exit code 1: [no] disk" in text and "hooks.notify[0], after done: done" in text


def test_of_the_turns_of_speakers_there_is_a_number() -> None:
    turns = {"name": "turns", "chunks_done": 2, "result": [{"start_s": 1.0, "end_s": 2.0, "speaker": "S1"}] * 3}
    text = shown(show.job(cast(JobDetail, JOB | {"stages": [turns]})))
    assert [line.split()[1] for line in text.splitlines() if line.startswith("turns")] == ["3"]


def test_no_jobs_are_told_as_such() -> None:
    assert shown(show.jobs([])) == "no jobs\n"
