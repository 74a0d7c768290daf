"""Cues from end to end: their times, their text, and the limits that hold for any text."""

import itertools
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from daemon.chunk import Segment, Word
from daemon.publish.layout import Limits
from daemon.publish.scripts import RIGHT_TO_LEFT_MARK, columns
from daemon.publish.subtitles import Cue, cues
from tests import builders

LONG = (
    "Permission is hereby granted, free of charge, to any person obtaining a copy of this software and "
    "associated documentation files, to deal in the software without restriction. This is the second sentence."
)
LIMITS = Limits()


def segment(text: str, start_s: float = 0.0, end_s: float = 14.0, **fields: Any) -> Segment:
    return builders.segment(text, start_s, end_s, **fields)


def shown(made: list[Cue]) -> list[str]:
    return [cue.text.replace("\n", "|") for cue in made]


def test_a_long_segment_becomes_cues_that_keep_the_limits() -> None:
    made = cues([segment(LONG)])
    assert shown(made)[-1] == "This is the second sentence."
    for cue in made:
        lines = cue.text.split("\n")
        assert len(lines) <= LIMITS.max_lines and max(map(columns, lines)) <= LIMITS.line_columns
        assert LIMITS.cue_min_s <= cue.end_s - cue.start_s <= LIMITS.cue_max_s
    assert " ".join(cue.text.replace("\n", " ") for cue in made) == LONG


def test_a_sentence_goes_on_over_segments() -> None:
    made = cues([segment("It all depends on the", 0, 2), segment("circumstances.", 2, 3)])
    assert shown(made) == ["It all depends on the circumstances."]


@pytest.mark.parametrize(
    "second",
    [segment("circumstances.", 5, 6), segment("circumstances.", 2, 3, language="de"), segment("yes.", 2, 3, channel=2)],
    ids=["a pause", "another language", "another channel"],
)
def test_a_new_cue_begins_after(second: Segment) -> None:
    assert len(cues([segment("It all depends on the", 0, 2), second])) == 2


def test_cues_of_two_channels_come_in_the_order_of_time() -> None:
    long = segment("One. Two people talk, and the first of them has very much more to say. Three.", 0, 9, channel=1)
    made = cues([long, segment("Really? You do not say.", 3, 5, channel=2)])
    assert "Really? You do not say." in shown(made)[1:-1]
    assert all(before.end_s <= after.start_s for before, after in itertools.pairwise(made))


def test_a_short_cue_is_shown_on_into_the_pause_and_no_further_than_the_recording() -> None:
    (cue,) = cues([segment("Yes.", 1.0, 1.2)])
    assert (cue.start_s, cue.end_s) == (1.0, 1.84)
    (cue,) = cues([segment("Yes.", 1.0, 1.2)], duration_s=1.5)
    assert (cue.start_s, cue.end_s) == (1.0, 1.5)


def test_a_cue_stays_long_enough_to_be_read() -> None:
    (cue,) = cues([segment("A sentence that is said in a second", 0, 1)])
    assert cue.end_s == pytest.approx(35 / 17, abs=0.01)


@pytest.mark.parametrize(("start_s", "end_s"), [(3.05, 2.96), (3.3, 3.21), (3.6, 3.0)])
def test_between_two_cues_are_two_frames_or_a_pause(start_s: float, end_s: float) -> None:
    first = segment("The first sentence is here and ends.", 0, 3)
    made = cues([first, segment("Der zweite Satz.", start_s, 6, language="de")])
    assert made[0].end_s == end_s


def test_there_is_no_gap_where_it_would_make_a_cue_too_short() -> None:
    made = cues([segment("Yes.", 0, 0.9), segment("Der zweite Satz.", 0.9, 3, language="de")])
    assert made[0].end_s == made[1].start_s == 0.9


def test_a_cue_is_a_little_late_where_the_one_before_it_could_not_be_read_otherwise() -> None:
    hurried = segment("Eighteen columns!!", 0.0, 1.0)
    made = cues([hurried, segment("Na gut.", 1.0, 4.0, language="de")])
    assert (made[0].end_s, made[1].start_s) == (1.06, 1.06)
    made = cues([segment("Twenty-eight columns!!!!!!!!", 0.0, 1.0), segment("Na gut.", 1.0, 4.0, language="de")])
    assert made[1].start_s == 1.2


def test_word_times_are_used() -> None:
    words = (Word(1.0, 1.5, " Hello", 0.9), Word(9.0, 9.5, " world.", 0.9))
    made = cues([segment("Hello world.", 0.0, 10.0, words=words)])
    assert [(cue.start_s, cue.text) for cue in made] == [(1.0, "Hello"), (9.0, "world.")]


