"""Recordings that are nearly all pause: what is said in them comes out, and the pauses cost no more than speech."""

import wave
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest

from daemon.clips import references
from daemon.decode.media import samples
from tests.support import Daemon, MakeDaemon, words

pytestmark = [pytest.mark.model]

RATE = 16_000
HOUR_S = 3600.0
PEAK = 60
"""Of the noise, loud enough that the VAD has to look at it."""
MOST_MISSING = 0.4
"""Of the words of a sentence; tiny.en mishears single ones."""


def sentences() -> list[tuple[bytes, str]]:
    return [(samples(clip), text) for clip, text in references().items()]


def build(path: Path, parts: Iterable[float | tuple[bytes, str]], *, noise: bool) -> list[tuple[float, str]]:
    """Write a recording of pauses, in seconds, and sentences; (when it begins, what is said) for each of these."""
    second = np.random.default_rng(7).integers(-PEAK, PEAK, RATE, dtype=np.int16) if noise else np.zeros(RATE, np.int16)
    said = []
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        for part in parts:
            if isinstance(part, tuple):
                said.append((file.tell() / RATE, part[1]))
                file.writeframes(part[0])
            else:
                for _ in range(round(part)):
                    file.writeframesraw(second.tobytes())
    return said


def check(daemon: Daemon, name: str, said: list[tuple[float, str]]) -> None:
    """Every sentence is there, at its time, and nothing else."""
    found = daemon.query(
        "SELECT s.start_s, s.text FROM segments s JOIN jobs ON jobs.id = job_id WHERE path = ? ORDER BY s.start_s", name
    )
    for at, text in said:
        heard = {word for start, line in found if at - 2 <= start < at + 20 for word in words(line)}
        missing = [word for word in words(text) if word not in heard]
        assert len(missing) <= MOST_MISSING * len(words(text)), f"{name} at {at:.0f} s: {missing} of {text!r}"
    longest = daemon.query("SELECT max(end_s - start_s) FROM segments")[0][0]
    assert longest < 20, "a line goes on behind a pause"
    total = sum(len(words(line)) for _, line in found)
    assert total <= 1.3 * sum(len(words(text)) for _, text in said), found


@pytest.mark.parametrize("noise", [False, True], ids=["silence", "noise"])
def test_pauses_of_more_than_a_window(make_daemon: MakeDaemon, noise: bool) -> None:
    daemon: Daemon = make_daemon()
    first, second, third, *_ = sentences()
    parts: list[float | tuple[bytes, str]] = [first, 330.0, second, 3.0, third, 66.0, second, 700.0, first]
    said = build(daemon.inbox / "sparse.wav", parts, noise=noise)
    assert daemon.once() == 0
    check(daemon, "sparse.wav", said)


@pytest.mark.faults
@pytest.mark.guarantee(15, 17)
@pytest.mark.timeout(1800)
def test_hours_of_pause(make_daemon: MakeDaemon) -> None:
    daemon: Daemon = make_daemon()
    clips = sentences()
    hourly = [part for hour in range(12) for part in (clips[hour], HOUR_S - 10)]
    made = {
        "two-hours.wav": build(
            daemon.inbox / "two-hours.wav", [clips[0], HOUR_S, clips[1], HOUR_S - 60, clips[2]], noise=True
        ),
        "noise-first.wav": build(daemon.inbox / "noise-first.wav", [HOUR_S, clips[3], clips[4]], noise=True),
        "noise.wav": build(daemon.inbox / "noise.wav", hourly, noise=True),
        "silence.wav": build(daemon.inbox / "silence.wav", hourly, noise=False),
    }
    assert daemon.once(timeout_s=1700) == 0
    for name, said in made.items():
        check(daemon, name, said)
    print(daemon.query("SELECT path, duration_s, speech_s, chunks_total, processing_s FROM jobs"))
