"""Measures of a chunk's sound and text."""

import numpy as np
import pytest

from daemon.chunk import SAMPLE_RATE
from daemon.engine.measures import compression_ratio, loudest_db, pause_s
from tests.sounds import tone


def test_repetition_compresses() -> None:
    assert compression_ratio("and so " * 60) > 2.4
    assert compression_ratio("") < 1
    assert compression_ratio("The train to the city leaves at seven, so we should be early.") < 1.5


def test_the_level_of_a_line_is_that_of_its_loudest_tenth_of_a_second() -> None:
    audio = np.concatenate([tone(3.0, -60), tone(0.1, -20), tone(3.0, -60)]).tobytes()
    assert loudest_db(audio, 0.0, 6.0) == pytest.approx(-23.0, abs=0.2)
    assert loudest_db(audio, 0.0, 3.0) == pytest.approx(-63.0, abs=0.2)
    assert loudest_db(audio, 3.0, 3.04) == pytest.approx(-23.0, abs=0.2), "shorter than a tenth of a second"
    assert loudest_db(audio, 6.2, 7.0) == loudest_db(bytes(3200), 0.0, 0.1) == float("-inf")


def test_audio_is_cut_in_two_at_the_pause_next_to_its_middle() -> None:
    loud, pause = tone(2.9, -10), np.zeros(SAMPLE_RATE // 5, dtype="<i2")
    said = np.concatenate([loud, pause, loud, pause, loud, pause, loud, pause])
    assert pause_s(said.tobytes()) == pytest.approx(6.1, abs=0.15)
    assert pause_s(said[: 6 * SAMPLE_RATE].tobytes()) == pytest.approx(3.0, abs=0.15)
    assert pause_s(said[: 2 * SAMPLE_RATE].tobytes()) is None
    assert pause_s(bytes(len(said) * 2)) == pytest.approx(len(said) / 2 / SAMPLE_RATE, abs=0.15), "nothing but silence"
