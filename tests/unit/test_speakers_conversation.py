"""Built conversations: what is heard is what the reference says, every time."""

from dataclasses import replace

import numpy as np
import pytest

from daemon.bench.speakers.conversation import EACH_S, MARGIN, Case, build, said, words_of
from daemon.chunk import SAMPLE_RATE
from tests.talking import everybody, heard, person

MARGIN_S = MARGIN / SAMPLE_RATE


def spoken_s(name: str, made: object) -> float:
    return sum(turn.end_s - turn.start_s for turn in made.turns if turn.speaker == name)  # type: ignore[attr-defined]


@pytest.mark.parametrize("voices", [1, 2, 6])
def test_who_is_phrasesis_who_the_reference_says(voices: int) -> None:
    made = build(everybody(), Case(voices, 1.0), 0)
    assert len(made.people) == voices and {turn.speaker for turn in made.turns} == set(made.people)
    assert made.duration_s > 55
    for turn in made.turns:
        assert heard(made.sound[:, 0], (turn.start_s + turn.end_s) / 2) == {turn.speaker}
        assert (
            heard(made.sound[:, 0], turn.start_s + 0.06) == heard(made.sound[:, 0], turn.end_s - 0.06) == {turn.speaker}
        )
    silent = np.ones(len(made.sound), dtype=bool)
    for turn in made.turns:
        silent[round((turn.start_s - MARGIN_S) * SAMPLE_RATE) : round((turn.end_s + MARGIN_S) * SAMPLE_RATE)] = False
    assert silent.mean() > 0.03 and np.abs(made.sound[silent]).max() < 0.001
    assert np.abs(made.sound[silent]).max() > 0, "real recordings are never digitally silent"


def test_the_same_case_gives_the_same_sound() -> None:
    case = Case(3, 0.5)
    first, again, other = build(everybody(), case, 0), build(everybody(), case, 0), build(everybody(), case, 1)
    assert np.array_equal(first.sound, again.sound) and first.turns == again.turns
    assert first.turns != other.turns


def test_everybody_speaks_for_ten_seconds_or_nobody_could_find_them() -> None:
    made = build(everybody(), Case(6, 0.5, turn_s=(1.0, 2.0)), 3)
    # Turns end at a quiet moment up to a second early.
    assert min(spoken_s(name, made) for name in made.people) > EACH_S / 3
    assert made.duration_s > 40


def test_people_speak_at_once_where_that_is_asked_for() -> None:
    def overlapping(percent: float) -> list[tuple[str, str, float]]:
        made = build(everybody(), Case(3, 1.0, turn_s=(3.0, 9.0), overlap_percent=percent), 0)
        pairs = [(a, b) for a in made.turns for b in made.turns if a.start_s < b.start_s < a.end_s]
        for a, b in pairs:
            assert a.speaker != b.speaker
            if min(a.end_s, b.end_s) - b.start_s > 0.3:
                assert {a.speaker, b.speaker} == heard(made.sound[:, 0], (b.start_s + min(a.end_s, b.end_s)) / 2)
        return [(a.speaker, b.speaker, min(a.end_s, b.end_s) - b.start_s) for a, b in pairs]

    assert overlapping(0) == []
    assert len(overlapping(100)) > 3 and max(length for *_, length in overlapping(100)) > 0.5


def test_each_has_a_channel() -> None:
    made = build(everybody(), Case(2, 0.5, by_channel=True), 0)
    assert made.sound.shape[1] == 2
    for turn in made.turns:
        channel = made.people.index(turn.speaker)
        middle = (turn.start_s + turn.end_s) / 2
        assert heard(made.sound[:, channel], middle) == {turn.speaker}
        assert heard(made.sound[:, 1 - channel], middle) == set()


def test_a_guest_speaks_once_in_the_middle() -> None:
    made = build(everybody(), Case(3, 2.0, guest=True), 0)
    guest = made.people[-1]
    theirs = [turn for turn in made.turns if turn.speaker == guest]
    assert 5 < spoken_s(guest, made) <= EACH_S + 0.1
    assert theirs[0].start_s / made.duration_s > 0.3 and theirs[-1].end_s / made.duration_s < 0.8
    assert theirs[-1].end_s - theirs[0].start_s < 2 * EACH_S


@pytest.mark.parametrize("length_s", [0.5, 1.0, 4.0, 20.0])
def test_turns_are_as_long_as_asked_for(length_s: float) -> None:
    for seed in range(20):
        coming = words_of(person(500), np.random.default_rng(seed))
        sound, phrases = said(coming, round(length_s * SAMPLE_RATE))
        assert abs(len(sound) / SAMPLE_RATE - length_s) < 1.3, seed
        assert phrases[0][0] == MARGIN and phrases[-1][1] == len(sound) - MARGIN
        assert all(start < end for start, end in phrases)
        assert abs(float(sound[0])) < 0.001 > abs(float(sound[-1])), "no click tells where it was put in"


def test_nobody_says_the_same_again_before_everything_was_said() -> None:
    clips = (*person(500).clips, *person(800).clips)
    coming = words_of(replace(person(500), clips=clips), np.random.default_rng(0))
    phrases = [(len(sound), round(float(sound[4005]), 3)) for sound, _ in (next(coming) for _ in range(12))]
    assert len(set(phrases[:6])) == 6 and set(phrases[6:]) == set(phrases[:6])


def test_alone_speaks_who_has_enough_to_say() -> None:
    few = [replace(each, clips=each.clips * 5) if each.name == "p800" else each for each in everybody()]
    for number in range(4):
        assert build(few, Case(1, 0.5), number).people == ("p800",)
    # Otherwise it is whoever has the most.
    assert build(few, Case(1, 5.0), 0).people == ("p800",)
    assert len({build(few, Case(1, 0.1), number).people for number in range(8)}) > 1
