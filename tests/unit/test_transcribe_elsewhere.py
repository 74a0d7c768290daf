"""The rules for what comes from another machine, with and without its measures."""

from math import nan

import pytest

from daemon.chunk import Decoded
from daemon.transcribe.elsewhere import elsewhere
from daemon.transcribe.quality import TEMPERATURES
from tests.builders import chunk, decoded, heard

OF = chunk(full_context=False)
"""Cut for an engine of this machine, beside which it works."""


def bare(result: Decoded) -> Decoded:
    from dataclasses import replace

    return replace(result, avg_logprob=nan, no_speech_prob=nan, language_probability=nan)


def test_a_good_text_is_accepted_with_all_measures_and_with_none() -> None:
    for result in (heard(OF), bare(heard(OF))):
        verdict = elsewhere(OF, result, ())
        assert verdict.accepted is result and verdict.rest is None


def test_a_text_that_is_unlikely_is_asked_for_again_at_the_next_temperature_and_in_the_end_taken() -> None:
    unlikely = decoded("what was said in the ten seconds of this chunk, and more", avg_logprob=-1.5)
    again = elsewhere(OF, unlikely, ()).again
    assert again is not None and again.temperature == TEMPERATURES[1] and again.full_context
    last = decoded("what was said", avg_logprob=-1.2, temperature=TEMPERATURES[-1])
    assert elsewhere(OF, last, [unlikely]).accepted is last, "the likeliest of all"


def test_without_its_probability_only_going_round_in_circles_is_bad() -> None:
    loops = bare(decoded("and so and so", compression_ratio=3.0, pause_s=5.0))
    verdict = elsewhere(OF, loops, ())
    assert verdict.again is not None and verdict.again.duration_s == 5.0, "it is heard in halves"
    assert verdict.guarded


@pytest.mark.parametrize(("no_speech", "kept"), [(0.2, 1), (0.9, 0), (nan, 0)])
def test_where_nobody_was_found_to_speak_only_who_says_otherwise_is_believed(no_speech: float, kept: int) -> None:
    of = chunk(doubtful=True)
    verdict = elsewhere(of, decoded("a whisper", no_speech_prob=no_speech), ())
    assert verdict.accepted is not None and len(verdict.accepted.segments) == kept


def test_silence_needs_both_measures() -> None:
    assert (
        elsewhere(OF, decoded("hm", avg_logprob=-1.5, no_speech_prob=0.9), ()).accepted
        == elsewhere(OF, decoded("hm", avg_logprob=-1.5, no_speech_prob=0.9), ()).accepted
    )
    silence = elsewhere(OF, decoded("hm", avg_logprob=-1.5, no_speech_prob=0.9), ()).accepted
    assert silence is not None and not silence.segments
    unsure = elsewhere(OF, decoded("hm", avg_logprob=-1.5, no_speech_prob=nan), ())
    assert unsure.again is not None
