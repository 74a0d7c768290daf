"""Voices of one recording, put together by person; the voices are drawn, with the cosines that real ones were measured to have."""

from collections import Counter
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from daemon.decode import clustering, diarization
from daemon.decode.diarization import bounds, diarize, smoothed
from daemon.voice import Turn, Voice

DIMENSIONS = 192
WINDOW_S = 1.5
CLEAN, NOISY, TELEPHONE = (0.0, 0.65), (0.0, 0.55), (0.28, 0.36)
"""What two voices have in common on this line, and what else two windows of one voice have in common."""


class Party:
    """People with voices drawn at random, on one line."""

    def __init__(self, people: int, line: tuple[float, float] = CLEAN, seed: int = 0) -> None:
        self._draw = np.random.default_rng(seed)
        self._common, self._own = line
        self._line, *self._people = (self._direction() for _ in range(people + 1))
        self.voices: list[Voice] = []
        self.said: list[int] = []

    def liken(self, one: int, other: int, cosine: float) -> "Party":
        """Make a voice like another one."""
        mixed = cosine * self._people[other] + (1 - cosine**2) ** 0.5 * self._people[one]
        self._people[one] = mixed / np.linalg.norm(mixed)
        return self

    def say(self, who: int, windows: int, pause_s: float = 0.2) -> "Party":
        """Let somebody speak after a pause, for so many windows."""
        start_s = self.voices[-1].end_s + pause_s if self.voices else 0.0
        for nth in range(windows):
            rest = 1.0 - self._common - self._own
            sound = self._common**0.5 * self._line + self._own**0.5 * self._people[who] + rest**0.5 * self._direction()
            sound /= np.linalg.norm(sound)
            at = start_s + nth * WINDOW_S
            self.voices.append(Voice(at, at + WINDOW_S, sound.astype("<f2").tobytes()))
            self.said.append(who)
        return self

    def talk(self, minutes: float, shares: list[float]) -> "Party":
        """Let all speak in turns of 1 to 6 windows, by their shares."""
        until = len(self.voices) + int(minutes * 60 / WINDOW_S)
        while len(self.voices) < until:
            self.say(int(self._draw.choice(len(shares), p=shares)), int(self._draw.integers(1, 7)))
        return self

    def _direction(self) -> NDArray[np.float64]:
        drawn = self._draw.standard_normal(DIMENSIONS)
        found: NDArray[np.float64] = drawn / np.linalg.norm(drawn)
        return found


def speaker_at(turns: list[Turn], at_s: float) -> str:
    (found,) = {turn.speaker for turn in turns if turn.start_s <= at_s <= turn.end_s}
    return found


def wrong(party: Party, turns: list[Turn]) -> float:
    """Return the share of the windows that are not given to whom most windows of their speaker are given to."""
    heard = [speaker_at(turns, (voice.start_s + voice.end_s) / 2) for voice in party.voices]
    pairs = Counter(zip(party.said, heard, strict=True))
    taken: set[str] = set()
    right = 0
    for (who, speaker), count in pairs.most_common():
        if speaker not in taken and all((who, other) not in pairs or other not in taken for other in set(heard)):
            taken.add(speaker)
            right += count
    return 1 - right / len(heard)


@pytest.mark.parametrize("line", [CLEAN, NOISY, TELEPHONE], ids=["clean", "noise", "telephone"])
@pytest.mark.parametrize("people", [1, 2, 3, 4, 6, 10])
def test_people_are_told_apart(people: int, line: tuple[float, float]) -> None:
    party = Party(people, line, seed=people).talk(max(3, people), [1 / people] * people)
    turns, centres = diarize(party.voices, "auto")
    assert len(centres) == people
    assert wrong(party, turns) < 0.01


def test_voices_that_are_nearer_on_a_telephone_than_one_voice_in_noise_are_two_people() -> None:
    party = Party(3, TELEPHONE, seed=1).liken(0, 1, 0.55).talk(4, [0.35, 0.35, 0.3])
    turns, centres = diarize(party.voices, "auto")
    assert len(centres) == 3
    assert wrong(party, turns) < 0.03


def test_names_go_by_appearance_and_turns_by_time() -> None:
    party = Party(3).say(2, 6).say(0, 8).say(2, 5, pause_s=5.0).say(2, 3).say(1, 6)
    turns, centres = diarize(party.voices, "auto")
    assert [turn.speaker for turn in turns] == ["S1", "S2", "S1", "S3"]
    assert list(centres) == ["S1", "S2", "S3"]
    assert (turns[0].start_s, turns[0].end_s) == (0.0, 9.0)
    # Across a short pause a turn goes on, across a long one it does not.
    assert turns[2].end_s - turns[2].start_s == pytest.approx(8 * WINDOW_S + 0.2)
    assert all(before.end_s <= after.start_s for before, after in pairwise(turns))
    shuffled = [party.voices[at] for at in np.random.default_rng(0).permutation(len(party.voices))]
    assert diarize(shuffled, "auto")[0] == turns


