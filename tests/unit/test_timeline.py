"""Who speaks when, as it is asked about words."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from daemon.speakers.timeline import Timeline, of_stretches
from daemon.voice import Turn
from tests.builders import segment

TURNS = [Turn(0.0, 4.0, "S1"), Turn(3.0, 6.0, "S2"), Turn(10.0, 12.0, "S1")]


@pytest.mark.parametrize(
    ("span", "seconds"),
    [
        ((1.0, 2.0), {"S1": 1.0}),
        ((3.5, 5.0), {"S1": 0.5, "S2": 1.5}),
        ((6.0, 10.0), {}),
        ((5.0, 11.0), {"S1": 1.0, "S2": 1.0}),
        ((2.0, 2.0), {"S1": 0.0}),
    ],
)
def test_it_tells_for_how_long_each_speaks(span: tuple[float, float], seconds: dict[str, float]) -> None:
    assert Timeline(TURNS).seconds(*span) == seconds


@pytest.mark.parametrize(
    ("span", "speaker"),
    [
        ((1.0, 2.0), "S1"),
        ((3.5, 5.0), "S2"),
        ((6.1, 6.5), "S2"),
        ((9.0, 9.5), "S1"),
        ((8.0, 8.0), "S2"),  # as near to both: the earlier one
        ((5.0, 5.0), "S2"),
        ((50.0, 51.0), "S1"),
    ],
)
def test_a_span_is_of_who_speaks_in_most_of_it_or_nearest_to_it(span: tuple[float, float], speaker: str) -> None:
    assert Timeline(TURNS).speaker([span]) == speaker


def test_of_those_who_speak_at_once_it_is_still_who_has_spoken_before() -> None:
    timeline = Timeline(TURNS)
    assert timeline.speaker([(3.2, 3.6)], "S1") == "S1" and timeline.speaker([(3.2, 3.6)], "S2") == "S2"
    assert timeline.speaker([(1.0, 2.0)], "S2") == "S1"


def test_words_that_belong_together_are_counted_together() -> None:
    assert Timeline(TURNS).speaker([(2.0, 3.0), (4.5, 6.0)]) == "S2"


def test_without_turns_nobody_speaks() -> None:
    assert not Timeline([]) and not Timeline([Turn(2.0, 2.0, "S1")]) and Timeline(TURNS)


MOMENTS = st.integers(0, 40).map(lambda tick: tick / 4)


@settings(deadline=None)
@given(
    st.lists(
        st.builds(lambda start, lasts, who: Turn(start, start + lasts, who), MOMENTS, MOMENTS, st.sampled_from("AB"))
    ),
    MOMENTS,
    MOMENTS,
)
def test_the_seconds_of_a_speaker_are_those_that_any_of_their_turns_covers(
    turns: list[Turn], start_s: float, lasts_s: float
) -> None:
    found = Timeline(turns).seconds(start_s, start_s + lasts_s)
    ticks = [start_s + tick / 4 for tick in range(round(lasts_s * 4))]
    for who in "AB":
        covered = sum(any(turn.speaker == who and turn.start_s <= at < turn.end_s for turn in turns) for at in ticks)
        assert found.get(who, 0.0) == pytest.approx(covered / 4)


def test_the_turns_of_channels_are_what_is_spoken_where_there_are_lines() -> None:
    lines = {
        0: [segment("one", 0.0, 9.0, speaker="S1"), segment("two", 12.0, 20.0, speaker="S1")],
        1: [segment("but", 5.0, 6.0, speaker="S2")],
    }
    stretches = [
        (0, 13.0, 14.0),
        (0, 0.5, 4.0),
        (1, 5.1, 5.9),
        (0, 4.2, 5.0),
        (0, 9.5, 11.0),
        (1, 30.0, 31.0),
        (2, 1.0, 2.0),
    ]
    assert of_stretches(stretches, lines) == [
        Turn(0.5, 5.0, "S1"),  # no pause of 0.3 s between two stretches
        Turn(5.1, 5.9, "S2"),
        Turn(13.0, 14.0, "S1"),
    ]
    assert of_stretches([], lines) == []


def test_a_turn_goes_on_while_another_speaks() -> None:
    lines = {0: [segment("on", 0.0, 9.0, speaker="S1")], 1: [segment("hm", 2.0, 3.0, speaker="S2")]}
    found = of_stretches([(0, 0.0, 2.5), (1, 2.1, 2.9), (0, 2.6, 4.0)], lines)
    assert found == [Turn(0.0, 4.0, "S1"), Turn(2.1, 2.9, "S2")]
