"""Tokens for what the encoder heard: greedily first, with a beam where that is unsure (runs in the engine child)."""

from collections import defaultdict
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from typing import Any

from faster_whisper.tokenizer import Tokenizer
from faster_whisper.transcribe import get_suppressed_tokens

from daemon.chunk import BEAM, GREEDY_FIRST, Chunk
from daemon.engine.generate.beam_search import Text
from daemon.engine.generate.generator import Generator, Speech, Wanted
from daemon.engine.prompt import prompt

MAX_NEW_TOKENS = 224
"""Half of the decoder's positions; the other half is for the prompt (openai/whisper's `sample_len`)."""
NEW_TOKENS_PER_S = 15.0
NEW_TOKENS_BASE = 48
"""A chunk has at most this many tokens: three times what fast English has, and what scripts need that take several
tokens for a character. A text that runs on in a loop ends there instead of holding up its batch to 224."""
GREEDY = 1
"""The beam of a greedy search."""
SURE_UNLIKELY = 0.18
"""A greedy text stands if no larger share of its tokens is less likely than a half: of those above, a beam mends enough
to pay (docs/design-notes.md)."""
SURE_AVG_LOGPROB = -0.4
"""Where that is not told, a greedy text stands if its tokens are this likely on average."""


@dataclass(frozen=True, slots=True)
class Found:
    """What a search has found for a chunk."""

    text: Text
    beam_size: int | None
    """1 if it was searched greedily; None if it was drawn at random."""


class Search:
    """The searches of a Whisper model's decoder."""

    def __init__(self, generator: Generator) -> None:
        self._generator = generator

    def run(self, chunks: Sequence[Chunk], tokenizers: Sequence[Tokenizer], speech: Speech) -> list[Found]:
        """Return what is said in each chunk of a batch.

        Args:
            chunks: in the languages and with the tasks of their tokenizers.
            tokenizers: one for each of them.
            speech: what was heard of them.

        Raises:
            RuntimeError: CTranslate2 failed, for example out of device memory.
        """
        prompts = [prompt(chunk, tokenizer) for chunk, tokenizer in zip(chunks, tokenizers, strict=True)]
        suppressed = tuple(get_suppressed_tokens(tokenizers[0], [-1]))
        batch = _Batch(chunks, prompts, speech, suppressed)
        first = {at: GREEDY for at, chunk in enumerate(chunks) if self._greedy_first(chunk)}
        sure = {at: text for at, text in self._searched(batch, first).items() if _is_sure(text)}
        others = {at: chunk.beam_size for at, chunk in enumerate(chunks) if at not in sure}
        searched = self._searched(batch, others)
        return [
            Found(sure[at], GREEDY) if at in sure else Found(searched[at], None if chunk.temperature else others[at])
            for at, chunk in enumerate(chunks)
        ]

    def _greedy_first(self, chunk: Chunk) -> bool:
        """Tell whether a chunk is searched greedily before a beam is tried.

        On a GPU a beam costs little more than a greedy search.
        """
        if chunk.temperature > 0 or chunk.beam_size == GREEDY or chunk.search == BEAM:
            return False
        return chunk.search == GREEDY_FIRST or self._generator.device == "cpu"

    def _searched(self, batch: "_Batch", beams: Mapping[int, int]) -> dict[int, Text]:
        """Return what searches with their beams find in some chunks of a batch.

        Prompts that are decoded together have one length, and are searched in one way.
        """
        found: dict[int, Text] = {}
        members = list(beams)
        for (_, beam_size), places in grouped((len(batch.prompts[at]), beams[at]) for at in members).items():
            these = [members[place] for place in places]
            new_tokens = max(_new_tokens_max(batch.chunks[at]) for at in these)
            wanted = Wanted(beam_size, batch.chunks[these[0]].temperature, new_tokens, batch.suppressed)
            texts = self._generator.generate(batch.speech, these, [batch.prompts[at] for at in these], wanted)
            found.update(zip(these, texts, strict=True))
        return found


def _is_sure(text: Text) -> bool:
    if text.unlikely is None:
        return text.avg_logprob >= SURE_AVG_LOGPROB
    return text.unlikely <= SURE_UNLIKELY


@dataclass(frozen=True, slots=True)
class _Batch:
    chunks: Sequence[Chunk]
    prompts: Sequence[list[int]]
    speech: Speech
    suppressed: tuple[int, ...]


def grouped(keys: Iterable[Hashable]) -> dict[Any, list[int]]:
    """Return the positions of each key."""
    groups: dict[Any, list[int]] = defaultdict(list)
    for at, key in enumerate(keys):
        groups[key].append(at)
    return groups


def _new_tokens_max(chunk: Chunk) -> int:
    return min(MAX_NEW_TOKENS, NEW_TOKENS_BASE + ceil(NEW_TOKENS_PER_S * chunk.duration_s))
