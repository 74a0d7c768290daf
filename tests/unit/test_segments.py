"""Tokens become timed lines."""

import pytest

from daemon.engine.segments import compression_ratio
from daemon.engine.segments import split as split_tokens

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
