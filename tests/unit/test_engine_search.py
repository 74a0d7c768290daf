"""A greedy text stands where it is likely; the others are searched with a beam, in one go with those that begin there."""

from math import log
from types import SimpleNamespace
from typing import cast

import pytest
from faster_whisper.tokenizer import Tokenizer

from daemon.chunk import BEAM, GREEDY_FIRST, Chunk
from daemon.engine.generate.beam_search import Text
from daemon.engine.generate.generator import Generator, Speech, Wanted
from daemon.engine.search import SURE_AVG_LOGPROB, SURE_UNLIKELY, Found, Search
from tests.builders import chunk

SURE, UNSURE = SURE_AVG_LOGPROB + 0.01, SURE_AVG_LOGPROB - 0.01


class Told:
    """A generator that finds texts as likely as it is told, and remembers how it was asked."""

    def __init__(self, likely: list[float], unlikely: list[float | None] | None = None, device: str = "cpu") -> None:
        self.likely, self.unlikely, self.device = likely, unlikely or [None] * len(likely), device
        self.asked: list[tuple[list[int], Wanted]] = []

    def generate(self, speech: list[int], members: list[int], prompts: list[list[int]], wanted: Wanted) -> list[Text]:
        """Find tokens that say which chunk and which beam they are of."""
        assert len(members) == len(prompts) and len({len(prompt) for prompt in prompts}) == 1
        self.asked.append((members, wanted))
        return [
            Text([at, wanted.beam_size], self.likely[at], speech[at] / 10, likely_but_for(self.unlikely[at]))
            for at in members
        ]


def likely_but_for(share: float | None) -> tuple[float, ...] | None:
    """Return log-probabilities of which so many are less likely than a half."""
    return None if share is None else (log(0.49),) * round(100 * share) + (log(0.51),) * round(100 - 100 * share)


def tokenizer() -> Tokenizer:
    values = {
        "sot_sequence": [1, 2],
        "sot_prev": 3,
        "timestamp_begin": 100,
        "non_speech_tokens": [7],
        "no_speech": 9,
        "eot": 50,
    }
    tokens = {"transcribe": 4, "translate": 5, "sot": 1, "sot_lm": 6}
    return cast(Tokenizer, SimpleNamespace(**values, **tokens, encode=lambda text: [8] * 32 * len(text)))


def search(generator: Told, *chunks: Chunk) -> list[Found]:
    return Search(cast(Generator, generator)).run(
        chunks, [tokenizer()] * len(chunks), cast(Speech, list(range(len(chunks))))
    )


def asked(generator: Told) -> list[tuple[list[int], int]]:
    return [(members, wanted.beam_size) for members, wanted in generator.asked]


def test_only_what_is_unsure_is_searched_with_a_beam() -> None:
    generator = Told([SURE, UNSURE, SURE, UNSURE])
    found = search(generator, *(chunk(beam_size=4) for _ in range(4)))
    assert asked(generator) == [([0, 1, 2, 3], 1), ([1, 3], 4)]
    assert [(each.text.tokens[0], each.beam_size) for each in found] == [(0, 1), (1, 4), (2, 1), (3, 4)]
    assert [each.text.avg_logprob for each in found] == pytest.approx([SURE, UNSURE, SURE, UNSURE])
    assert [each.text.no_speech_prob for each in found] == [0.0, 0.1, 0.2, 0.3]


def test_where_it_is_told_the_share_of_unlikely_tokens_decides() -> None:
    generator = Told([UNSURE, SURE, SURE], [SURE_UNLIKELY, SURE_UNLIKELY + 0.01, None])
    assert [text.beam_size for text in search(generator, chunk(), chunk(), chunk())] == [1, 5, 1]


def test_where_all_is_sure_there_is_one_search() -> None:
    generator = Told([SURE, SURE])
    search(generator, chunk(), chunk())
    assert asked(generator) == [([0, 1], 1)]


def test_what_is_to_have_a_beam_gets_it_together_with_what_is_unsure() -> None:
    generator = Told([SURE, UNSURE, SURE])
    found = search(generator, chunk(search=BEAM), chunk(), chunk())
    assert asked(generator) == [([1, 2], 1), ([0, 1], 5)]
    assert [text.beam_size for text in found] == [5, 5, 1]


def test_a_gpu_begins_with_the_beam_unless_it_is_told_otherwise() -> None:
    generator = Told([SURE, SURE], device="cuda")
    search(generator, chunk(), chunk(search=GREEDY_FIRST))
    assert asked(generator) == [([1], 1), ([0], 5)]


def test_a_greedy_search_alone_is_not_repeated() -> None:
    generator = Told([UNSURE])
    (found,) = search(generator, chunk(beam_size=1))
    assert asked(generator) == [([0], 1)] and found.beam_size == 1


def test_above_temperature_0_texts_are_drawn() -> None:
    generator = Told([UNSURE])
    (found,) = search(generator, chunk(temperature=0.4))
    ((_, wanted),) = generator.asked
    assert wanted.temperature == 0.4 and found.beam_size is None


def test_prompts_of_one_length_are_searched_together() -> None:
    generator = Told([SURE, UNSURE, UNSURE, SURE])
    found = search(generator, chunk(previous="abc"), chunk(), chunk(previous="abc"), chunk())
    assert asked(generator) == [([0, 2], 1), ([1, 3], 1), ([1], 5), ([2], 5)]
    assert [each.text.tokens[0] for each in found] == [0, 1, 2, 3]
