"""Tokens become timed lines."""

from types import SimpleNamespace
from typing import cast

import numpy as np
import pytest
from faster_whisper.tokenizer import Tokenizer

from daemon.chunk import SAMPLE_RATE, Chunk, Segment, Suppressed, Word
from daemon.engine.generate.beam_search import Text
from daemon.engine.search import Found
from daemon.engine.segments import compression_ratio, covering, decoded, loudest_db, pause_s
from daemon.engine.segments import split as split_tokens
from tests.builders import chunk

BEGIN = 1000
"""The first time-stamp token of these tests."""


def at(second: float) -> int:
    return BEGIN + round(second / 0.02)


@pytest.mark.parametrize(
    ("tokens", "lines", "covered_s"),
    [
        # <|0.00|> a b <|5.00|><|5.00|> c <|9.00|>: two lines, all covered up to the last time stamp
        ([at(0), 1, 2, at(5), at(5), 3, at(9)], [(0.0, 5.0), (5.0, 9.0)], 9.0),
        # the second line is unfinished: it is left to the next part
        ([at(0), 1, 2, at(5), at(5), 3], [(0.0, 5.0)], 5.0),
        # one line closed by a single time stamp covers the audio up to it only
        ([at(0), 1, 2, at(4)], [(0.0, 4.0)], 4.0),
        # no time stamp at the end: the text is for all of the audio
        ([at(0), 1, 2], [(0.0, 10.0)], 10.0),
        ([], [], 10.0),
        # a time stamp past the audio is cut to it
        ([at(0), 1, at(20)], [(0.0, 10.0)], 10.0),
    ],
)
def test_tokens_are_cut_at_their_time_stamps(
    tokens: list[int], lines: list[tuple[float, float]], covered_s: float
) -> None:
    found, covered = split_tokens(tokens, BEGIN, 10.0)
    assert [(round(start, 6), round(end, 6)) for start, end, _ in found] == lines
    assert covered == pytest.approx(covered_s)


def test_repetition_compresses() -> None:
    assert compression_ratio("and so " * 60) > 2.4
    assert compression_ratio("") < 1
    assert compression_ratio("The train to the city leaves at seven, so we should be early.") < 1.5


def tone(seconds: float, peak_db: float) -> np.ndarray:
    t = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    return np.round(np.sin(2 * np.pi * 440 * t) * 32767 * 10 ** (peak_db / 20)).astype("<i2")


def test_the_level_of_a_line_is_that_of_its_loudest_tenth_of_a_second() -> None:
    audio = np.concatenate([tone(3.0, -60), tone(0.1, -20), tone(3.0, -60)]).tobytes()
    assert loudest_db(audio, 0.0, 6.0) == pytest.approx(-23.0, abs=0.2)
    assert loudest_db(audio, 0.0, 3.0) == pytest.approx(-63.0, abs=0.2)
    assert loudest_db(audio, 3.0, 3.04) == pytest.approx(-23.0, abs=0.2), "shorter than a tenth of a second"
    assert loudest_db(audio, 6.2, 7.0) == loudest_db(bytes(3200), 0.0, 0.1) == float("-inf")


def lines_of(of: Chunk) -> tuple[tuple[Segment, ...], tuple[Suppressed, ...]]:
    """What becomes of one line over the whole of a chunk."""
    text = Found(Text([1, 2], -0.2, 0.0, None), 5)
    tokenizer = cast(Tokenizer, SimpleNamespace(decode=lambda _tokens: "a line"))
    found = decoded(of, text, tokenizer, ("en", 1.0), ([(0.0, of.duration_s, [1, 2])], of.duration_s), None)
    return found.segments, found.suppressed


@pytest.mark.parametrize(
    ("line_db", "noise_db", "kept"),
    [
        (-20, -60, True),
        (-80, -88, True),  # however quiet the recording is
        (-30, -32.5, False),  # however loud its noise is
        (-30, -37, True),
        (-80, float("-inf"), True),  # the noise is not known
        (-200, float("-inf"), False),  # digital silence
    ],
)
def test_a_line_no_louder_than_the_noise_of_its_recording_was_not_spoken(
    line_db: float, noise_db: float, kept: bool
) -> None:
    of = chunk(seconds=2.0, audio=tone(2.0, line_db).tobytes(), noise_db=noise_db)
    segments, suppressed = lines_of(of)
    assert [segment.text for segment in segments] == (["a line"] if kept else [])
    assert [each.reason for each in suppressed] == ([] if kept else ["no sound there"])


def test_speech_quieter_than_the_music_before_it_was_spoken() -> None:
    """Nobody speaks in the music, so it is the noise of its recording."""
    of = chunk(seconds=2.0, audio=np.concatenate([tone(1.0, -30), tone(1.0, -60)]).tobytes(), noise_db=-20.0)
    assert [segment.text for segment in lines_of(of)[0]] == ["a line"]


def test_audio_is_cut_in_two_at_the_pause_next_to_its_middle() -> None:
    loud, pause = tone(2.9, -10), np.zeros(SAMPLE_RATE // 5, dtype="<i2")
    said = np.concatenate([loud, pause, loud, pause, loud, pause, loud, pause])
    assert pause_s(said.tobytes()) == pytest.approx(6.1, abs=0.15)
    assert pause_s(said[: 6 * SAMPLE_RATE].tobytes()) == pytest.approx(3.0, abs=0.15)
    assert pause_s(said[: 2 * SAMPLE_RATE].tobytes()) is None
    assert pause_s(bytes(len(said) * 2)) == pytest.approx(len(said) / 2 / SAMPLE_RATE, abs=0.15), "nothing but silence"


def spoken(*ends_s: float) -> list[Word]:
    starts_s = (0.0, *ends_s)
    return [Word(start, end, " word", 0.9) for start, end in zip(starts_s, ends_s, strict=False)]


@pytest.mark.parametrize(
    ("words", "covered_s"),
    [
        (None, 5.0),
        ([], 5.0),
        ([spoken(1.0, 2.0, 3.0), []], 5.0),  # they end before the time stamp
        ([spoken(1.0, 2.0, 3.0), [Word(3.0, 6.5, " last", 0.9)]], 6.5),
        ([spoken(1.0, 9.0, 9.0, 9.0)], 5.0),  # half of them in no time: they are not there
    ],
)
def test_a_text_covers_what_its_words_cover(words: list[list[Word]] | None, covered_s: float) -> None:
    lines = [(0.0, 5.0, [1, 2, 3])]
    assert covering((lines, 5.0), words) == (lines, covered_s)
