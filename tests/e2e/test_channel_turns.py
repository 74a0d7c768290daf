"""Who speaks when on the two sides of a call, whose transcript has a row for each turn."""

from pathlib import Path

import numpy as np
import pytest

from daemon.bench.speakers.people import phrases_of
from daemon.chunk import SAMPLE_RATE
from daemon.clips import voices
from tests.media import Sound, clip, one
from tests.support import Daemon, MakeDaemon, wait_until

Turns = list[tuple[float, float]]
QUIET = np.zeros(SAMPLE_RATE, dtype=np.float32)
TURNS = 12


def side(*clips: Sound) -> Sound:
    """What one of two people says: their clips, each as long after the one before as the other one speaks meanwhile."""
    return np.concatenate([part for each in clips for part in (each, QUIET)])


def call(path: Path) -> dict[str, Turns]:
    """Write a call of two voices who take turns, each on a channel; return when there is speech on each."""
    left, right = ([clip(file) for file, voice in voices().items() if voice == name] for name in ("awb", "slt"))
    sides: tuple[list[Sound], list[Sound]] = ([], [])
    for nth in range(TURNS):
        who, said = nth % 2, ((left, right)[nth % 2])[nth // 2 % 2]
        sides[who].append(said)
        sides[1 - who].append(np.zeros(len(said), dtype=np.float32))
    sound = np.stack([side(*each) for each in sides])
    one(path, sound, "pcm_s16le", SAMPLE_RATE)
    return {
        str(channel): [
            (start / SAMPLE_RATE, end / SAMPLE_RATE) for start, end in phrases_of((heard * 32767).astype(np.int16))
        ]
        for channel, heard in enumerate(sound, 1)
    }


def rows(file: Path) -> dict[str, Turns]:
    """The turns of each channel."""
    found: dict[str, Turns] = {}
    for row in file.read_text().splitlines():
        _, _, channel, start_s, lasts_s, *_ = row.split(" ")
        found.setdefault(channel, []).append((float(start_s), float(start_s) + float(lasts_s)))
    return found


@pytest.mark.timeout(120)
def test_each_turn_has_a_row_also_after_a_kill(make_daemon: MakeDaemon) -> None:
    watch = 'path = "inbox"\nspeakers = "auto"\nformats = ["txt", "rttm"]'
    daemon: Daemon = make_daemon(
        fake={"delay_s": 0.5, "batch_size": 1, "workers": 1}, vad="enabled = true", **{"[watch]": watch}
    )
    spoken = call(daemon.inbox / "call.wav")
    daemon.start()
    wait_until(lambda: daemon.query("SELECT count(*) FROM segments") > [(0,)], 60)
    daemon.kill()
    assert daemon.states() == {"call.wav": "running"}
    assert daemon.once() == 0
    found = rows(daemon.inbox / "call.rttm")
    assert found.keys() == spoken.keys()
    for channel, turns in spoken.items():
        assert len(found[channel]) == pytest.approx(len(turns), abs=2)
        seconds = sum(end_s - start_s for start_s, end_s in turns)
        assert sum(end_s - start_s for start_s, end_s in found[channel]) == pytest.approx(seconds, rel=0.1)
        # Nobody's turn goes on while the other one speaks.
        others = spoken["2" if channel == "1" else "1"]
        shared = sum(
            max(0.0, min(end_s, until_s) - max(start_s, since_s))
            for start_s, end_s in found[channel]
            for since_s, until_s in others
        )
        assert shared < 0.05 * seconds
