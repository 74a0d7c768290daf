"""What the scripts of the world ask of a line: its columns, spaces between words, its direction. Pure."""

import unicodedata
from collections.abc import Iterable

import regex

UNSPACED = regex.compile(
    r"[\p{Han}\p{Hiragana}\p{Katakana}\p{Bopomofo}ー\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}\p{Tibetan}]"
)
"""Characters of the scripts that are written without spaces between words."""
FULL_WIDTH = regex.compile(r"[\p{Han}\p{Hiragana}\p{Katakana}\p{Bopomofo}\p{Hangul}]")
"""Characters of the scripts that take two columns each, for which the guides allow fewer in a line."""
CLUSTER = regex.compile(r"\X")
"""What a reader sees as one character: never cut."""

RIGHT_TO_LEFT = ("R", "AL")
DIRECTED = ("L", *RIGHT_TO_LEFT, "EN", "AN")
"""The bidirectional classes of letters and digits."""
RIGHT_TO_LEFT_MARK = "\u200f"


def columns(text: str) -> int:
    """Return how many columns a text takes on a screen; wide characters take two, marks and joiners none."""
    if text.isascii():
        return len(text)
    return sum(map(_columns, text))


def _columns(char: str) -> int:
    if unicodedata.category(char) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1


def is_unspaced(char: str) -> bool:
    """Return whether no space stands beside a character where it meets another such: letters and their full stops."""
    if char.isascii():
        return False
    wide = unicodedata.east_asian_width(char) in "WF" and unicodedata.category(char)[0] == "P"
    return wide or UNSPACED.match(char) is not None


def space_between(before: str, after: str) -> str:
    """Return what joins two texts that follow each other: a space, or nothing where neither side's script has spaces.

    The texts decide, not the language: what was said in English in a recording that counts as Chinese keeps its spaces.
    """
    if not before or not after or (is_unspaced(before[-1]) and is_unspaced(after[0])):
        return ""
    return " "


def joined(texts: Iterable[str]) -> str:
    """Return texts as one, with a space between two of them where their scripts have spaces."""
    whole: list[str] = []
    for text in filter(None, map(str.strip, texts)):
        whole += [space_between(whole[-1], text), text] if whole else [text]
    return "".join(whole)


def is_right_to_left(text: str) -> bool:
    """Return whether most letters of a text are of a script such as Arabic or Hebrew."""
    if text.isascii():
        return False
    kinds = [unicodedata.bidirectional(char) for char in text]
    return sum(kind in RIGHT_TO_LEFT for kind in kinds) > kinds.count("L")


def directed(line: str) -> str:
    """Return a line of right-to-left text so that players lay it out from the right whatever it begins with.

    Players take the direction of a line from its first letter; where that is Latin, or a digit comes before it, an
    invisible mark goes for one.
    """
    kinds = (unicodedata.bidirectional(char) for char in line)
    first = next((kind for kind in kinds if kind in DIRECTED), "")
    return line if first in ("", *RIGHT_TO_LEFT) else RIGHT_TO_LEFT_MARK + line
