"""What somebody has typed becomes lines, in step with the recording."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.chunk import Segment, Word
from daemon.publish.corrections import NOT_TEXT, Typed, corrected
from daemon.publish.subtitles import cues
from daemon.store.records import Job
from daemon.store.versions import Line
from tests.builders import job, segment

JOB: Job = replace(job(), duration_s=60.0, language="en")


def spoken(text: str, start_s: float, end_s: float, channel: int = 0) -> Segment:
    """A line whose words take the same time each."""
    texts = text.split()
    step = (end_s - start_s) / len(texts)
    words = tuple(
        Word(start_s + nth * step, start_s + (nth + 1) * step, f" {word}", 0.8) for nth, word in enumerate(texts)
    )
    return segment(text, start_s, end_s, words=words, channel=channel, avg_logprob=-0.2)


BEFORE = (spoken("one two three four", 0.0, 4.0), spoken("five six seven eight", 5.0, 9.0))


def typed(line: Segment, **changes: object) -> Typed:
    return replace(Typed.of(line), **changes)  # type: ignore[arg-type]


def of(lines: Sequence[Typed], before: Sequence[Segment] = BEFORE) -> list[Line]:
    return corrected(lines, before, JOB)


def words(line: Segment) -> list[tuple[str, float, float]]:
    return [(word.word.strip(), round(word.start_s, 2), round(word.end_s, 2)) for word in line.words or ()]


def test_what_nobody_has_touched_is_as_the_machine_heard_it() -> None:
    first, second = of([typed(line) for line in BEFORE])
    assert (first.words, first.avg_logprob, first.edited, first.fixed) == (BEFORE[0].words, -0.2, False, False)
    assert second.text == "five six seven eight"


def test_a_word_that_was_changed_takes_the_time_of_the_old_one_and_the_others_keep_theirs() -> None:
    first, _ = of([typed(BEFORE[0], text="one twenty-two  three four"), typed(BEFORE[1])])
    assert (first.text, first.edited, first.fixed) == ("one twenty-two three four", True, False)
    timed = words(first)
    assert [timed[0], *timed[-2:]] == [("one", 0.0, 1.0), ("three", 2.0, 3.0), ("four", 3.0, 4.0)]
    assert timed[1][1:] == (1.0, 2.0)
    assert [word.probability for word in first.words or ()] == [0.8, 1.0, 0.8, 0.8]


def test_two_halves_of_a_line_share_its_words_and_their_times_are_fixed() -> None:
    one, two, _ = of([typed(BEFORE[0], text="one two", end_s=2.0), typed(BEFORE[0], text="three four", start_s=2.0),
                      typed(BEFORE[1])])  # fmt: skip
    assert words(one) == [("one", 0.0, 1.0), ("two", 1.0, 2.0)] and words(two)[0] == ("three", 2.0, 3.0)
    assert one.fixed and two.fixed
    joined = of([typed(one, text="one two three four", end_s=4.0)], [one, two])[0]
    assert words(joined) == words(BEFORE[0])


def test_a_line_that_was_moved_a_little_keeps_what_is_known_of_it_and_one_moved_far_is_spread_out() -> None:
    near, far = of([typed(BEFORE[0], start_s=0.5), typed(BEFORE[1], start_s=8.0, end_s=12.0)])
    assert (near.avg_logprob, near.edited, near.fixed) == (-0.2, False, True)
    assert words(near)[0] == ("one", 0.5, 1.0) and words(near)[1:] == words(BEFORE[0])[1:]
    assert words(far)[0][1] == 8.0 and words(far)[-1][2] == 12.0


def test_what_was_fixed_stays_fixed_and_edited_in_the_next_version() -> None:
    first = of([typed(BEFORE[0], end_s=4.5), typed(BEFORE[1], text="something else")])
    again = of([typed(line) for line in first], first)
    assert again == first and [line.fixed for line in again] == [True, False] and again[1].edited


def test_a_line_where_nothing_was_heard_has_times_for_its_words_too() -> None:
    _, added, _ = of([typed(BEFORE[0]), Typed(4.0, 5.0, "hm yes", 0, ""), typed(BEFORE[1])])
    assert (added.language, added.edited) == ("en", True)
    assert words(added)[0][:2] == ("hm", 4.0) and words(added)[1][::2] == ("yes", 5.0)


def test_a_line_that_lasts_for_hours_is_no_matter_of_minutes() -> None:
    many = [Word(at / 1000, (at + 1) / 1000, f" word{at}", 0.8) for at in range(50_000)]
    before = [segment("all of it", 0.0, 50.0, words=tuple(many))]
    found = of([Typed(0.0, 50.0, f"one line {nth}", 0, "en") for nth in range(500)], before)
    assert words(found[0])[0][1] == 0.0 and words(found[0])[-1][2] == 50.0


def test_no_words_are_made_up_where_the_engine_timed_none() -> None:
    before = [segment("one two", 0.0, 4.0)]
    assert of([typed(before[0], text="one three")], before)[0].words is None


def test_words_of_another_channel_are_not_taken() -> None:
    before = [spoken("left left", 0.0, 2.0, channel=1), spoken("right right", 0.0, 2.0, channel=2)]
    _, other = of([typed(before[0]), typed(before[1], text="right left")], before)
    assert other.channel == 2 and words(other)[0] == ("right", 0.0, 1.0)


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"text": "\n"}, "line 2: it has no text"),
        ({"text": "a" * 2_001}, "line 2: its text has 2001 characters"),
        ({"start_s": 9.0}, r"line 2: it must end \(9 s\) after it begins \(9 s\)"),
        ({"end_s": 61.5}, "line 2: it ends at 61.5 s, and the recording at 60 s"),
        ({"channel": 1}, "line 2: there is no channel 1: it is one of 0"),
    ],
)
def test_a_line_that_cannot_be_is_named(changes: dict[str, object], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        of([typed(BEFORE[0]), typed(BEFORE[1], **changes)])


def test_far_too_many_lines_are_refused() -> None:
    with pytest.raises(ValueError, match="50001 lines are too many"):
        of([typed(BEFORE[0])] * 50_001)


def test_subtitles_begin_and_end_where_somebody_has_said_so() -> None:
    alone = of([typed(BEFORE[0], text="Yes."), typed(BEFORE[1])])
    # What was only spelled anew is cut together with what is around it.
    assert cues(alone)[0].text.startswith("Yes.")
    one, two = Typed(0.31, 2.04, "One two,", 0, "en"), Typed(2.04, 8.5, "three. Four, five. Six seven, eight.", 0, "en")
    found = cues(of([one, two]))
    assert [(cue.start_s, cue.end_s, cue.text.replace("\n", " ")) for cue in found] == [
        (0.31, 2.04, "One two,"),
        (2.04, 8.5, "three. Four, five. Six seven, eight."),
    ]


LINE = st.builds(
    lambda start, length, text: Typed(start / 100, (start + length) / 100, text, 0, ""),
    st.integers(0, 5500),
    st.integers(1, 500),
    st.text(min_size=1, max_size=60).filter(lambda text: NOT_TEXT.sub(" ", text).strip()),
)


@given(st.lists(LINE, max_size=8))
def test_whatever_is_typed_has_words_in_its_own_time_and_cues_that_do_not_overlap(lines: list[Typed]) -> None:
    found = of(lines)
    assert [line.start_s for line in found] == sorted(line.start_s for line in found)
    for line in found:
        times = [time for word in line.words or () for time in (word.start_s, word.end_s)]
        assert times == sorted(times)
        assert all(line.start_s - 1e-6 <= time <= line.end_s + 1e-6 for time in times)
    shown = cues(found, duration_s=60.0)
    assert all(cue.start_s < cue.end_s for cue in shown)
    assert all(one.end_s <= other.start_s for one, other in pairwise(shown))


def test_the_language_of_a_line_can_be_corrected_alone() -> None:
    first, second = of([typed(BEFORE[0], language="de"), typed(BEFORE[1], language="")])
    assert (first.language, first.edited, first.words) == ("de", False, BEFORE[0].words)
    assert second.language == BEFORE[1].language


@pytest.mark.parametrize("sign", ["\0", "\x02", "\x1b", "\x7f", "\x85", "\ud83d", "\udc00"])
def test_signs_that_are_no_text_part_words_and_are_left_out(sign: str) -> None:
    (line,) = of([typed(BEFORE[0], text=f"{sign}one{sign}two {sign}three{sign}")])
    assert line.text == "one two three"
    with pytest.raises(ValueError, match="line 1: it has no text"):
        of([typed(BEFORE[0], text=f"{sign} {sign}")])


def test_a_channel_without_lines_can_have_some_again() -> None:
    apart = replace(JOB, sound=replace(JOB.sound, channels=(1, 2)))
    lines = [Typed(0.0, 1.0, "left", 1, "en"), Typed(0.0, 1.0, "right", 2, "en")]
    for before in ([spoken("left", 0.0, 1.0, channel=1)], []):
        assert [line.channel for line in corrected(lines, before, apart)] == [1, 2]
    with pytest.raises(ValueError, match="line 1: there is no channel 0: it is one of 1, 2"):
        corrected([typed(BEFORE[0])], [], apart)


def test_a_line_keeps_its_speaker_whatever_is_typed() -> None:
    before = [replace(spoken("yes I do", 0.0, 3.0), speaker="S1"), replace(spoken("no never", 3.0, 5.0), speaker="S2")]
    same, other = (Typed.of(line) for line in before)
    assert same.speaker == "S1"
    for typed in (other, replace(other, speaker="")):
        lines = corrected([same, replace(typed, text="No, never!"), replace(typed, start_s=3.5)], before, JOB)
        assert [line.speaker for line in lines] == ["S1", "S2", "S2"]
    assert corrected([replace(same, speaker="S2")], before, JOB)[0].speaker == "S2"


@pytest.mark.parametrize(("start_s", "speaker"), [(0.5, "S1"), (2.5, "S1"), (6.5, "S1"), (7.0, "S2"), (9.0, "S2")])
def test_who_said_a_new_line_is_who_spoke_there(start_s: float, speaker: str) -> None:
    before = [replace(spoken("yes", 2.0, 3.0), speaker="S1"), replace(spoken("no", 7.0, 8.0), speaker="S2")]
    typed = Typed(start_s, start_s + 1, "Something else", 0, "en")
    assert corrected([typed], before, JOB)[0].speaker == speaker
    assert corrected([typed], [replace(line, speaker="") for line in before], JOB)[0].speaker == ""
