"""The search, on a decoder whose probabilities are known."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from daemon.engine.generate.beam_search import BeamSearch, Rules, Text
from daemon.engine.generate.decoder import FORBIDDEN, Likely
from daemon.engine.generate.token_rules import Vocabulary, log_sum

END, START, NO_SPEECH, NO_TIMES, AT_0, AT_1 = range(4, 10)
WORDS = Vocabulary(END, START, NO_SPEECH, NO_TIMES)
A, B, C = 1, 2, 3
RULES = Rules((), 0, 8)
Language = dict[tuple[int, ...], dict[int, float]]

PLAIN: Language = {
    (AT_0,): {A: 0.6, B: 0.4},
    (AT_0, A): {B: 0.9, C: 0.1},
    (AT_0, A, B): {AT_1: 1.0},
    (AT_0, A, B, AT_1): {END: 1.0},
}
GARDEN_PATH: Language = {
    (AT_0,): {A: 0.6, B: 0.4},
    (AT_0, A): {A: 0.3, B: 0.25, C: 0.25},
    (AT_0, B): {C: 1.0},
    (AT_0, B, C): {AT_1: 1.0},
    (AT_0, B, C, AT_1): {END: 1.0},
}
"""After A all is unlikely, which is seen too late by who takes one token at a time."""


@dataclass
class Speech:
    """A memory: what is said in each item."""

    said: list[Language]

    def pick(self, members: Sequence[int]) -> "Speech":
        return Speech([self.said[at] for at in members])


class Told:
    """A decoder that has been told how likely each token is; its cache is the text of each row."""

    def __init__(self) -> None:
        self.rows: list[int] = []

    def bias(self, suppressed: Sequence[int]) -> Any:
        return tuple(suppressed)

    def start(self, rows: int) -> Any:
        return [()] * rows

    def keep(self, cache: Any, rows: Sequence[int]) -> Any:
        return [cache[row] for row in rows]

    def step(self, tokens: Any, position: int, cache: Any, memory: Speech, asked: Any, bias: Any, best: int) -> Likely:
        texts = [(*text, *more) for text, more in zip(cache, tokens.tolist(), strict=True)]
        assert {len(text) for text in texts} == {position + tokens.shape[1]}
        self.rows.append(len(texts))
        beams = len(texts) // len(memory.said)
        logits = np.full((len(asked), 10), -20, np.float32)
        for place, (row, at) in enumerate(divmod(int(each), tokens.shape[1]) for each in asked):
            said = tuple(token for token in texts[row][: position + at + 1] if token != START)
            following = {END: 0.9} if said else {AT_0: 1.0}
            for token, probability in memory.said[row // beams].get(said, following).items():
                logits[place, token] = np.log(probability)
            logits[place, [token for token in bias if token < END]] = FORBIDDEN
        order = np.argsort(-logits[:, :END], axis=1)[:, :best]
        named = np.take_along_axis(logits, order, 1)
        return Likely(order, named, log_sum(logits[:, :END]), logits[:, END:], texts)  # type: ignore[arg-type]


def search(languages: list[Language], beams: int, rules: Rules = RULES, prompt: Sequence[int] = (START,)) -> list[Text]:
    memory: Any = Speech(languages)
    decoder: Any = Told()
    return BeamSearch(decoder, WORDS).run(memory, [list(prompt)] * len(languages), beams, rules)


def test_the_likeliest_token_is_taken_each_time_and_scored() -> None:
    (found,) = search([PLAIN], 1)
    assert found.tokens == [AT_0, A, B, AT_1]
    assert found.avg_logprob == pytest.approx(np.log(0.6 * 0.9) / 5, abs=1e-3)


def test_beams_find_what_one_token_at_a_time_misses() -> None:
    assert search([GARDEN_PATH], 1)[0].tokens[:2] == [AT_0, A]
    (found,) = search([GARDEN_PATH], 2)
    assert found.tokens == [AT_0, B, C, AT_1]
    assert found.avg_logprob == pytest.approx(np.log(0.4) / 5, abs=1e-3)


@pytest.mark.parametrize("beams", [1, 3])
def test_company_in_the_batch_changes_nothing(beams: int) -> None:
    short: Language = {(AT_0,): {C: 1.0}, (AT_0, C): {END: 1.0}}
    together = search([PLAIN, short, GARDEN_PATH], beams)
    assert together == [search([alone], beams)[0] for alone in (PLAIN, short, GARDEN_PATH)]
    assert len({len(found.tokens) for found in together}) > 1


def test_a_search_is_over_when_as_many_texts_have_ended_as_there_are_beams() -> None:
    """As with CTranslate2: A B would be the better text, but two shorter ones end before it does."""
    (found,) = search([PLAIN], 2)
    assert found.tokens == [AT_0, B] and found.avg_logprob == pytest.approx(np.log(0.4) / 3, abs=1e-3)


def test_items_that_are_done_are_not_decoded_further() -> None:
    short: Language = {(AT_0,): {C: 1.0}, (AT_0, C): {END: 1.0}}
    memory: Any = Speech([PLAIN, short])
    decoder: Any = Told()
    BeamSearch(decoder, WORDS).run(memory, [[START]] * 2, 1, RULES)
    assert decoder.rows == [2, 2, 2, 1, 1]


@pytest.mark.parametrize("beams", [1, 2])
def test_a_text_that_does_not_end_is_cut(beams: int) -> None:
    (found,) = search([PLAIN], beams, Rules((), 0, 2))
    assert found.tokens == [AT_0, A] and found.avg_logprob == pytest.approx(np.log(0.6) / 3, abs=1e-3)


def test_suppressed_tokens_are_not_said() -> None:
    assert search([PLAIN], 1, Rules((A,), 0, 3))[0].tokens[:2] == [AT_0, B]


def test_the_probability_of_no_speech_is_that_after_the_start_token() -> None:
    silent: Language = {(): {NO_SPEECH: 0.5, AT_0: 0.5}, (C,): {AT_0: 1.0}, (C, AT_0): {END: 1.0}}
    assert search([silent], 1)[0].no_speech_prob == pytest.approx(0.5, abs=1e-3)
    (found,) = search([silent], 1, prompt=(START, C))
    assert found.no_speech_prob == pytest.approx(0.5, abs=1e-3)
    assert found.tokens[0] == AT_0


def test_the_share_of_tokens_less_likely_than_a_half_is_told() -> None:
    """Of the tokens and the end, and of the text that is kept."""
    assert search([PLAIN], 1)[0].unlikely == 0
    (greedy,), (searched,) = search([GARDEN_PATH], 1), search([GARDEN_PATH], 2)
    assert greedy.tokens == [AT_0, A, A] and greedy.unlikely == pytest.approx(1 / 4)  # 0.3 of 0.8
    assert searched.tokens == [AT_0, B, C, AT_1] and searched.unlikely == pytest.approx(1 / 5)  # 0.4
