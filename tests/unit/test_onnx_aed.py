"""Texts of a batch end apart."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from daemon.engine.onnx.aed import Ending

END = 3


class Decoder:
    """Gives the same log-probabilities whatever comes in."""

    def __init__(self) -> None:
        self.given = np.full((2, 1, 5), -1.0, np.float32)

    def get_inputs(self) -> Sequence[Any]:
        return ["input"]

    def run(self, names: Sequence[str], _inputs: Mapping[str, Any]) -> list[Any]:
        return [self.given, names]


def test_after_its_end_a_text_has_nothing_but_ends_and_the_others_go_on() -> None:
    decoder = Decoder()
    ending = Ending(decoder, END)
    logprobs, memories = ending.run(["logits", "mems"], {"input_ids": np.array([[1, 2], [2, END]])})
    assert memories == ["logits", "mems"] and ending.get_inputs() == ["input"]
    assert (logprobs[0] == -1.0).all(), "its last token is no end"
    assert logprobs[1, 0].argmax() == END and logprobs[1, 0, END] == 0.0
    assert np.isneginf(np.delete(logprobs[1, 0], END)).all()
    assert (decoder.given == -1.0).all(), "what the session has given stays as it is"


def test_before_anything_has_ended_nothing_is_changed_nor_copied() -> None:
    decoder = Decoder()
    logprobs, _ = Ending(decoder, END).run([], {"input_ids": np.array([[1], [END - 1]])})
    assert logprobs is decoder.given
