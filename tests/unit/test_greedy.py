"""What is done with results of models that have no temperatures, by a table."""

from dataclasses import replace

from daemon.transcribe.greedy import greedy
from tests.builders import chunk, decoded, segment

TEN = chunk(seconds=10.0)


def test_a_result_is_taken_however_unsure_the_model_is() -> None:
    unsure = decoded("text", avg_logprob=-5.0)
    assert greedy(TEN, unsure, ()).accepted is unsure


def test_sound_after_the_text_is_heard_once_more_by_itself() -> None:
    verdict = greedy(TEN, decoded("text", covered_s=4.0), ())
    assert verdict.accepted is not None and verdict.again is None
    assert verdict.rest is not None and verdict.rest.duration_s == 6.0


def test_what_goes_round_in_circles_is_heard_in_halves_and_taken_where_it_is_too_short_for_that() -> None:
    loops = decoded("no no no", compression_ratio=2.5, pause_s=4.5)
    verdict = greedy(TEN, loops, ())
    assert verdict.accepted is None and verdict.guarded
    assert verdict.again is not None and (verdict.again.duration_s, verdict.again.temperature) == (4.5, 0.0)
    half = verdict.again
    accepted = greedy(half, replace(loops, pause_s=None, covered_s=4.5), ())
    assert accepted.accepted is not None and accepted.rest is not None and accepted.rest.duration_s == 5.5
    assert greedy(TEN, replace(loops, compression_ratio=2.4), ()).again is None


def test_where_no_speech_was_found_at_first_only_a_likely_text_is_one() -> None:
    doubtful = chunk(seconds=10.0, doubtful=True)
    line = segment("Mm-hmm.")
    said = replace(decoded(covered_s=4.0), segments=(line,))
    silent = greedy(doubtful, replace(said, avg_logprob=-0.51), ()).accepted
    assert silent is not None and silent.segments == () and silent.covered_s == 10.0
    assert [(aside.text, aside.reason) for aside in silent.suppressed] == [("Mm-hmm.", "no speech there")]
    kept = greedy(doubtful, replace(said, avg_logprob=-0.5), ()).accepted
    assert kept is not None and kept.segments == (line,)
    assert greedy(TEN, replace(said, avg_logprob=-0.51), ()).accepted is not None
