"""The decoder that only reads, as a child."""

import os
from pathlib import Path

from daemon.bench.load import decoder
from daemon.bench.load.study import drop
from daemon.chunk import Options
from daemon.processes.child import Child
from daemon.processes.protocol import Close, DecoderReady, Next, Open, Opened, Window


def test_it_gives_all_of_a_recording_in_windows_as_the_real_one_does(tmp_path: Path) -> None:
    (tmp_path / "made").mkdir()
    drop(tmp_path, "a.wav", 400.0)
    file = tmp_path / "a.wav"
    child = Child(decoder.__name__)
    assert child.receive() == DecoderReady(())
    fd = os.open(file, os.O_RDONLY)
    child.send(Open(1, 2, Options(window_s=120.0), file.stat().st_size, "en"), fd)
    os.close(fd)
    opened = child.receive()
    assert isinstance(opened, Opened) and (opened.run, opened.header_s) == (2, 400.0) and opened.content_hash
    windows: list[Window] = []
    while not windows or not windows[-1].last:
        child.send(Next(1))
        window = child.receive()
        assert isinstance(window, Window)
        windows.append(window)
    assert [len(window.chunks) for window in windows] == [2, 4, 4, 4]
    chunks = [chunk for window in windows for chunk in window.chunks]
    assert [chunk.idx for chunk in chunks] == list(range(14))
    assert [chunk.start_s for chunk in chunks] == [30.0 * number for number in range(14)]
    assert chunks[-1].end_s == 400.0 and all(len(chunk.audio) == 960_000 for chunk in chunks[:-1])
    assert windows[-1].duration_s == 400.0 and len(windows[-1].waveform) == 8000
    child.send(Close(1))
    child.end()
