"""What is done when an engine's result is bad."""

from daemon.config import engines
from daemon.transcribe.policies import POLICIES, accept
from tests.builders import chunk, decoded


def test_the_names_that_an_engine_may_give_are_those_of_the_policies() -> None:
    assert tuple(POLICIES) == engines.POLICIES


def test_accept_takes_a_result_as_it_is_and_goes_on_with_what_it_left_out() -> None:
    bad = decoded("text", covered_s=4.0, avg_logprob=-5.0, compression_ratio=9.0)
    verdict = accept(chunk(seconds=10.0), bad, ())
    assert verdict.accepted is bad and verdict.again is None
    assert verdict.rest is not None and verdict.rest.duration_s == 6.0
