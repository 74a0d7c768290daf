"""Whisper with random weights as an engine of the daemon's: `engine = "tools.gpu.engine"`.

What such a model says is noise, so its results are accepted as they are, and a text ends after so many tokens as people
say in half a minute: it does not know when to stop.
"""

from dataclasses import replace

from daemon.engine import loader, search
from daemon.engine.by_language import ByLanguage
from daemon.engine.whisper import Whisper
from daemon.processes.protocol import LoadModel, Ready

TOKENS_MAX = 112
"""For 30 s: 3.7 tokens a second, as in English with time stamps. All programs that are compared stop here."""
TOKENS_BASE, TOKENS_PER_S = 8, 3.5


def limit() -> None:
    """Have the engine's texts end after so many tokens."""
    search.MAX_NEW_TOKENS, search.NEW_TOKENS_BASE, search.NEW_TOKENS_PER_S = TOKENS_MAX, TOKENS_BASE, TOKENS_PER_S


def load(order: LoadModel) -> tuple[Whisper | ByLanguage, Ready]:
    """Load the model as the engine `whisper` does, with these limits."""
    limit()
    model, ready = loader.load(order)
    return model, replace(ready, policy="accept")
