"""Tokens for what the encoder heard: greedily first, with a beam where that is unsure (runs in the engine child)."""

from collections import defaultdict
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from typing import Any

from faster_whisper import WhisperModel
from faster_whisper.tokenizer import Tokenizer
from faster_whisper.transcribe import get_suppressed_tokens

from daemon.chunk import BEAM, GREEDY_FIRST, Chunk
from daemon.engine.encoder import pick
from daemon.engine.prompt import prompt

MAX_INITIAL_TIMESTAMP = 50
"""The first text begins within 1 s, in units of 20 ms; faster-whisper's default."""
MAX_NEW_TOKENS = 224
"""Half of the decoder's positions; the other half is for the prompt (openai/whisper's `sample_len`)."""
POSITIONS = 448
"""Tokens that the decoder can hold, the prompt included (`n_text_ctx` of all Whisper models)."""
NEW_TOKENS_PER_S = 15.0
NEW_TOKENS_BASE = 48
"""A chunk has at most this many tokens: three times what fast English has, and what scripts need that take several
tokens for a character. A text that runs on in a loop ends there instead of holding up its batch to 224."""
BEST_OF = 5
"""Samples drawn at temperatures above 0, of which the likeliest is kept; faster-whisper's default."""
GREEDY = 1
"""The beam of a greedy search."""
SURE_AVG_LOGPROB = -0.4
"""A greedy text stands if its tokens are this likely on average: of those below, a beam mends enough to pay."""


@dataclass(frozen=True, slots=True)
class Found:
    """What a search has found for a chunk."""

    tokens: list[int]
    avg_logprob: float
    """The mean log-probability of the tokens and of the end, as in openai/whisper."""
    no_speech_prob: float
    beam_size: int | None
    """1 if it was searched greedily; None if it was drawn at random."""


class Search:
    """The searches of a Whisper model's decoder."""

    def __init__(self, model: WhisperModel) -> None:
        self._model = model

    def run(self, chunks: Sequence[Chunk], tokenizers: Sequence[Tokenizer], encoded: Any) -> list[Found]:
        """Return what is said in each chunk of a batch.

        Args:
            chunks: in the languages and with the tasks of their tokenizers.
            tokenizers: one for each of them.
            encoded: ctranslate2.StorageView, shape (batch, context / 2, d_model).

        Raises:
            RuntimeError: CTranslate2 failed, for example out of device memory.
        """
        prompts = [prompt(chunk, tokenizer) for chunk, tokenizer in zip(chunks, tokenizers, strict=True)]
        batch = _Batch(chunks, prompts, encoded, list(get_suppressed_tokens(tokenizers[0], [-1])))
        first = {at: GREEDY for at, chunk in enumerate(chunks) if self._greedy_first(chunk)}
        found = {at: text for at, text in self._searched(batch, first) if text.avg_logprob >= SURE_AVG_LOGPROB}
        others = {at: chunk.beam_size for at, chunk in enumerate(chunks) if at not in found}
        found.update(self._searched(batch, others))
        return [found[at] for at in range(len(chunks))]

    def _greedy_first(self, chunk: Chunk) -> bool:
        """Tell whether a chunk is searched greedily before a beam is tried.

        On a GPU a beam costs little more than a greedy search.
        """
        if chunk.temperature > 0 or chunk.beam_size == GREEDY or chunk.search == BEAM:
            return False
        return chunk.search == GREEDY_FIRST or self._model.model.device == "cpu"

    def _searched(self, batch: "_Batch", beams: Mapping[int, int]) -> Iterator[tuple[int, Found]]:
        """Yield some chunks of a batch, each with what a search with its beam has found.

        CTranslate2 wants prompts of one length in a batch, and searches in one way.
        """
        members = list(beams)
        for (length, beam_size), places in grouped((len(batch.prompts[at]), beams[at]) for at in members).items():
            these = [members[place] for place in places]
            new_tokens = max(_new_tokens_max(batch.chunks[at]) for at in these)
            temperature = batch.chunks[these[0]].temperature
            results = self._model.model.generate(
                batch.encoded if len(these) == len(batch.chunks) else pick(batch.encoded, these),
                [batch.prompts[at] for at in these],
                # CTranslate2 generates at most half of max_length, and at most what the prompt leaves of it.
                max_length=min(POSITIONS, max(2 * new_tokens, new_tokens + length)),
                return_scores=True,
                return_no_speech_prob=True,
                suppress_blank=True,
                suppress_tokens=batch.suppressed,
                max_initial_timestamp_index=MAX_INITIAL_TIMESTAMP,
                **_options(temperature, beam_size),
            )
            for at, result in zip(these, results, strict=True):
                yield at, _found(result, None if temperature else beam_size)


@dataclass(frozen=True, slots=True)
class _Batch:
    chunks: Sequence[Chunk]
    prompts: Sequence[list[int]]
    encoded: Any
    suppressed: list[int]


def grouped(keys: Iterable[Hashable]) -> dict[Any, list[int]]:
    """Return the positions of each key."""
    groups: dict[Any, list[int]] = defaultdict(list)
    for at, key in enumerate(keys):
        groups[key].append(at)
    return groups


def _options(temperature: float, beam_size: int) -> dict[str, Any]:
    if temperature == 0:
        return {"beam_size": beam_size, "patience": 1}
    return {
        "beam_size": GREEDY,
        "num_hypotheses": BEST_OF,
        "sampling_topk": 0,
        "sampling_temperature": temperature,
    }


def _new_tokens_max(chunk: Chunk) -> int:
    return min(MAX_NEW_TOKENS, NEW_TOKENS_BASE + ceil(NEW_TOKENS_PER_S * chunk.duration_s))


def _found(result: Any, beam_size: int | None) -> Found:
    tokens = result.sequences_ids[0]
    # CTranslate2 divides the sum by length ** length_penalty (here 1); the mean also counts the end token.
    avg_logprob = result.scores[0] * len(tokens) / (len(tokens) + 1)
    return Found(tokens, avg_logprob, result.no_speech_prob, beam_size)
