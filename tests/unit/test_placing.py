"""When lines are spoken that the engine has heard beside a pause that was left out."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.chunk import Segment, Word
from daemon.transcribe import placing
from tests.builders import segment

SPANS = ((0.0, 5.2), (14.3, 22.0), (30.0, 40.0))
"""A chunk of three pieces of a recording, and when somebody speaks in them."""
SPOKEN = ((0.2, 4.8), (14.7, 17.0), (17.5, 21.6), (30.4, 39.6))


def placed(start_s: float, end_s: float, *words: tuple[float, float], **fields: Any) -> Segment:
    told = tuple(Word(first, last, " word", 0.9) for first, last in words) if words else None
    known = {"spans": SPANS, "spoken": SPOKEN, **fields}
    (line,) = placing.placed([segment("a text", start_s, end_s, words=told)], **known)
    return line


@pytest.mark.parametrize(
    ("line", "spoken"),
    [
        ((5.0, 21.0), (14.3, 21.0)),  # begins after the last word before a pause
        ((4.7, 21.0), (14.3, 21.0)),  # before whose end a tenth of a second is no word
        ((1.0, 14.8), (1.0, 5.2)),  # ends as the next word begins
        ((5.0, 30.5), (14.3, 22.0)),  # both
        ((5.0, 40.0), (14.3, 40.0)),  # another pause is inside
        ((4.0, 16.0), (4.0, 16.0)),  # is spoken before and after a pause
        ((4.9, 5.2), (4.9, 5.2)),  # in no other piece
        ((4.75, 14.85), (14.3, 14.85)),  # hardly anything: where there is more of it
        ((4.65, 14.75), (4.65, 5.2)),
        ((5.2, 5.2), (5.2, 5.2)),
    ],
)
def test_a_line_begins_and_ends_where_it_is_spoken(line: tuple[float, float], spoken: tuple[float, float]) -> None:
    found = placed(*line)
    assert (found.start_s, found.end_s) == spoken


def test_where_its_words_are_known_a_line_is_where_they_are() -> None:
    found = placed(4.5, 31.0, (15.0, 15.4), (20.0, 21.0))
    assert (found.start_s, found.end_s) == (14.3, 22.0)
    short = placed(4.7, 16.0, (4.72, 4.8), (15.0, 16.0))
    assert (short.start_s, short.end_s) == (4.7, 16.0), "a word of a tenth of a second is one, too"


def test_a_word_does_not_go_on_through_a_pause() -> None:
    found = placed(1.0, 21.0, (4.0, 14.6), (14.6, 15.0), (16.8, 17.6))
    assert found.words is not None
    assert [(word.start_s, word.end_s) for word in found.words] == [(4.0, 5.2), (14.6, 15.0), (16.8, 17.6)]
    assert (found.start_s, found.end_s) == (1.0, 21.0)


TOUCHING = ((0.0, 5.2), (5.2, 22.0))


@pytest.mark.parametrize("fields", [{"spoken": ()}, {"spans": ((0.0, 40.0),)}, {"spans": TOUCHING}])
def test_without_pauses_nothing_is_moved(fields: dict[str, Any]) -> None:
    found = placed(5.0, 21.0, (4.0, 14.6), **fields)
    assert (found.start_s, found.end_s) == (5.0, 21.0)
    assert found.words is not None and (found.words[0].start_s, found.words[0].end_s) == (4.0, 14.6)


def test_times_are_of_milliseconds_also_where_the_pieces_are_not() -> None:
    spans = ((0.0, 5.2), (14.3004375, 21.9995625))
    moved = placed(5.0, 22.0, spans=spans)
    assert (moved.start_s, moved.end_s) == (14.3, 22.0)
    assert placed(14.3, 22.0, spans=spans).start_s == 14.3, "a little before the piece, as times are rounded"


MOMENTS = st.sampled_from(range(5201)) | st.integers(14_300, 22_000) | st.integers(30_000, 40_000)


@given(st.lists(MOMENTS.map(lambda ms: ms / 1000), min_size=2, max_size=8))
def test_no_line_grows_and_none_is_turned_round(moments: list[float]) -> None:
    """Where its words are within it; an engine's words may lie outside of their line, and stay there."""
    moments.sort()
    words = list(zip(moments[::2], moments[1::2], strict=False))
    found = placed(moments[0], moments[-1], *words)
    assert moments[0] <= found.start_s <= found.end_s <= moments[-1]
    assert found.words is not None
    for word, (start_s, end_s) in zip(found.words, words, strict=True):
        assert start_s <= word.start_s <= word.end_s <= end_s
        assert found.start_s <= word.start_s and word.end_s <= found.end_s
