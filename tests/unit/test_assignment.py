"""Lines get their speakers, and are cut where the voice changes."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import groupby, pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from daemon.chunk import Segment, Word
from daemon.speakers.assignment import assign, by_channel, cut_at_replies, of_channels
from daemon.speakers.timeline import Timeline, of_others
from daemon.voice import Turn
from tests.builders import segment

SECOND = 1.0


def spoken(text: str, start_s: float = 0.0, *, word_s: float = 0.4, gap_s: float = 0.0, **fields: object) -> Segment:
    """Return a line whose words follow each other; each of them in brackets comes after a pause of a second."""
    words, at = [], start_s
    for nth, each in enumerate(text.split(" ")):
        at += SECOND if each.startswith("(") else 0.0
        words.append(Word(at, at + word_s, (" " if nth else "") + each.strip("()"), 0.9))
        at += word_s + gap_s
    plain = text.replace("(", "").replace(")", "")
    return segment(plain, start_s, words[-1].end_s, words=tuple(words), **fields)


def told(lines: Sequence[Segment]) -> list[tuple[str, str]]:
    return [(line.speaker, line.text) for line in lines]


def test_a_line_is_cut_where_the_voice_changes() -> None:
    line = spoken("How are you? Fine, thank you.", avg_logprob=-0.3, beam_size=5)
    first, second = assign([line], [Turn(0.0, 1.2, "S1"), Turn(1.2, 3.0, "S2")])
    assert told([first, second]) == [("S1", "How are you?"), ("S2", "Fine, thank you.")]
    assert (first.start_s, first.end_s, second.start_s, second.end_s) == pytest.approx((0.0, 1.2, 1.2, 2.4))
    assert first.words == line.words[:3] and second.words == line.words[3:]  # type: ignore[index]
    assert (second.avg_logprob, second.beam_size) == (-0.3, 5)


def test_a_line_of_one_voice_stays_as_it_is_but_for_its_speaker() -> None:
    line = spoken("Nobody else says a word.")
    (same,) = assign([line], [Turn(0.0, 9.0, "S2")])
    assert same.speaker == "S2" and same.words is line.words and same.text is line.text


def test_without_turns_no_line_has_a_speaker() -> None:
    assert told(assign([spoken("Hello there.", speaker="S1")], [])) == [("", "Hello there.")]


def test_the_lines_of_one_chunk_after_another_can_share_a_timeline() -> None:
    turns = [Turn(0.0, 1.2, "S1"), Turn(1.2, 3.0, "S2")]
    line = spoken("How are you? Fine, thank you.")
    assert assign([line], Timeline(turns)) == assign([line], turns)


def test_a_line_without_words_goes_to_who_speaks_for_most_of_it() -> None:
    lines = [segment("One", 0.0, 4.0), segment("Two", 4.0, 8.0), segment("Three", 20.0, 21.0)]
    turns = [Turn(0.0, 5.0, "S1"), Turn(5.0, 8.0, "S2")]
    assert told(assign(lines, turns)) == [("S1", "One"), ("S2", "Two"), ("S2", "Three")]


def test_a_line_whose_words_are_not_those_of_its_text_is_not_cut() -> None:
    line = spoken("one two three four")
    said = segment("1, 2, 3 or 4", line.start_s, line.end_s, words=line.words)
    assert told(assign([said], [Turn(0.0, 0.5, "S1"), Turn(0.5, 2.0, "S2")])) == [("S2", "1, 2, 3 or 4")]


@pytest.mark.parametrize(
    ("text", "turns", "cut"),
    [
        # Another voice in the middle of a sentence, for a part of a word: noise.
        ("we all go home now", [(0, 0.85), (0.85, 1.15), (1.15, 9)], ["we all go home now"]),
        # A whole sentence of one word, or one with pauses around it.
        ("We go home. Yes. And then we eat.", [(0, 1.2), (1.25, 1.55), (1.6, 9)], ["We go home.", "Yes.", "And then we eat."]),
        ("so we go (yes) (and) then we eat", [(0, 2.1), (2.1, 2.7), (2.7, 9)], ["so we go", "yes", "and then we eat"]),
        # A turn of just this word.
        ("so we go yes and then we eat", [(0, 1.2), (1.2, 1.6), (1.6, 9)], ["so we go", "yes", "and then we eat"]),
        # A turn that is longer than the word that it is heard in.
        ("so we (go) yes and then we eat", [(0, 0.8), (0.8, 2.2), (2.2, 9)], ["so we go yes and then we eat"]),
    ],
)  # fmt: skip
def test_a_lone_word_is_a_line_only_if_it_is_clearly_a_turn(
    text: str, turns: list[tuple[float, float]], cut: list[str]
) -> None:
    speakers = [Turn(start, end, "S1" if nth != 1 else "S2") for nth, (start, end) in enumerate(turns)]
    assert [line.text for line in assign([spoken(text)], speakers)] == cut


@pytest.mark.parametrize("border_s", [1.2, 1.5, 1.75, 1.9, 2.15])
def test_a_border_that_cuts_one_word_off_a_sentence_moves_to_its_end(border_s: float) -> None:
    line = spoken("I am not sure. What do you think of it?")
    cut = assign([line], [Turn(0.0, border_s, "S1"), Turn(border_s, 9.0, "S2")])
    assert told(cut) == [("S1", "I am not sure."), ("S2", "What do you think of it?")]


def test_a_border_does_not_move_over_a_word_that_takes_long() -> None:
    line = spoken("No. What do you think?", word_s=1.6)
    cut = assign([line], [Turn(0.0, 3.2, "S1"), Turn(3.2, 9.0, "S2")])
    assert told(cut) == [("S1", "No. What"), ("S2", "do you think?")]


def test_a_border_that_is_far_from_the_end_of_a_sentence_stays() -> None:
    line = spoken("I am not sure. But I was told that No, you were not.")
    cut = assign([line], [Turn(0.0, 3.6, "S1"), Turn(3.6, 9.0, "S2")])
    assert told(cut) == [("S1", "I am not sure. But I was told that"), ("S2", "No, you were not.")]


def test_nobody_loses_all_that_they_say_to_borders_that_move() -> None:
    line = spoken("I see. Not now. He said so.")
    cut = assign([line], [Turn(0.0, 1.2, "S1"), Turn(1.2, 2.0, "S2"), Turn(2.0, 9.0, "S1")])
    assert told(cut) == [("S1", "I see."), ("S2", "Not now."), ("S1", "He said so.")]
    words = spoken("We see Now. Yes we do.")
    cut = assign([words], [Turn(0.0, 0.8, "S1"), Turn(0.8, 1.2, "S2"), Turn(1.2, 9.0, "S1")])
    assert told(cut) == [("S1", "We see"), ("S2", "Now."), ("S1", "Yes we do.")]


def test_a_border_moves_by_no_more_than_a_word() -> None:
    line = spoken("I am not sure. What do you think of it?", word_s=0.2)
    cut = assign([line], [Turn(0.0, 1.2, "S1"), Turn(1.2, 9.0, "S2")])
    assert told(cut) == [("S1", "I am not sure. What do"), ("S2", "you think of it?")]


def test_a_word_that_is_written_as_one_is_not_cut() -> None:
    words = (Word(0.0, 0.5, " twenty", 0.9), Word(0.5, 1.0, "-five", 0.9), Word(1.0, 1.5, " men", 0.9))
    cut = assign([segment("twenty-five men", 0.0, 1.5, words=words)], [Turn(0.0, 0.45, "S1"), Turn(0.45, 9.0, "S2")])
    assert told(cut) == [("S2", "twenty-five men")]


@pytest.mark.parametrize(
    ("said", "cut"),
    [
        (["你好", "吗？", "我", "用", "iPhone", "。"], ["你好吗？", "我用iPhone。"]),
        (["你好", "吗?", "我", "用", "iPhone", "。"], ["你好吗?", "我用iPhone。"]),
        (["我用", "i", "Phone", "打", "电话", "。"], ["我用iPhone", "打电话。"]),
        (["で", "し", "ょ", "う", "か", "。"], ["でしょ", "うか。"]),
        (["ข้าว", "ท", "ี่", "ดี", "มาก", "นะ"], ["ข้าวที่", "ดีมากนะ"]),
    ],
)
def test_a_text_without_spaces_is_cut_between_its_characters(said: list[str], cut: list[str]) -> None:
    words = tuple(Word(nth * 0.5, nth * 0.5 + 0.5, text, 0.9) for nth, text in enumerate(said))
    line = segment("".join(said), 0.0, 3.0, words=words, language="zh")
    assert told(assign([line], [Turn(0.0, 1.0, "S1"), Turn(1.0, 9.0, "S2")])) == list(
        zip(("S1", "S2"), cut, strict=True)
    )


def test_a_few_characters_are_as_stray_as_a_word() -> None:
    text = "大家好我们今天去公园"
    words = tuple(Word(nth * 0.15, nth * 0.15 + 0.15, char, 0.9) for nth, char in enumerate(text))
    line = segment(text, 0.0, 1.5, words=words, language="zh")
    turns = [Turn(0.0, 0.82, "S1"), Turn(0.74, 1.02, "S2"), Turn(1.0, 9.0, "S1")]
    assert told(assign([line], turns)) == [("S1", text)]


def test_each_channel_is_a_speaker_numbered_as_they_are_heard_first() -> None:
    lines = [segment("b", 1.0, 2.0, channel=2), segment("a", 3.0, 4.0, channel=1), segment("b", 5.0, 6.0, channel=2)]
    assert told(by_channel(lines)) == [("S1", "b"), ("S2", "a"), ("S1", "b")]
    assert assign(lines, [Turn(0.0, 9.0, "S7")]) == by_channel(lines)
    assert [line.speaker for line in by_channel(lines[1:], of_channels(lines))] == ["S2", "S1"]
    assert told(by_channel([segment("mixed")])) == [("", "mixed")]


# -- whatever comes ------------------------------------------------------------------------------------------

MOMENTS = st.floats(0.0, 30.0).map(lambda time: round(time, 2))
TURNS = st.lists(
    st.builds(
        lambda start, lasts, who: Turn(start, start + lasts, who),
        MOMENTS, st.floats(0.0, 8.0).map(lambda time: round(time, 2)), st.sampled_from(("S1", "S2", "S3")),
    ),
    max_size=12,
)  # fmt: skip
LATIN = st.lists(st.sampled_from(["one", "two.", "three,", "four?", "-five", "I", "…", ""]), min_size=1, max_size=12)
HAN = st.lists(st.sampled_from(["我们", "今天", "。", "你好，", "OK", "3", "吗？"]), min_size=1, max_size=12)


@st.composite
def lines_of_words(draw: st.DrawFn) -> list[Segment]:
    lines, at = [], 0.0
    for _ in range(draw(st.integers(1, 4))):
        is_han = draw(st.booleans())
        pieces = draw(HAN if is_han else LATIN)
        glue = "" if is_han else " "
        words, start_s = [], at
        for nth, piece in enumerate(pieces):
            at += draw(st.sampled_from((0.0, 0.0, 0.1, 0.6)))
            end = at + draw(st.sampled_from((0.0, 0.2, 0.4, 0.9)))
            words.append(Word(round(at, 2), round(end, 2), (glue if nth and piece[:1] != "-" else "") + piece, 0.5))
            at = end
        text = "".join(word.word for word in words).strip()
        kind = draw(st.integers(0, 4))
        timed = (None, ())[kind] if kind < 2 else tuple(words)
        lines.append(segment(text, start_s, at, words=timed, language="zh" if is_han else "en"))
    return lines


def bare(text: str) -> str:
    return "".join(text.split())


def all_words(lines: Sequence[Segment]) -> list[Word]:
    return [word for line in lines for word in line.words or ()]


def parts(lines: Sequence[Segment], cut: Sequence[Segment]) -> Iterator[list[Segment]]:
    """Yield what became of each line."""
    rest = iter(cut)
    for line in lines:
        of_line = [next(rest)]
        while bare("".join(part.text for part in of_line)) != bare(line.text):
            of_line.append(next(rest))
        yield of_line
    assert next(rest, None) is None


@settings(deadline=None)
@given(lines_of_words(), TURNS)
def test_nothing_is_lost_or_moved(lines: list[Segment], turns: list[Turn]) -> None:
    cut = assign(lines, turns)
    assert all_words(cut) == all_words(lines)
    for line, of_line in zip(lines, parts(lines, cut), strict=True):
        if len(of_line) > 1:
            space = "" if line.language == "zh" else " "
            # Where a line is cut, one space stands for several.
            assert space.join(part.text for part in of_line).split() == line.text.split()
            assert all(part.text and part.text == part.text.strip() for part in of_line)
            assert all(bare("".join(word.word for word in part.words or ())) == bare(part.text) for part in of_line)
            assert all(one.speaker != other.speaker for one, other in pairwise(of_line))
        assert (of_line[0].start_s, of_line[-1].end_s) == (line.start_s, line.end_s)
        times = [time for part in of_line for time in (part.start_s, part.end_s)]
        assert times == sorted(times)


@settings(deadline=None)
@given(lines_of_words(), TURNS)
def test_every_part_has_one_speaker_who_has_a_turn(lines: list[Segment], turns: list[Turn]) -> None:
    there = {turn.speaker for turn in turns if turn.end_s > turn.start_s} or {""}
    assert {line.speaker for line in assign(lines, turns)} <= there


@settings(deadline=None)
@given(lines_of_words(), TURNS)
def test_what_was_cut_is_not_cut_again(lines: list[Segment], turns: list[Turn]) -> None:
    once = assign(lines, turns)
    assert assign(once, turns) == once


@settings(deadline=None)
@given(lines_of_words(), TURNS)
def test_who_speaks_alone_says_everything(lines: list[Segment], turns: list[Turn]) -> None:
    alone = [Turn(turn.start_s, turn.end_s, "S1") for turn in turns if turn.end_s > turn.start_s]
    assert len(assign(lines, alone)) == len(lines)


@settings(deadline=None)
@given(lines_of_words(), TURNS)
def test_the_order_of_turns_means_nothing(lines: list[Segment], turns: list[Turn]) -> None:
    assert assign(lines, turns) == assign(lines, turns[::-1])


@settings(deadline=None)
@given(st.lists(st.tuples(MOMENTS, st.integers(0, 3)), max_size=8))
def test_every_channel_has_one_speaker(heard: list[tuple[float, int]]) -> None:
    lines = by_channel([segment("a text", start_s, start_s + 1, channel=channel) for start_s, channel in heard])
    for channel, of_channel in groupby(sorted(lines, key=lambda line: line.channel), key=lambda line: line.channel):
        speakers = {line.speaker for line in of_channel}
        assert len(speakers) == 1 and (speakers == {""}) == (channel == 0)


def test_a_line_is_cut_where_the_other_side_replies() -> None:
    """Only there: not at a pause in which nobody speaks, nor where somebody speaks at the same time."""
    line = spoken("I see. (Let me think. (Well then, goodbye.", speaker="S1", channel=2)
    turns = [Turn(0.0, 0.8, "S1"), Turn(0.7, 1.9, "S2"), Turn(1.8, 3.0, "S1"), Turn(4.2, 4.4, "S2")]
    first, second = cut_at_replies([line], of_others(turns, ["S1"]))
    assert told([first, second]) == [("S1", "I see."), ("S1", "Let me think. Well then, goodbye.")]
    assert (first.start_s, first.end_s, second.start_s, second.end_s) == pytest.approx((0.0, 0.8, 1.8, 5.2))
    assert first.words == line.words[:2] and second.channel == 2  # type: ignore[index]


def test_a_line_without_words_is_not_cut() -> None:
    turns = [Turn(1.0, 3.0, "S2")]
    whole = [segment("One. Two.", 0.0, 9.0, speaker="S1"), spoken("hm", 1.0, speaker="S2")]
    assert cut_at_replies(whole, of_others(turns, ["S1", "S2"])) == whole
    line = spoken("One. (Two.", speaker="S1")
    assert cut_at_replies([line], of_others([], ["S1"])) == [line]


def test_what_follows_a_reply_comes_after_it_also_where_the_line_ends_before_its_words() -> None:
    line = replace(spoken("One. (Two.", word_s=0.5, speaker="S1"), end_s=1.0)
    first, second = cut_at_replies([line], of_others([Turn(0.6, 1.4, "S2")], ["S1"]))
    assert (first.end_s, second.start_s, second.end_s) == pytest.approx((0.5, 1.5, 2.0))


def test_two_who_say_the_same_word_at_once_do_not_say_two() -> None:
    line = spoken("One. (Two.", speaker="S1")
    assert cut_at_replies([line], of_others([Turn(0.5, 0.8, "S2"), Turn(0.5, 0.8, "S3")], ["S1"])) == [line]
