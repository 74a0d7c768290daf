"""What may follow a text, by the time-stamp rules, and how likely it is."""

from typing import Any

import numpy as np
import pytest

from daemon.engine.generate.decoder import FORBIDDEN, Likely
from daemon.engine.generate.token_rules import NO_TIMESTAMP, Allowed, Vocabulary, allowed, candidates, log_sum

WORDS = Vocabulary(end=4, start=5, no_speech=6, no_timestamps=7)
"""Four text tokens, 4 to 7 special ones, time stamps from 8."""


@pytest.mark.parametrize(
    ("tokens", "expected"),
    [
        ([], Allowed(text=False, end=False, last=3)),
        ([8], Allowed(last=NO_TIMESTAMP)),
        ([8, 1], Allowed(first=1, preferred=True)),
        ([8, 1, 10], Allowed(text=False, first=2, preferred=True)),
        ([8, 1, 10, 10], Allowed(last=NO_TIMESTAMP)),
        ([8, 1, 10, 12, 2], Allowed(first=5, preferred=True)),
        ([1, 2], Allowed(preferred=True)),
    ],
)
def test_what_may_follow(tokens: list[int], expected: Allowed) -> None:
    assert allowed(tokens, WORDS.timestamps, 3) == expected


def likely(text: list[float], others: list[float]) -> Likely:
    """Return logits as a decoder gives them, of four text tokens of which the best two are named."""
    logits = np.array([text], np.float32)
    order = np.argsort(-logits, axis=1)[:, :2]
    return Likely(order, np.take_along_axis(logits, order, 1), log_sum(logits), np.array([others], np.float32), {})


def best(given: Likely, rule: Allowed, special: list[Any] | None = None) -> tuple[int, float]:
    suppressed = np.array(special or [0, 0, 0, FORBIDDEN], np.float32)
    tokens, scores = candidates(given, [rule], WORDS, suppressed, 2)
    at = int(scores[0].argmax())
    return int(tokens[0, at]), float(scores[0, at])


ALIKE = [1.0, 2.0, 3.0, 0.0], [2.5, 9.0, 9.0, 9.0, 1.0, 2.0, 2.0, 2.0]
NO_SPECIAL: list[Any] = [0.0, FORBIDDEN, FORBIDDEN, FORBIDDEN]


@pytest.mark.parametrize(
    ("rule", "token", "among"),
    [
        (Allowed(last=NO_TIMESTAMP), 2, [1, 2, 3, 0, 2.5]),
        (Allowed(), 2, [1, 2, 3, 0, 2.5, 1, 2, 2, 2]),
        (Allowed(preferred=True), 9, [1, 2, 2, 2]),
        (Allowed(first=2, preferred=True), 2, [1, 2, 3, 0, 2.5, 2, 2]),
        (Allowed(text=False, first=3, preferred=True), 4, [2.5, 2]),
        (Allowed(text=False, end=False, last=0), 8, [1]),
    ],
)
def test_probabilities_are_of_what_is_allowed(rule: Allowed, token: int, among: list[float]) -> None:
    found, score = best(likely(*ALIKE), rule, NO_SPECIAL)
    assert found == token
    logit = {2: 3.0, 9: 2.0, 4: 2.5, 8: 1.0}[token]
    assert score == pytest.approx(logit - np.log(np.exp(among).sum()), abs=1e-5)


def test_special_tokens_may_follow_unless_they_are_suppressed() -> None:
    assert best(likely(*ALIKE), Allowed())[0] in (5, 6)
    assert best(likely(*ALIKE), Allowed(), NO_SPECIAL)[0] == 2
