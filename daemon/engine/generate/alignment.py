"""Tells when the tokens of a text are said, by what the decoder attends to (runs in the engine child).

Some heads of a Whisper decoder attend to the speech of the token that they are at. As in openai/whisper's `timing.py`
and in CTranslate2's `align`, the text goes through the decoder once, what these heads attend to is evened out, and the
cheapest path through it, by dynamic time warping, says where each token begins.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from daemon.engine.generate.beam_search import Text
from daemon.engine.generate.decoder import Decoder, Floats, Integers, Memory
from daemon.engine.generate.token_rules import Vocabulary

MEDIAN_OF = 7
"""Frames whose median is taken; faster-whisper's default."""
EXCHANGES = (
    (0, 5), (0, 3), (1, 6), (2, 4), (0, 1), (3, 5), (2, 6), (2, 3), (3, 6), (4, 5), (1, 4), (1, 3), (3, 4),
)  # fmt: skip
"""Of seven rows, those to be put in order, one pair after another, until the fourth is the median (N. Devillard, "Fast
median search", 1998). NumPy's own median takes seven times as long."""
LEAST = 1e-9
"""A head that attends to nothing, or to the same at all tokens, is not divided by 0."""


@dataclass(frozen=True, slots=True)
class Timed:
    """What faster-whisper reads of CTranslate2's `WhisperAlignmentResult`."""

    alignments: list[tuple[int, int]]
    """The number of each token, and the frame of 20 ms at which it begins; the last is the end of the text."""
    text_token_probs: list[float]


class Aligner:
    """Stands in for CTranslate2's `Whisper` where faster-whisper asks it for the times of words."""

    def __init__(
        self,
        decoder: Decoder,
        heads: Sequence[tuple[int, int]],
        vocabulary: Vocabulary,
        memory: Memory,
        texts: Sequence[Text],
    ) -> None:
        """Take what `align` is going to be asked about.

        Args:
            decoder: The model's.
            heads: Those that follow the speech, as (layer, head).
            vocabulary: The model's.
            memory: What the decoder keeps of the speech, an item for each text.
            texts: As the decoder found them.
        """
        self._decoder = decoder
        self._heads = heads
        self._vocabulary = vocabulary
        self._memory = memory
        self._texts = texts

    def align(
        self,
        _encoded: Any,
        start: Sequence[int],
        texts: Sequence[Sequence[int]],
        frames: Sequence[int],
        *,
        median_filter_width: int,
    ) -> list[Timed]:
        """Return when the tokens of each text are said: the texts that were found, or as far as they have lines.

        Args:
            start: The tokens that stand before each text.
            texts: Their tokens without time stamps.
            frames: How many mel frames of 10 ms each speech has.
            median_filter_width: As `MEDIAN_OF`.

        Raises:
            RuntimeError: ONNX Runtime failed, for example out of memory.
        """
        assert median_filter_width == MEDIAN_OF
        return [
            self._timed(start, list(tokens), max(1, count // 2), self._memory.pick([nth]), found)
            for nth, (tokens, count, found) in enumerate(zip(texts, frames, self._texts, strict=True))
        ]

    def _timed(self, start: Sequence[int], tokens: list[int], frames: int, memory: Memory, found: Text) -> Timed:
        said = [*start, self._vocabulary.no_timestamps, *tokens, self._vocabulary.end]
        attention = self._decoder.attention(said, memory, self._heads)[:, :, :frames]
        # What is attended to at a token tells of the one that follows it.
        first = cheapest_path(-followed(attention)[len(start) : -1])
        assert found.each is not None
        likely = [each for token, each in zip(found.tokens, found.each, strict=False) if token < self._vocabulary.end]
        return Timed(list(enumerate(first.tolist())), np.exp(likely[: len(tokens)]).tolist())


def followed(attention: Floats) -> Floats:
    """Return how closely each frame is followed at each token, shape (tokens, frames): the mean of all heads.

    Args:
        attention: The weights of each head, shape (heads, tokens, frames).
    """
    total = np.zeros(attention.shape[1:], np.float32)
    for head in attention:
        shares = head / (head.sum(axis=1, keepdims=True) + LEAST)
        shares -= shares.mean(axis=0)
        shares /= shares.std(axis=0) + LEAST
        total += smoothed(shares)
    return total / np.float32(len(attention))


def smoothed(rows: Floats) -> Floats:
    """Return the median of each value and its neighbours in the row; at the ends, the row is mirrored."""
    count = rows.shape[1]
    wide = np.pad(rows, ((0, 0), (MEDIAN_OF // 2, MEDIAN_OF // 2)), mode="reflect")
    parts = [np.ascontiguousarray(wide[:, at : at + count]) for at in range(MEDIAN_OF)]
    larger = np.empty_like(rows)
    for low, high in EXCHANGES:
        np.maximum(parts[low], parts[high], out=larger)
        np.minimum(parts[low], parts[high], out=parts[low])
        parts[high], larger = larger, parts[high]
    return parts[MEDIAN_OF // 2]


def cheapest_path(cost: NDArray[Any]) -> Integers:
    """Return for each token the frame at which the cheapest path comes to it.

    The path goes from the first token and frame to the last ones, by one token, one frame or both at a time.

    Args:
        cost: Of each token at each frame, shape (tokens, frames).
    """
    tokens, frames = cost.shape
    along = np.cumsum(cost, axis=1, dtype=np.float64)
    before = np.concatenate([np.zeros((tokens, 1)), along[:, :-1]], axis=1)
    totals = np.empty_like(along)
    totals[0] = along[0]
    entries = np.empty_like(along)
    for at in range(1, tokens):
        above = totals[at - 1]
        entries[at] = above
        np.minimum(above[1:], above[:-1], out=entries[at, 1:])
        entries[at] -= before[at]  # what it costs to come in here, less what it costs to come here along the row
        totals[at] = along[at] + np.minimum.accumulate(entries[at])
    first = np.zeros(tokens, np.int64)
    frame = frames - 1
    for at in range(tokens - 1, 0, -1):
        frame = int(np.argmin(entries[at, : frame + 1]))
        first[at] = frame
        frame -= frame > 0 and totals[at - 1, frame - 1] < totals[at - 1, frame]
    return first