def test_a_pause_within_a_window_ends_a_turn_and_leaves_the_window_whole() -> None:
    party = Party(3).talk(2, [0.5, 0.5, 0.0]).say(2, 6)
    whole = diarize(party.voices, "auto")
    parted = []
    for voice in party.voices:
        # What is left of each window would be too short to find people, were it on its own.
        parted += [replace(voice, end_s=voice.start_s + 0.7), replace(voice, start_s=voice.end_s - 0.4)]
    turns, centres = diarize(parted, "auto")
    assert list(centres) == list(whole[1]) and len(centres) == 3
    assert all(centres[name] == pytest.approx(centre, abs=1e-3) for name, centre in whole[1].items())
    assert turns[0].end_s - turns[0].start_s == pytest.approx(0.7)
    # The pause between two turns of a party is one of 0.2 s.
    assert {round(after.start_s - before.end_s, 3) for before, after in pairwise(turns)} <= {0.2, 0.4}
    assert len(turns) > len(party.voices)
    assert {speaker_at(whole[0], (turn.start_s + turn.end_s) / 2) == turn.speaker for turn in turns} == {True}


def test_the_direction_of_a_voice_is_that_of_its_windows() -> None:
    party = Party(2).say(0, 20).say(1, 20)
    _, centres = diarize(party.voices, "auto")
    for centre, voices in zip(centres.values(), (party.voices[:20], party.voices[20:]), strict=True):
        mean = np.mean([np.frombuffer(voice.embedding, "<f2") for voice in voices], axis=0, dtype=np.float64)
        assert centre.dtype == np.float32 and centre.shape == (DIMENSIONS,)
        assert float(centre @ mean / np.linalg.norm(mean)) == pytest.approx(1.0, abs=1e-3)
        assert float(np.linalg.norm(centre)) == pytest.approx(1.0, abs=1e-5)


def test_a_guest_of_ten_seconds_is_kept_in_two_hours() -> None:
    party = Party(3).talk(60, [0.6, 0.4]).say(2, 7).talk(60, [0.4, 0.6])
    turns, centres = diarize(party.voices, "auto")
    assert len(centres) == 3
    assert wrong(party, turns) < 0.002


def test_a_short_answer_in_a_short_memo_is_kept() -> None:
    party = Party(2).say(0, 9).say(1, 2).say(0, 6)
    assert [turn.speaker for turn in diarize(party.voices, "auto")[0]] == ["S1", "S2", "S1"]
    assert len(diarize(party.talk(10, [1.0, 0.0]).voices, "auto")[1]) == 1


def test_a_stray_sound_is_nobody() -> None:
    party = Party(8).talk(3, [0.5, 0.5, 0, 0, 0, 0, 0, 0])
    for who in range(2, 8):
        party.say(who, 1).talk(0.5, [0.5, 0.5, 0, 0, 0, 0, 0, 0])
    assert len(diarize(party.voices, "auto")[1]) == 2


def test_short_windows_find_nobody_of_their_own() -> None:
    party = Party(3).talk(2, [0.5, 0.5, 0.0]).say(2, 24)
    brief = [replace(voice, end_s=voice.start_s + 0.5) for voice in party.voices[-24:]]
    assert len(diarize(party.voices, "auto")[1]) == 3
    assert len(diarize([*party.voices[:-24], *brief], "auto")[1]) == 2
    # Unless there is hardly anything else.
    assert (
        len(
            diarize(
                [replace(voice, end_s=voice.start_s + 0.5) for voice in party.talk(2, [0.3, 0.3, 0.4]).voices], "auto"
            )[1]
        )
        == 3
    )


def test_one_voice_for_an_hour_is_one_person() -> None:
    for line in (CLEAN, NOISY, TELEPHONE):
        assert len(diarize(Party(1, line).talk(60, [1.0]).voices, "auto")[0]) == 1


