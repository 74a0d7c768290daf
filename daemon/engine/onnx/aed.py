"""What onnx-asr's search for Canary lacks: texts of a batch that end apart, and an end (runs in the engine child)."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
from onnx_asr.models.nemo import NemoConformerAED

TOKENS_MAX = 512
"""Tokens of a chunk, its prompt included: three times what fast speech of 30 s has. onnx-asr lets a text that goes
round in circles run on to 1024."""
END = "<|endoftext|>"


class Session(Protocol):
    """What is used of an ONNX Runtime session."""

    def run(self, names: Sequence[str], inputs: Mapping[str, Any]) -> list[Any]:
        """Return the outputs of these names."""

    def get_inputs(self) -> Sequence[Any]:
        """Return what the inputs are."""


class Ending:
    """A decoder that says nothing more of what it has ended.

    onnx-asr goes on until all of a batch end at once, and takes what a text that is at its end already gets meanwhile
    for more of it. Here an end is followed by ends alone.

    Args:
        session: The decoder.
        end: The token that ends a text.
    """

    def __init__(self, session: Session, end: int) -> None:
        self._session = session
        self._end = end

    def get_inputs(self) -> Sequence[Any]:
        """Return what the inputs of the decoder are."""
        return self._session.get_inputs()

    def run(self, names: Sequence[str], inputs: Mapping[str, Any]) -> list[Any]:
        """Return the outputs of one step, of which the first are log-probabilities: (batch, 1, vocabulary)."""
        logprobs, *others = self._session.run(names, inputs)
        ended = np.asarray(inputs["input_ids"])[:, -1] == self._end
        if ended.any():
            logprobs = logprobs.copy()
            logprobs[ended, -1] = -np.inf
            logprobs[ended, -1, self._end] = 0.0
        return [logprobs, *others]


def prepared(model: NemoConformerAED) -> NemoConformerAED:
    """Have the decoder of a model end each text by itself, and none go on for ever."""
    model._decoder = Ending(model._decoder, model._tokens[END])
    model.config.setdefault("max_sequence_length", TOKENS_MAX)
    return model
