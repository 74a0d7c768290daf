"""What is said many times is in the text so many times."""

import wave
from collections.abc import Sequence
from pathlib import Path

import jiwer
import numpy as np
import pytest

from daemon.clips import CLIPS, references
from daemon.decode.media import samples
from tests.support import Daemon, MakeDaemon, words

pytestmark = [pytest.mark.model, pytest.mark.timeout(900)]

RATE = 16_000
HISS = 25
FEWEST, MOST = 0.95, 1.05
"""Of the words that were said, so many are in the text; tiny.en mishears single ones."""


def clip(name: str) -> tuple[np.ndarray, str]:
    """A clip without the silence at its ends, and what is said in it."""
    path = CLIPS / f"{name}.opus"
    audio = np.frombuffer(samples(path), dtype="<i2")
    loud = np.flatnonzero(np.abs(audio.astype(np.int32)) > 300)
    return audio[loud[0] : loud[-1] + 1], references()[path]


def write(path: Path, said: Sequence[np.ndarray], pause_s: float) -> None:
    rng = np.random.default_rng(len(said))

    def hiss() -> np.ndarray:
        """A pause that is up to a fifth longer or shorter."""
        return rng.normal(0, HISS, round(pause_s * RATE * rng.uniform(0.8, 1.2))).astype(np.int16)

    audio = np.concatenate([hiss(), *(part for piece in said for part in (piece, hiss()))])
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(audio.astype("<i2").tobytes())


FEW = ((("memo-11",), 12, 0.4), (("memo-1",), 6, 0.15), (("memo-11",), 14, 1.0))
MANY = (
    *FEW,
    (("memo-11",), 3, 0.3),
    (("memo-11",), 5, 0.1),
    (("memo-11",), 20, 0.2),
    (("memo-1",), 12, 0.5),
    (("memo-5",), 14, 0.3),
    (("memo-13",), 4, 0.6),
    (("memo-4",), 8, 1.5),
    (("memo-11", "memo-1"), 7, 0.4),  # two people in turns
    (("memo-3", "memo-11", "memo-11"), 4, 0.5),  # a refrain
)
"""The clips of a round, the rounds, and the pause after each clip in seconds."""


@pytest.mark.parametrize(
    "rounds",
    [
        pytest.param(FEW, id="three", marks=pytest.mark.faults),
        pytest.param(MANY, id="twelve", marks=pytest.mark.faults),
    ],
)
def test_a_sentence_is_in_the_text_as_often_as_it_was_said(
    make_daemon: MakeDaemon, rounds: Sequence[tuple[tuple[str, ...], int, float]]
) -> None:
    daemon: Daemon = make_daemon()
    said: dict[str, list[str]] = {}
    for names, times, pause_s in rounds:
        pieces = [clip(name) for name in names] * times
        file = f"{'-'.join(names)} x{times} {pause_s}"
        write(daemon.inbox / f"{file}.wav", [audio for audio, _ in pieces], pause_s)
        said[file] = words(" ".join(text for _, text in pieces))
    assert daemon.once(timeout_s=800) == 0
    for file, expected in said.items():
        found = words((daemon.inbox / f"{file}.txt").read_text())
        print(f"{file}: {len(expected)} words said, {len(found)} in the text")
        assert FEWEST * len(expected) <= len(found) <= MOST * len(expected), file
        assert jiwer.wer(" ".join(expected), " ".join(found)) < 0.1, file
    assert daemon.query("SELECT text FROM suppressed WHERE reason LIKE 'repeats%'") == []