@pytest.mark.parametrize("at_once", [diarization.AT_ONCE, 30])
def test_what_is_played_again_and_again_is_nobody(at_once: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(diarization, "AT_ONCE", at_once)
    party = Party(3).talk(1, [0.5, 0.5, 0.0]).say(2, 1)
    jingle = party.voices[-1].embedding
    for _ in range(5):
        party.talk(0.5, [0.5, 0.5, 0.0]).say(2, 1)
        party.voices[-1] = replace(party.voices[-1], embedding=jingle)
    assert len(diarize(party.voices, "auto")[1]) == 2
    # Said in other words each time, it is somebody.
    for _ in range(6):
        party.talk(0.5, [0.5, 0.5, 0.0]).say(2, 1)
    assert len(diarize(party.voices, "auto")[1]) == 3


def test_moods_of_one_voice_are_no_people() -> None:
    """As on clips of one reader that were made apart: each mood is a group of its own, and all of them are alike."""
    moods = Party(5, (0.0, 0.55), seed=2).liken(1, 0, 0.8).liken(2, 0, 0.8).liken(3, 0, 0.8)
    assert len(diarize(moods.talk(2, [0.4, 0.2, 0.2, 0.2, 0.0]).voices, "auto")[1]) == 1
    assert len(diarize(moods.voices, "2")[1]) == 2
    # With somebody else there as well, there are several people.
    assert len(diarize(moods.talk(1, [0.0, 0.0, 0.0, 0.0, 1.0]).voices, "auto")[1]) > 1


def test_a_voice_that_changes_is_one_person_where_no_two_windows_are_unlike() -> None:
    party = Party(2, TELEPHONE).liken(0, 1, 0.42).talk(4, [0.5, 0.5])
    assert len(diarize(party.voices, "auto")[1]) == 1


@pytest.mark.parametrize(
    ("people", "speakers", "found"),
    [(4, "2", 2), (4, "4", 4), (4, "2-6", 4), (4, "5-6", 5), (1, "2", 2), (1, "1-3", 1), (6, "1-3", 3), (2, "1", 1)],
)
def test_a_range_is_kept_to(people: int, speakers: str, found: int) -> None:
    party = Party(people, seed=3).talk(4, [1 / people] * people)
    assert len(diarize(party.voices, speakers)[1]) == found


def test_more_people_than_voices_is_as_many_as_there_are() -> None:
    party = Party(2).say(0, 1).say(1, 1)
    assert len(diarize(party.voices, "9")[1]) == 2
    assert len(diarize(Party(1).say(0, 1).voices, "3")[1]) == 1


def test_without_voices_there_are_no_turns() -> None:
    assert diarize([], "auto") == ([], {})
    assert diarize([], "2-6") == ([], {})


def test_forty_voices_are_told_apart() -> None:
    party = Party(40, TELEPHONE).talk(60, [1 / 40] * 40)
    turns, centres = diarize(party.voices, "auto")
    assert len(centres) == 40
    assert wrong(party, turns) < 0.01


def test_a_crowd_is_bounded() -> None:
    """Two thousand windows, and no two are of the same voice: nobody is found, or the range is kept to."""
    party = Party(2000)
    for who in range(2000):
        party.say(who, 1)
    assert len(diarize(party.voices, "auto")[1]) == 1
    assert len(diarize(party.voices, "2-6")[1]) <= 6


@pytest.mark.parametrize("people", [1, 4])
def test_a_long_recording_is_compared_part_by_part(people: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(diarization, "AT_ONCE", 200)
    compared: list[int] = []
    whole = clustering.tree_of

    def tree(vectors: diarization.Vectors) -> NDArray[np.float64]:
        compared.append(len(vectors))
        return whole(vectors)

    monkeypatch.setattr(diarization, "tree_of", tree)
    party = Party(people, TELEPHONE).talk(40, [1 / people] * people)
    turns, centres = diarize(party.voices, "auto")
    assert len(centres) == people and wrong(party, turns) < 0.01
    assert len(compared) == len(party.voices) // 200 + 2 and max(compared) <= 200


def test_a_crowd_in_a_long_recording_is_bounded_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(diarization, "AT_ONCE", 100)
    party = Party(450)
    for who in range(450):
        party.say(who, 1)
    vectors = np.stack([np.frombuffer(voice.embedding, "<f2").astype(np.float32) for voice in party.voices])
    means, seconds, fresh = diarization.grouped(vectors, np.full(450, 1.5, np.float32), 100, 0.45)
    assert len(means) == len(seconds) == len(fresh) <= 100
    assert float(seconds.sum()) == pytest.approx(450 * 1.5)


def test_a_short_moment_is_no_turn_unless_it_is_clear() -> None:
    near, clear = 0.1, 0.4
    course = np.array([[0.7, 0.1]] * 3 + [[0.5, 0.5 + near]] + [[0.7, 0.1]] * 3, dtype=np.float32)
    assert smoothed(course).tolist() == [0] * 7
    course[3] = [0.3, 0.3 + clear]
    assert smoothed(course).tolist() == [0, 0, 0, 1, 0, 0, 0]
    assert smoothed(np.array([[0.5, 0.6]] * 4, dtype=np.float32)).tolist() == [1] * 4


def test_a_range_is_read() -> None:
    assert bounds("2") == (2, 2)
    assert bounds("2-6") == (2, 6)
    assert bounds("auto")[0] == 1


# The draws take long on a busy machine.
@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(st.tuples(st.integers(0, 60), st.sampled_from([0.01, 0.4, 1.5]), st.integers(0, 5)), min_size=1),
    st.sampled_from(["auto", "1", "2", "3-5"]),
)
def test_any_voices_give_turns_in_order(drawn: list[tuple[int, float, int]], speakers: str) -> None:
    """Also those that are alike to the bit, overlap, or are 0.01 s long."""
    sounds = np.eye(6, 8, dtype="<f2")
    voices = [Voice(start_s, start_s + length_s, sounds[who].tobytes()) for start_s, length_s, who in drawn]
    turns, centres = diarize(voices, speakers)
    assert 1 <= len(centres) <= (bounds(speakers)[1])
    assert [turn.start_s for turn in turns] == sorted(turn.start_s for turn in turns)
    assert list(dict.fromkeys(turn.speaker for turn in turns)) == list(centres)
    for voice in voices:
        assert any(turn.start_s <= voice.start_s and voice.end_s <= turn.end_s for turn in turns)
