"""A greedy text stands where it is likely; the others are searched with a beam, in one go with those that begin there."""

from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
from ctranslate2 import StorageView
from faster_whisper import WhisperModel
from faster_whisper.tokenizer import Tokenizer

from daemon.chunk import BEAM, GREEDY_FIRST, Chunk
from daemon.engine.search import BEST_OF, SURE_AVG_LOGPROB, Found, Search
from tests.builders import chunk

LENGTH = 9
"""Tokens of every text; with the end, ten count for the mean."""
SURE, UNSURE = SURE_AVG_LOGPROB + 0.01, SURE_AVG_LOGPROB - 0.01


class Model:
    """A model that finds texts as likely as it is told, and tells how it was asked."""

    def __init__(self, likely: list[float], device: str = "cpu") -> None:
        self.likely, self.device = likely, device
        self.asked: list[tuple[list[int], dict[str, Any]]] = []

    def generate(self, encoded: StorageView, prompts: list[list[int]], **options: Any) -> list[Any]:
        """Find tokens that say which chunk and which beam they are of."""
        members = [int(value) for value in np.asarray(encoded)[:, 0, 0]]
        assert len(members) == len(prompts) and len({len(prompt) for prompt in prompts}) == 1
        self.asked.append((members, options))
        return [
            SimpleNamespace(
                sequences_ids=[[at, options["beam_size"], *range(LENGTH - 2)]],
                scores=[self.likely[at] * (LENGTH + 1) / LENGTH],
                no_speech_prob=at / 10,
            )
            for at in members
        ]


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


def search(model: Model, *chunks: Chunk) -> list[Found]:
    whisper = cast(WhisperModel, SimpleNamespace(model=model))
    encoded = StorageView.from_array(np.arange(len(chunks), dtype=np.float32).reshape(-1, 1, 1))
    return Search(whisper).run(chunks, [tokenizer()] * len(chunks), encoded)


def asked(model: Model) -> list[tuple[list[int], int]]:
    return [(members, options["beam_size"]) for members, options in model.asked]


def test_only_what_is_unsure_is_searched_with_a_beam() -> None:
    model = Model([SURE, UNSURE, SURE, UNSURE])
    found = search(model, *(chunk(beam_size=4) for _ in range(4)))
    assert asked(model) == [([0, 1, 2, 3], 1), ([1, 3], 4)]
    assert [(text.tokens[0], text.beam_size) for text in found] == [(0, 1), (1, 4), (2, 1), (3, 4)]
    assert [text.avg_logprob for text in found] == pytest.approx([SURE, UNSURE, SURE, UNSURE])
    assert [text.no_speech_prob for text in found] == [0.0, 0.1, 0.2, 0.3]


def test_where_all_is_sure_there_is_one_search() -> None:
    model = Model([SURE, SURE])
    search(model, chunk(), chunk())
    assert asked(model) == [([0, 1], 1)]


def test_what_is_to_have_a_beam_gets_it_together_with_what_is_unsure() -> None:
    model = Model([SURE, UNSURE, SURE])
    found = search(model, chunk(search=BEAM), chunk(), chunk())
    assert asked(model) == [([1, 2], 1), ([0, 1], 5)]
    assert [text.beam_size for text in found] == [5, 5, 1]


def test_a_gpu_begins_with_the_beam_unless_it_is_told_otherwise() -> None:
    model = Model([SURE, SURE], device="cuda")
    search(model, chunk(), chunk(search=GREEDY_FIRST))
    assert asked(model) == [([1], 1), ([0], 5)]


def test_a_greedy_search_alone_is_not_repeated() -> None:
    model = Model([UNSURE])
    (found,) = search(model, chunk(beam_size=1))
    assert asked(model) == [([0], 1)] and found.beam_size == 1


def test_above_temperature_0_texts_are_drawn() -> None:
    model = Model([UNSURE])
    (found,) = search(model, chunk(temperature=0.4))
    ((_, options),) = model.asked
    assert (options["sampling_temperature"], options["num_hypotheses"]) == (0.4, BEST_OF) and found.beam_size is None


def test_prompts_of_one_length_are_searched_together() -> None:
    model = Model([SURE, UNSURE, UNSURE, SURE])
    found = search(model, chunk(previous="abc"), chunk(), chunk(previous="abc"), chunk())
    assert asked(model) == [([0, 2], 1), ([1, 3], 1), ([1], 5), ([2], 5)]
    assert [text.tokens[0] for text in found] == [0, 1, 2, 3]