def test_english_in_a_recording_that_counts_as_chinese_keeps_its_spaces() -> None:
    assert shown(cues([segment("And so my fellow Americans", 0, 3, language="zh")])) == ["And so my fellow Americans"]


def test_chinese_and_japanese_lines_end_between_words() -> None:
    chinese = "我们今天在这里讨论一个非常重要的问题，因为它关系到每一个人的生活和未来的发展方向。"
    assert shown(cues([segment(chinese, 0.0, 10.0, language="zh")])) == [
        "我们今天在这里讨论|一个非常重要的问题，",
        "因为它关系到每一个人的|生活和未来的发展方向。",
    ]
    japanese = "今日は天気がいいですね。iPhoneを買いに行きましょう、と彼女は言った。"
    assert shown(cues([segment(japanese, 0.0, 8.0, language="ja")])) == [
        "今日は天気がいいですね。",
        "iPhoneを買いに|行きましょう、と彼女は言った。",
    ]


def test_a_right_to_left_line_that_begins_with_latin_is_marked() -> None:
    (cue,) = cues([segment("Google ستفتح مكتبا جديدا في المدينة", 0, 3, language="ar")])
    assert cue.text.startswith(RIGHT_TO_LEFT_MARK + "Google")


def test_the_limits_are_settings() -> None:
    made = cues([segment(LONG)], Limits(max_lines=1, line_columns=30, cue_max_s=3.0, gap_s=0.0))
    assert max(columns(cue.text) for cue in made) <= 30
    assert all(cue.end_s - cue.start_s <= 3.0 + 1e-6 and "\n" not in cue.text for cue in made)


TEXTS = st.text(alphabet="abc de.,-<ÄИאא我们カ้กក្ស日。、 ", max_size=120)
SEGMENTS = st.lists(st.tuples(TEXTS, st.floats(0, 100), st.floats(0, 40), st.sampled_from([0, 1, 2])), max_size=6)


@settings(deadline=None)  # the word models are loaded when they are first needed
@given(SEGMENTS, st.one_of(st.none(), st.floats(10, 100)))
def test_whatever_is_said_no_text_is_lost_and_no_cue_overlaps_or_is_empty(
    said: list[tuple[str, float, float, int]], duration_s: float | None
) -> None:
    segments = [segment(text, at, at + length, channel=channel) for text, at, length, channel in said]
    made = cues(segments, duration_s=duration_s)
    text = "".join(cue.text for cue in made).replace(RIGHT_TO_LEFT_MARK, "")
    assert sorted("".join(text.split())) == sorted("".join("".join(text.split()) for text, *_ in said))
    assert all(cue.start_s < cue.end_s and cue.text.strip() for cue in made)
    assert all(before.end_s <= after.start_s for before, after in itertools.pairwise(made))
    assert duration_s is None or all(cue.end_s <= duration_s for cue in made)


@settings(deadline=None)
@given(TEXTS, st.floats(0.1, 40))
def test_lines_keep_their_limits_wherever_a_single_word_does(text: str, length_s: float) -> None:
    for cue in cues([segment(text, 0, length_s)]):
        lines = cue.text.split("\n")
        assert len(lines) <= LIMITS.max_lines and cue.end_s - cue.start_s <= LIMITS.cue_max_s + 1e-6
        assert all(columns(line) <= LIMITS.line_columns or " " not in line.strip() for line in lines)


NAMED = st.lists(st.tuples(TEXTS, st.floats(0.1, 9), st.sampled_from(["", "Ada", "The Chairwoman"])), max_size=8)


@settings(deadline=None)
@given(NAMED)
def test_no_cue_has_words_of_two_who_speak_and_names_keep_the_limits(said: list[tuple[str, float, str]]) -> None:
    segments, at = [], 0.0
    for text, lasts, speaker in said:
        segments.append(segment(text, at, at + lasts, speaker=speaker))
        at += lasts
    made = cues(segments)
    for speaker in {each for *_, each in said}:
        shown = "".join(cue.text for cue in made if cue.speaker == speaker).replace(RIGHT_TO_LEFT_MARK, "")
        assert "".join(shown.split()) == "".join("".join(text.split()) for text, _, each in said if each == speaker)
    assert [cue.is_change for cue in made] == [
        bool(cue.speaker) and cue.speaker != before
        for cue, before in zip(made, ["", *(c.speaker for c in made)], strict=False)
    ]
    for cue in made:
        first, *_ = cue.named.split("\n")
        alone = " " not in first.removeprefix(f"{cue.speaker}: ").strip()
        assert columns(first) <= LIMITS.line_columns or alone
