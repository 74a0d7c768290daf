"""Each rule is broken by exactly what breaks it."""

import pytest

from daemon.bench.subtitles.rules import RULES, Shown, breaches
from daemon.publish.subtitles import Cue

GOOD = [Cue(0.0, 2.0, "The meeting is over,"), Cue(2.083, 5.0, "and everybody\nhas gone to the restaurant.")]
TEXT = "The meeting is over, and everybody has gone to the restaurant."


def broken(cues: list[Cue], text: str = TEXT, language: str = "en", duration_s: float = 9.0) -> dict[str, int]:
    return {rule: count for rule, count in breaches(Shown(cues, text, language, duration_s)).items() if count}


def test_good_subtitles_break_no_rule() -> None:
    assert broken(GOOD) == {}
    assert broken([], "") == {}


@pytest.mark.parametrize(
    ("cues", "text", "expected"),
    [
        ([Cue(0, 5, "One word,\nanother word,\nthe last word.")], "One word, another word, the last word.", {"lines": 1}),
        ([Cue(0, 5, f"{'word ' * 9}end.")], f"{'word ' * 9}end.", {"width": 1}),
        ([Cue(0, 5, "https://example.org/" + "x" * 40)], "https://example.org/" + "x" * 40, {}),
        ([Cue(0, 1, "Eighteen columns..")], "Eighteen columns..", {"c/s wanted": 1}),
        ([Cue(0, 1, "Twenty-one columns...")], "Twenty-one columns...", {"c/s wanted": 1, "c/s most": 1}),
        ([Cue(0, 0.5, "Yes.")], "Yes.", {"short": 1}),
        ([Cue(0, 8, "Yes.")], "Yes.", {"long": 1}),
        ([Cue(0, 2, "Yes, yes."), Cue(2.04, 4, "No, no.")], "Yes, yes. No, no.", {"gap": 1}),
        ([Cue(0, 2.5, "Yes, yes."), Cue(2, 4, "No, no.")], "Yes, yes. No, no.", {"overlap": 1}),
        ([Cue(8, 10, "Yes, yes.")], "Yes, yes.", {"overlap": 1}),
        ([Cue(0, 4, "we went into the\nhouse by the lake")], "we went into the house by the lake", {"torn": 1}),
        ([Cue(0, 2, "It all depends"), Cue(2, 3, "circumstances.")], "It all depends circumstances.", {"lonely": 1}),
        ([Cue(0, 2, "It all depends."), Cue(2, 3, "Circumstances.")], "It all depends. Circumstances.", {}),
        ([Cue(0, 4, "internation\nalism today")], "internationalism today", {"cut": 1}),
        ([Cue(0, 4, "Andsomyfellow")], "And so my fellow", {"changed": 1}),
        ([Cue(0, 4, "And so my")], "And so my fellow", {"changed": 1}),
        ([Cue(0, 4, "And so my fellow Americans,\nask not why.")], "And so my fellow Americans, ask not why.", {"top-heavy": 1}),
    ],
)  # fmt: skip
def test_what_breaks_a_rule(cues: list[Cue], text: str, expected: dict[str, int]) -> None:
    assert broken(cues, text) == expected


def test_a_line_that_does_not_say_its_direction() -> None:
    text = "Google ستفتح مكتبا جديدا"
    assert broken([Cue(0, 4, text)], text, "ar") == {"direction": 1}
    assert broken([Cue(0, 4, "\u200f" + text)], text, "ar") == {}


def test_full_width_text_has_limits_of_its_own() -> None:
    text = "我们今天在这里讨论一个非常重要的问题"
    assert broken([Cue(0, 6, text)], text, "zh") == {"width": 1}


def test_every_rule_is_broken_in_some_test_here() -> None:
    named = {rule for mark in test_what_breaks_a_rule.pytestmark for _, _, rules in mark.args[1] for rule in rules}  # type: ignore[attr-defined]
    assert named | {"direction"} == set(RULES)
