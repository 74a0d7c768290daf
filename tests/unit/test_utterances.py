"""Segments become stretches of timed words."""

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from daemon.chunk import Segment, Word
from daemon.publish.utterances import PAUSE_S, TimedWord, utterances
from daemon.store.versions import Line
from tests.builders import segment


def timed(*segments: Segment) -> list[list[tuple[str, float, float]]]:
    return [
        [(word.glue + word.text, round(word.start_s, 3), round(word.end_s, 3)) for word in utterance.words]
        for utterance in utterances(segments)
    ]


def test_without_word_times_each_word_takes_its_share() -> None:
    assert timed(segment("one three", 1.0, 9.0)) == [[("one", 1.0, 4.0), (" three", 4.0, 9.0)]]


def test_word_times_are_taken_as_they_are() -> None:
    words = (Word(1.0, 1.4, " one", 0.9), Word(2.0, 2.5, " three", 0.9))
    assert timed(segment("one three", 0.0, 5.0, words=words)) == [[("one", 1.0, 1.4), (" three", 2.0, 2.5)]]


def test_the_pieces_of_a_timed_word_share_its_time() -> None:
    words = (Word(1.0, 3.0, "今日は", 0.9), Word(3.0, 5.0, "天気がいい", 0.9))
    assert timed(segment("今日は天気がいい", 0, 9, words=words, language="ja")) == [
        [("今日は", 1.0, 3.0), ("天気が", 3.0, 4.2), ("いい", 4.2, 5.0)]
    ]


def test_a_text_that_was_changed_keeps_the_pauses_of_its_words() -> None:
    words = (Word(1.0, 2.0, " Kuber", 0.9), Word(2.0, 3.0, " Netties", 0.9), Word(6.0, 7.0, " runs.", 0.9))
    ((name,), (runs,)) = timed(segment("Kubernetes runs.", 0.0, 9.0, words=words))
    assert name[0] == "Kubernetes" and name[2] <= 3.0 and runs == ("runs.", 6.0, 7.0)


@pytest.mark.parametrize(
    ("second", "count"),
    [
        (segment("two", 1.0, 2.0), 1),
        (segment("two", 1.0 + PAUSE_S, 5.0), 2),
        (segment("two", 1.0, 2.0, language="de"), 2),
        (segment("two", 1.0, 2.0, channel=1), 2),
        (segment("two", 1.0, 2.0, speaker="S1"), 2),
    ],
)
def test_what_ends_an_utterance(second: Segment, count: int) -> None:
    assert len(timed(segment("one", 0.0, 1.0), second)) == count


def test_an_utterance_tells_who_says_it() -> None:
    fixed = Line(1.0, 2.0, "two", 0.0, 0.0, 0.0, 0.0, "en", speaker="S2", fixed=True)
    said = [
        segment("one", 0.0, 1.0, speaker="S1"),
        fixed,
        segment("three", 2.0, 3.0, speaker="S1"),
        segment("four", 3.0, 4.0),
    ]
    assert [utterance.speaker for utterance in utterances(said)] == ["S1", "S2", "S1", ""]


def test_what_joins_the_words_is_what_their_scripts_want() -> None:
    (said,) = timed(segment("我们 hello", 0, 1, language="zh"), segment("今天", 1, 2, language="zh"))
    assert [word for word, *_ in said] == ["我们", " hello", " 今天"]


@settings(deadline=None)
@given(st.lists(st.tuples(st.text("ab 日", max_size=9), st.floats(0, 9), st.floats(-1, 9)), max_size=5))
def test_times_never_go_back(said: list[tuple[str, float, float]]) -> None:
    for utterance in utterances(segment(text, start, start + length) for text, start, length in said):
        words: tuple[TimedWord, ...] = utterance.words
        assert all(word.start_s <= word.end_s for word in words)
        assert all(before.end_s <= after.start_s for before, after in pairwise(words))
