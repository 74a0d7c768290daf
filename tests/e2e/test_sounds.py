"""Sounds in which nobody speaks have no text, whatever the model makes of them."""

import wave
from pathlib import Path

import jiwer
import numpy as np
import pytest

from daemon.clips import CLIPS, references
from daemon.decode.media import samples
from tests.sounds import RATE, SOUNDS, sound
from tests.support import Daemon, MakeDaemon, words

pytestmark = [pytest.mark.model, pytest.mark.timeout(900)]

FEW = ("white noise", "pink noise", "tune", "organ", "dtmf", "ringing tone", "applause", "rain", "dog", "footsteps")
"""The small dose: one of each kind, and those in which the VAD finds speech."""


def write(path: Path, audio: np.ndarray) -> None:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(audio.astype("<i2").tobytes())


@pytest.mark.parametrize(
    ("names", "seconds", "peaks_db"),
    [
        pytest.param(FEW, 8.0, (-9.0,), id="ten"),
        pytest.param(tuple(SOUNDS), 25.0, (-3.0, -20.0, -45.0), id="all", marks=pytest.mark.faults),
    ],
)
def test_where_nobody_speaks_there_is_no_text(
    make_daemon: MakeDaemon, names: tuple[str, ...], seconds: float, peaks_db: tuple[float, ...]
) -> None:
    daemon: Daemon = make_daemon()
    made = [daemon.inbox / f"{name} {peak_db:g}.wav" for name in names for peak_db in peaks_db]
    for path in made:
        name, _, peak_db = path.stem.rpartition(" ")
        write(path, sound(name, seconds, float(peak_db)))
    assert daemon.once(timeout_s=800) == 0
    assert set(daemon.states().values()) == {"done"}
    assert {path.stem: text for path in made if (text := path.with_suffix(".txt").read_text().strip())} == {}


def test_speech_after_music_is_all_there_is(make_daemon: MakeDaemon) -> None:
    """The music is louder than the speech, and longer."""
    daemon: Daemon = make_daemon()
    clip = CLIPS / "memo-5.opus"
    speech = np.frombuffer(samples(clip), dtype="<i2")
    for name in ("band", "strings"):
        write(daemon.inbox / f"{name}.wav", np.concatenate([sound(name, 40.0, peak_db=-3.0), speech // 4]))
    assert daemon.once() == 0
    for name in ("band", "strings"):
        text = (daemon.inbox / f"{name}.txt").read_text()
        assert jiwer.wer(" ".join(words(references()[clip])), " ".join(words(text))) < 0.4, text
