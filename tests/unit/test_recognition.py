"""Speakers of a recording are compared with the voices that are known."""

import numpy as np
import pytest
from numpy.typing import NDArray

from daemon.decode.listening import told_apart
from daemon.decode.recognition import CLEAR, SURE, recognize
from daemon.processes.protocol import TellApart
from daemon.voice import KnownVoice, Voice

SIZE = 192


def direction(*parts: float) -> NDArray[np.float32]:
    """A voice of length 1 with these first components."""
    vector = np.zeros(SIZE)
    vector[: len(parts)] = parts
    vector[-1] = np.sqrt(max(0.0, 1.0 - float(vector @ vector)))
    return vector.astype(np.float32)


def known(name: str, *parts: float, times: float = 1.0) -> KnownVoice:
    return KnownVoice(name, (times * direction(*parts)).astype("<f2").tobytes())


ADA, BOB = known("Ada", 1.0), known("Bob", 0.0, 1.0)


def test_a_voice_that_is_near_enough_gets_its_name_and_a_stranger_none() -> None:
    near, far = direction(SURE + 0.02), direction(SURE - 0.02)
    found = recognize({"S1": near, "S2": far}, [ADA, BOB])
    assert list(found) == ["S1"] and found["S1"].name == "Ada"
    assert found["S1"].likeness == pytest.approx(SURE + 0.02, abs=0.002)
    assert recognize({"S1": far}, [ADA]) == {}


def test_the_nearest_of_the_voices_of_a_name_counts() -> None:
    (found,) = recognize({"S1": direction(0.0, 0.0, 0.9)}, [ADA, known("Ada", 0.0, 0.0, 1.0), BOB]).values()
    assert found.name == "Ada" and found.likeness == pytest.approx(0.9, abs=0.002)


def test_no_two_speakers_get_one_name_and_the_surest_gets_it() -> None:
    means = {"S1": direction(0.8), "S2": direction(0.95), "S3": direction(0.69, 0.7)}
    found = recognize(means, [ADA, BOB])
    assert {label: each.name for label, each in found.items()} == {"S2": "Ada", "S3": "Bob"}


def test_who_is_like_two_people_is_neither() -> None:
    assert recognize({"S1": direction(0.7, 0.7 - CLEAR + 0.02)}, [ADA, BOB]) == {}
    assert recognize({"S1": direction(0.7, 0.7 - CLEAR - 0.02)}, [ADA, BOB])["S1"].name == "Ada"
    assert recognize({"S1": direction(0.7, 0.7)}, [ADA, known("Ada", 0.0, 1.0)])["S1"].name == "Ada", "twice the same"


def test_whose_own_name_is_taken_does_not_get_one_that_is_only_near() -> None:
    found = recognize({"S1": direction(0.9), "S2": direction(0.8, SURE - 0.05)}, [ADA, BOB])
    assert {label: each.name for label, each in found.items()} == {"S1": "Ada"}


def test_the_length_of_a_known_voice_does_not_count() -> None:
    assert recognize({"S1": direction(SURE - 0.05)}, [known("Ada", 1.0, times=3.0)]) == {}
    assert recognize({"S1": direction(SURE + 0.05)}, [known("Ada", 1.0, times=0.1)])["S1"].name == "Ada"


@pytest.mark.parametrize("embedding", [b"", bytes(2 * SIZE), bytes(8)])
def test_what_is_no_voice_of_this_model_is_like_nobody(embedding: bytes) -> None:
    assert recognize({"S1": direction(1.0)}, [KnownVoice("Eve", embedding)]) == {}
    assert recognize({"S1": direction(1.0)}, [KnownVoice("Eve", embedding), ADA])["S1"].name == "Ada"


def test_without_speakers_or_without_anybody_known_there_is_nothing_to_find() -> None:
    assert recognize({}, [ADA]) == recognize({"S1": direction(1.0)}, []) == {}


def test_a_decoder_says_whose_voices_it_has_told_apart() -> None:
    heard = [Voice(2.0 * nth, 2.0 * nth + 1.5, (ADA, BOB)[nth // 8].embedding) for nth in range(16)]
    answer = told_apart(TellApart(1, 2, "auto", tuple(heard), (BOB,)))
    assert list(dict.fromkeys(turn.speaker for turn in answer.turns)) == ["S1", "S2"] and answer.trouble == ""
    assert [(label, each.name) for label, each in answer.recognized.items()] == [("S2", "Bob")]
    assert told_apart(TellApart(1, 2, "auto", tuple(heard))).recognized == {}
