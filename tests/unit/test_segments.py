"""Tokens become timed lines."""

from types import SimpleNamespace
from typing import cast

import numpy as np
import pytest
from faster_whisper.tokenizer import Tokenizer

from daemon.chunk import Chunk, Segment, Suppressed, Word
from daemon.engine.generate.beam_search import Text
from daemon.engine.search import Found
from daemon.engine.segments import covering, decoded
from daemon.engine.segments import split as split_tokens
from tests.builders import chunk
from tests.sounds import tone

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
