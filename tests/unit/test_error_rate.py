"""The diarization error rate: known errors give known figures."""

import pytest

from daemon.bench.speakers.error_rate import Errors, Heard, errors, words
from daemon.voice import Turn

REFERENCE = [Turn(0, 10, "ada"), Turn(10, 20, "bob")]


@pytest.fixture(autouse=True)
def metrics() -> None:
    """Not while tests are collected, which every worker does: it takes seconds to load."""
    pytest.importorskip("pyannote.metrics", reason="needs pip install 'transcribed[bench-speakers]'")


def test_two_seconds_of_the_wrong_speaker() -> None:
    found = [Turn(0, 12, "S1"), Turn(12, 20, "S2")]
    assert errors(REFERENCE, found, 25, 0.0) == Errors(20, 2, 0, 0)
    assert errors(REFERENCE, found, 25, 0.0).rate_percent == pytest.approx(10.0)
    # Half a second around each border is left out, the collar being on either side.
    assert errors(REFERENCE, found, 25, 0.25) == Errors(19, 1.75, 0, 0)


def test_speech_that_is_missed_or_made_up() -> None:
    found = [Turn(3, 10, "S1"), Turn(10, 20, "S2"), Turn(21, 25, "S2")]
    assert errors(REFERENCE, found, 30, 0.0) == Errors(20, 0, 3, 4)
    assert errors(REFERENCE, [], 30, 0.0) == Errors(20, 0, 20, 0)
    assert errors([], found, 30, 0.0) == Errors(0, 0, 0, 21)


def test_who_speaks_at_once_counts_twice() -> None:
    reference = [Turn(0, 10, "ada"), Turn(5, 10, "bob")]
    assert errors(reference, [Turn(0, 10, "S1")], 10, 0.0) == Errors(15, 0, 5, 0)


def test_one_found_as_two_is_confusion() -> None:
    found = [Turn(0, 8, "S1"), Turn(8, 10, "S2"), Turn(10, 20, "S3")]
    parts = errors(REFERENCE, found, 20, 0.0)
    assert parts == Errors(20, 2, 0, 0) and parts.percent(parts.confusion_s) == pytest.approx(10.0)


def test_errors_of_conversations_add_up() -> None:
    both = sum([Errors(10, 1, 0, 0), Errors(30, 0, 2, 1)], Errors())
    assert both == Errors(40, 1, 2, 1) and both.rate_percent == pytest.approx(10.0)
    assert Errors().rate_percent == 0.0


def test_words_with_the_right_speaker() -> None:
    found = [Turn(0, 10, "S2"), Turn(10, 20, "S1")]
    heard = [Heard(1.0, 1, "S2"), Heard(9.0, 3, "S1"), Heard(15.0, 6, "S1"), Heard(15.0, 2, ""), Heard(22.0, 9, "S1")]
    assert words(REFERENCE, found, heard) == (7, 12)
    at_once = [Turn(0, 10, "ada"), Turn(5, 15, "bob")]
    assert words(at_once, [Turn(0, 7, "S1"), Turn(7, 15, "S2")], [Heard(6.0, 1, "S1"), Heard(8.0, 1, "S2")]) == (2, 2)
    assert words(REFERENCE, found, []) == (0, 0)
