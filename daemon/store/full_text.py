"""What the full-text index is given, and what it is asked. Pure."""

import re
from collections.abc import Sequence

UNSPACED = re.compile(
    "[\u0e00-\u0eff\u0f00-\u0fff\u1000-\u109f\u1780-\u17ff\u3040-\u312f\u31f0-\u31ff\u3400-\u9fff\uac00-\ud7af"
    "\uf900-\ufaff\U00020000-\U0003ffff]"
)
"""Characters of the scripts without spaces between words (Thai, Lao, Tibetan, Burmese, Khmer, Kana, Bopomofo, Han), and
of Hangul, where what follows a word is joined to it."""
BREAK = "\u200b"
"""The index takes a zero-width space for a border between words, and people do not see it."""
WORD = re.compile(r"\w")
NO_TEXT = re.compile('["\0\ud800-\udfff]')
"""What ends a phrase of the index, or the whole query: quotes, and what no text holds."""


def parted(text: str) -> str | None:
    """Return a text with each character of a script without spaces on its own; None if it has none of them.

    Otherwise a whole sentence of Chinese would be one word of the index, and only be found as a whole.
    """
    return UNSPACED.sub(f"{BREAK}\\g<0>{BREAK}", text) if UNSPACED.search(text) else None


def query(phrases: Sequence[str]) -> str:
    """Return what the index is asked for lines that have all of these phrases, whatever signs are in them.

    Raises:
        ValueError: A phrase has no letter and no digit.
    """
    for phrase in phrases:
        if not WORD.search(phrase):
            raise ValueError(f"{phrase!r} has no letter and no digit that could be found")
    return " ".join('"' + NO_TEXT.sub(" ", parted(phrase) or phrase) + '"' for phrase in phrases)
