"""What is whispered is found, and nothing is taken for it."""

import numpy as np
import pytest

from daemon.clips import CLIPS
from daemon.decode.media import samples
from daemon.decode.second_look import whispers
from tests.sounds import RATE, SOUNDS, sound
from tests.whispering import whispered


def speech(name: str) -> np.ndarray:
    return np.frombuffer(samples(CLIPS / f"{name}.opus"), dtype="<i2")


def in_noise(audio: np.ndarray, snr_db: float) -> np.ndarray:
    noise = sound("pink noise", len(audio) / RATE).astype(np.float64)
    noise *= np.sqrt(np.mean(np.square(audio.astype(np.float64))) / np.mean(noise**2)) * 10 ** (-snr_db / 20)
    return np.asarray((audio + noise) / 2, dtype=np.int16)


@pytest.mark.parametrize("name", [f"memo-{number}" for number in (3, 5, 8, 9, 12)])
@pytest.mark.parametrize("snr_db", [60.0, 8.0])
def test_whispering_is_found(name: str, snr_db: float) -> None:
    audio = in_noise(whispered(speech(name)), snr_db)
    assert sum(end - start for start, end in whispers(audio, [(0, len(audio))])) > 0.8 * len(audio)


def test_however_quiet_it_is() -> None:
    audio = np.asarray(whispered(speech("memo-5")) / 200, dtype=np.int16)
    assert whispers(audio, [(0, len(audio))]) != []


@pytest.mark.parametrize("name", SOUNDS)
def test_no_other_sound_is_taken_for_whispering(name: str) -> None:
    audio = sound(name, 8.0)
    assert whispers(audio, [(0, len(audio))]) == []


def test_only_the_gaps_are_looked_at() -> None:
    pause = sound("pink noise", 3.0, peak_db=-50.0)
    said = whispered(speech("memo-5"))
    audio = np.concatenate([said, pause, said, pause])
    second = len(said) + len(pause)
    ((start, end),) = whispers(audio, [(len(said), len(audio))])
    assert abs(start - second) < 1.5 * RATE and abs(end - second - len(said)) < 1.5 * RATE
    assert whispers(audio, [(len(said), second), (second, second + RATE)]) == whispers(audio, []) == []
