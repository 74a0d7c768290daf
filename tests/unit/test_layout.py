"""The cheapest cut of what was said, by tables."""

import pytest

from daemon.chunk import Options
from daemon.publish.layout import Limits, lay_out
from daemon.publish.utterances import utterances
from tests.builders import segment


def cut(text: str, seconds: float, limits: Limits | None = None, language: str = "en") -> list[str]:
    (utterance,) = utterances([segment(text, 0.0, seconds, language=language)])
    return ["|".join(cue.lines) for cue in lay_out(utterance, limits or Limits())]


@pytest.mark.parametrize(
    ("text", "seconds", "cues"),
    [
        ("It depends on the circumstances.", 3, ["It depends on the circumstances."]),
        (
            "Permission is hereby granted to any person obtaining a copy of this circumstances.",
            6,
            ["Permission is hereby granted to any person|obtaining a copy of this circumstances."],
        ),
        ("Yes. I think so. No.", 3, ["Yes. I think so. No."]),
        (
            "When the meeting was over, everybody went to the restaurant across the street.",
            6,
            ["When the meeting was over, everybody went|to the restaurant across the street."],
        ),
        (
            "We have looked at the new figures, and we are going to talk about them tomorrow.",
            5,
            ["We have looked at the new figures, and we|are going to talk about them tomorrow."],
        ),
    ],
)
def test_the_best_cut(text: str, seconds: float, cues: list[str]) -> None:
    assert cut(text, seconds) == cues


def test_a_cue_of_one_short_word_is_taken_by_its_neighbour() -> None:
    for count in range(4, 40):
        made = cut(" ".join(["seven"] * count) + " so.", count / 2)
        assert "so." not in made and not any(line == "so." for cue in made for line in cue.split("|")), count


def test_lines_do_not_end_with_an_article_where_another_break_is_near() -> None:
    made = cut("The committee has decided to close the branch in the old town at the end of the year", 6)
    ends = {line.split()[-1] for cue in made for line in cue.split("|")}
    assert ends.isdisjoint({"the", "to", "in", "at", "of"})


def test_a_line_that_needs_breaking_is_longer_below() -> None:
    (cue,) = cut("everything alright everywhere tomorrow morning", 4)
    upper, lower = cue.split("|")
    assert len(upper) <= len(lower)


def test_fast_speech_is_cut_where_the_speaker_rests() -> None:
    limits = Limits(cue_max_s=3.0)
    assert all(len(cue) <= 84 for cue in cut("a very quick talk about nothing much " * 5, 8, limits))


def test_a_word_longer_than_a_line_stays_whole() -> None:
    word = "https://example.org/" + "x" * 60
    assert word in "|".join(cut(f"see {word} there", 6)).split("|")


def test_full_width_text_has_shorter_lines() -> None:
    text = "我们今天在这里讨论一个非常重要的问题因为它关系到每一个人的生活"
    assert max(len(line) for cue in cut(text, 8, language="zh") for line in cue.split("|")) <= 16
    korean = cut("우리는 오늘 여기에서 매우 중요한 문제에 대해 이야기하려고 합니다", 5, language="ko")
    assert len(korean[0].split("|")) == 2


@pytest.mark.parametrize("lines", [1, 3])
def test_the_number_of_lines_is_a_setting(lines: int) -> None:
    made = cut("a few words " * 12, 6, Limits(max_lines=lines, line_columns=20))
    assert max(cue.count("|") for cue in made) == lines - 1


def test_the_limits_are_those_of_the_job() -> None:
    assert Limits.of(Options()) == Limits()
    options = Options(subtitle_wide_columns=20, subtitle_cue_min_s=2, subtitle_cue_max_s=1, subtitle_chars_per_s=30)
    limits = Limits.of(options)
    assert (limits.wide_columns, limits.cue_max_s, limits.columns_per_s_max) == (40, 2, 30)
