"""The tokens that a chunk's transcript starts with: what the model is told beforehand (runs in the engine child)."""

import logging
from functools import lru_cache

from faster_whisper.tokenizer import Tokenizer

from daemon.chunk import Chunk

log = logging.getLogger(__name__)

PROMPT_MAX = 223
"""Tokens: half of the decoder's positions, less the one that begins the prompt (openai/whisper)."""
PROMPT_STEP = 32
"""Of the text before the chunk the newest 32, 64 … tokens are taken, or as many as there is room for, so that prompts
of different recordings are mostly of one length (after three chunks all are full) and go through the decoder together.
"""


def prompt(chunk: Chunk, tokenizer: Tokenizer) -> list[int]:
    """Return the hotwords, the initial prompt, the text before the chunk, and the tokens for language and task.

    The order is faster-whisper's. What does not fit is left out: of the text before the chunk and of the initial prompt
    the beginning, of the hotwords the last ones.
    """
    initial = _tokens(chunk.initial_prompt, tokenizer)[-PROMPT_MAX:]
    told = [*_hotwords(chunk.hotwords, PROMPT_MAX - len(initial), tokenizer), *initial]
    before = _tokens(chunk.previous, tokenizer)
    room = PROMPT_MAX - len(told)
    count = room if len(before) >= room else len(before) - len(before) % PROMPT_STEP
    text = [*told, *before[len(before) - count :]]
    return [*([tokenizer.sot_prev, *text] if text else []), *tokenizer.sot_sequence]


def _tokens(text: str, tokenizer: Tokenizer) -> list[int]:
    """Return the tokens of a text; what reads like a command to the model, such as `<|en|>`, is left out."""
    return [token for token in tokenizer.encode(" " + text.strip()) if token < tokenizer.eot] if text.strip() else []


def _hotwords(words: tuple[str, ...], room: int, tokenizer: Tokenizer) -> list[int]:
    """Return as many of the words as there is room for, with commas between them."""
    comma = tokenizer.encode(",")
    found: list[int] = []
    left_out = 0
    for word in words:
        longer = [*found, *(comma if found else []), *_tokens(word, tokenizer)]
        if len(longer) > room:
            left_out += 1
        else:
            found = longer
    if left_out:
        _say(words, left_out)
    return found


@lru_cache(maxsize=1000)
def _say(words: tuple[str, ...], left_out: int) -> None:
    """Say once, for each list of hotwords, that not all of it fits."""
    log.warning("the model is not told %d of %d hotwords: its prompt holds no more", left_out, len(words))
