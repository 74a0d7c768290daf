"""The decoder child."""

import os
from multiprocessing.connection import Connection
from pathlib import Path
from typing import cast

import av
import numpy as np
import pytest
from faster_whisper.vad import get_vad_model

from daemon.chunk import Chunk, Options
from daemon.decode import worker
from daemon.processes.child import Child
from daemon.processes.protocol import DecoderReady, Next, Open, Opened, Refused, Window
from tests.support import write_wav


def decoder() -> Child:
    """A decoder that has said that it is ready."""
    child = Child("daemon.decode.worker")
    assert isinstance(child.receive(), DecoderReady)
    return child


def test_the_vad_is_loaded_before_a_recording_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    class Closed:
        """A connection to a daemon that has nothing to do, and ends."""

        def send(self, message: object) -> None:
            assert isinstance(message, DecoderReady) and get_vad_model.cache_info().currsize == 0, "it says so first"

        def recv(self) -> object:
            assert get_vad_model.cache_info().currsize == 1
            raise EOFError

    get_vad_model.cache_clear()
    monkeypatch.setattr(worker, "enter_sandbox", tuple)
    with pytest.raises(EOFError):
        worker.main(cast(Connection, Closed()))


@pytest.mark.guarantee(15)
def test_hours_of_silence_are_decoded_as_a_stream(tmp_path: Path) -> None:
    path = tmp_path / "a.flac"
    with av.open(str(path), "w") as out:
        stream = out.add_stream("flac", rate=16_000, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 16_000 * 60), dtype=np.int16), format="s16", layout="mono")
        frame.sample_rate = 16_000
        for _ in range(60):
            frame.pts = None
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    child = decoder()
    fd = os.open(path, os.O_RDONLY)
    child.send(Open(1, 1, Options(), path.stat().st_size, "auto"), fd)
    os.close(fd)
    assert isinstance(child.receive(), Opened)
    while True:
        child.send(Next(1))
        window = child.receive()
        assert isinstance(window, Window) and window.chunks == ()
        if window.last:
            break
    assert window.duration_s == pytest.approx(3600, abs=1)
    peak_kb = int(
        next(line for line in Path(f"/proc/{child.pid}/status").read_text().splitlines() if "VmHWM" in line).split()[1]
    )
    child.end()
    assert peak_kb < 400_000


def test_a_child_serves_many_recordings_at_once(tmp_path: Path) -> None:
    child = decoder()
    for job_id in (1, 2, 3):
        path = write_wav(tmp_path / f"{job_id}.wav", 60.0 * job_id, seed=job_id)
        fd = os.open(path, os.O_RDONLY)
        child.send(Open(job_id, 1, Options(vad=False), path.stat().st_size, "auto"), fd)
        os.close(fd)
        assert isinstance(child.receive(), Opened)
    chunks: dict[int, list[Chunk]] = {1: [], 2: [], 3: []}
    waiting = [1, 2, 3]
    while waiting:
        job_id = waiting.pop(0)
        child.send(Next(job_id))
        window = child.receive()
        assert isinstance(window, Window)
        chunks[window.job_id] += window.chunks
        if not window.last:
            waiting.append(job_id)
    for job_id in (1, 2, 3):
        assert [chunk.idx for chunk in chunks[job_id]] == list(range(len(chunks[job_id])))
        assert sum(chunk.duration_s for chunk in chunks[job_id]) == pytest.approx(60.0 * job_id)
    bad = tmp_path / "bad.wav"
    bad.write_text("no")
    fd = os.open(bad, os.O_RDONLY)
    child.send(Open(4, 1, Options(), 2, "auto"), fd)
    os.close(fd)
    refused = child.receive()
    assert isinstance(refused, Refused) and not refused.retry
    child.end()
