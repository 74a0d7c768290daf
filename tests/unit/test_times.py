"""Times that cannot be are put right; all others stay as they are."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.chunk import Word
from daemon.publish.times import in_order
from tests.builders import segment

Spans = list[tuple[float, float]]


@pytest.mark.parametrize(
    ("spans", "duration_s", "right"),
    [
        ([(0.0, 2.0), (2.0, 4.0)], 4.0, [(0.0, 2.0), (2.0, 4.0)]),
        ([(0.0, 2.0), (1.5, 4.0)], None, [(0.0, 2.0), (2.0, 4.0)]),
        ([(3.0, 3.0)], None, [(3.0, 3.01)]),
        ([(3.0, 9.0)], 5.0, [(3.0, 5.0)]),
        ([(6.0, 9.0), (9.0, 9.5)], 5.0, [(4.98, 4.99), (4.99, 5.0)]),
        ([(0.0, 1.0)], 0.0, [(0.0, 0.0)]),
    ],
)
def test_the_times_of_a_channel(spans: Spans, duration_s: float | None, right: Spans) -> None:
    made = in_order([segment("a", *span) for span in spans], duration_s)
    assert [(each.start_s, each.end_s) for each in made] == [pytest.approx(span) for span in right]


def test_two_channels_may_speak_at_once() -> None:
    both = [segment("a", 0, 5, channel=1), segment("b", 2, 4, channel=2)]
    assert in_order(both, 5.0) == both


def test_words_end_with_the_recording() -> None:
    (made,) = in_order([segment("a b", 0, 9, words=(Word(0, 1, " a", 1.0), Word(6, 9, " b", 1.0)))], 5.0)
    assert made.words == (Word(0, 1, " a", 1.0), Word(5, 5, " b", 1.0))


@given(st.lists(st.tuples(st.floats(0, 50), st.floats(0, 20)), max_size=8), st.floats(1, 60))
def test_nothing_overlaps_is_empty_or_too_late(times: list[tuple[float, float]], duration_s: float) -> None:
    made = in_order([segment("a", start, start + length) for start, length in times], duration_s)
    assert all(each.start_s < each.end_s <= duration_s for each in made)
    assert all(before.end_s <= after.start_s for before, after in itertools.pairwise(made))
