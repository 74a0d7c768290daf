import itertools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.chunk import Segment, Word
from daemon.publish.subtitles import CUE_MAX_S, LINE_COLUMNS, LINES, columns, cues, wrap
from tests import builders

LONG = (
    "Permission is hereby granted, free of charge, to any person obtaining a copy of this software and "
    "associated documentation files, to deal in the software without restriction. This is the second sentence."
)


def segment(text: str, start_s: float = 0.0, end_s: float = 29.0, **fields: Any) -> Segment:
    return builders.segment(text, start_s, end_s, **fields)


def test_a_long_segment_becomes_readable_cues() -> None:
    made = cues([segment(LONG)])
    assert len(made) > 3
    for cue in made:
        lines = cue.text.split("\n")
        assert len(lines) <= LINES
        assert all(columns(line) <= LINE_COLUMNS for line in lines)
        assert 0 < cue.end_s - cue.start_s <= CUE_MAX_S
    assert " ".join(cue.text.replace("\n", " ") for cue in made) == LONG


def test_cues_follow_each_other_and_stay_in_their_segment() -> None:
    made = cues([segment(LONG, 5.0, 20.0), segment("And then some more.", 20.0, 22.0)])
    assert made[0].start_s == 5.0
    assert made[-1].end_s == pytest.approx(22.0)
    assert all(before.end_s <= after.start_s + 1e-9 for before, after in itertools.pairwise(made))


def test_a_sentence_end_ends_a_cue() -> None:
    made = cues([segment("The first sentence is here and ends. The second one follows.", 0, 5)])
    assert made[0].text.replace("\n", " ") == "The first sentence is here and ends."


def test_word_times_are_used() -> None:
    words = (Word(1.0, 1.5, " Hello", 0.9), Word(9.0, 9.5, " world.", 0.9))
    made = cues([segment("Hello world.", 0.0, 10.0, words=words)])
    assert [(cue.start_s, cue.end_s, cue.text) for cue in made] == [(1.0, 1.5, "Hello"), (9.0, 9.5, "world.")]


def test_languages_without_spaces_are_cut_between_characters() -> None:
    text = "我们今天在这里讨论一个非常重要的问题因为它关系到每一个人的生活和未来的发展方向" * 2
    made = cues([segment(text, 0.0, 20.0, language="zh")])
    assert all(columns(line) <= LINE_COLUMNS for cue in made for line in cue.text.split("\n"))
    assert "".join(cue.text.replace("\n", "") for cue in made) == text


def test_a_word_longer_than_a_line_stays_whole() -> None:
    word = "https://example.org/" + "x" * 60
    assert word in [cue.text for cue in cues([segment(f"see {word} there", 0.0, 4.0)])]


@given(st.text(alphabet="abc de.,", max_size=300), st.floats(0, 100), st.floats(0.1, 40))
def test_no_text_is_lost_whatever_it_is(text: str, start_s: float, length_s: float) -> None:
    made = cues([segment(text, start_s, start_s + length_s)])
    assert "".join("".join(cue.text.split()) for cue in made) == "".join(text.split())


def test_wrap_makes_even_lines() -> None:
    assert wrap("one two three four five six seven eight nine ten") == [
        "one two three four five",
        "six seven eight nine ten",
    ]
