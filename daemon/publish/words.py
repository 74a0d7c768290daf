"""Splits text into words: the pieces between which a line may break. Pure.

The text itself decides how, not its language: Latin words inside Chinese or Japanese are words as in any other text.
"""

from collections.abc import Iterable, Iterator
from functools import cache
from typing import TYPE_CHECKING
from unicodedata import category

import regex

from daemon.publish.scripts import CLUSTER, UNSPACED, columns, is_unspaced

if TYPE_CHECKING:
    import budoux

Span = tuple[int, int]
"""Where a word begins in the text, and where it ends."""

KANA = regex.compile(r"[\p{Hiragana}\p{Katakana}]")
THAI = regex.compile(r"\p{Thai}")
SYLLABIC = regex.compile(r"[\p{Lao}\p{Khmer}\p{Myanmar}\p{Tibetan}]")
SYLLABLE = regex.compile(
    r"(?<!\u1039)(?=[\u1000-\u102a\u103f](?!\u1037?\u103a|\u1039))"  # Burmese, not within a stack or before a final
    r"|(?<!\u17d2)(?=[\u1780-\u17b3][\u17b6-\u17d2])"  # Khmer: a consonant with a vowel; one without is often a final
    r"|(?=[\u0ec0-\u0ec4])|(?<![\u0ec0-\u0ec4])(?=[\u0e81-\u0eae\u0edc\u0edd][\u0eb0-\u0ebd\u0ec8-\u0ecd])"  # Lao
    r"|(?<=\u0f0b)"  # Tibetan: behind the tsheg
)
"""Where a syllable begins in the scripts for which no small library knows the words."""
WIDE_WORD_COLUMNS = 16
"""A word of a script without spaces that is wider is cut: what finds these words is not always right."""

DASHES = frozenset("-–—")
"""On their own: part of the word before them, unless that ends a sentence: then somebody else begins to speak."""
SENTENCE_STOPS = (".", "!", "?", "…")
NEVER_FIRST = frozenset(
    ",.;:!?%…‥、。，．・：；？！％‰°℃"
    "ー々〻ゝゞヽヾぁぃぅぇぉっゃゅょゎゕゖァィゥェォッャュョヮヵヶ゛゜〜～"
    "،؛؟।॥។៕၊။།ๆฯຯໆៗ"
)
"""Characters that begin no line, besides closing brackets and quotation marks: the Japanese and Chinese rules for line
ends and their relatives."""
CLAUSE_STOPS = frozenset("、。，；：！？")
"""Characters behind which a line may always break."""
NUMERALS = frozenset("〇零一二两兩三四五六七八九十百千万萬亿億兆")
AFTER_NUMERALS = NUMERALS | frozenset("多余餘几幾数數")
"""Characters that go on with a numeral, or make it a rough one."""
NEVER_LAST = frozenset("¿¡")
"""Characters that end no line, besides opening brackets and quotation marks."""


def words(text: str) -> list[Span]:
    """Return the words of a text: between two of them a line may break, and white space there is not shown.

    Within a script without spaces these are found by a model (Chinese, Japanese, Thai) or by the rules for syllables
    (Lao, Khmer, Burmese, Tibetan). What may not begin or end a line is part of the word beside it.
    """
    model = "ja" if KANA.search(text) else "zh"
    found: list[Span] = []
    for token in regex.finditer(r"[^\s\u200b]+", text):
        for span in _split(token.group(), token.start(), model):
            if found and _belong_together(text, found[-1], span):
                found[-1] = (found[-1][0], span[1])
            else:
                found.append(span)
    return found


def _split(token: str, start: int, model: str) -> Iterator[Span]:
    """Yield the words of a token without white space."""
    if not UNSPACED.search(token):
        yield start, start + len(token)
        return
    if SYLLABIC.search(token):
        ends = {match.start() for match in SYLLABLE.finditer(token)}
    else:
        ends = set(_ends(budoux_parser("th" if THAI.search(token) else model).parse(token)))
        ends |= {at for at, char in enumerate(token, 1) if char in CLAUSE_STOPS}
        # The model cuts some numerals, above all where a text begins with one.
        ends -= {at for at in ends if token[at - 1] in NUMERALS and token[at : at + 1] in AFTER_NUMERALS}
    before, width = 0, 0
    for cluster in CLUSTER.finditer(token):
        at = cluster.start()
        wide = columns(cluster.group())
        if at and _may_part(token, at) and (at in ends or width + wide > WIDE_WORD_COLUMNS):
            yield start + before, start + at
            before, width = at, 0
        width += wide
    yield start + before, start + len(token)


def _ends(parts: Iterable[str]) -> Iterator[int]:
    at = 0
    for part in parts:
        at += len(part)
        yield at


def _may_part(token: str, at: int) -> bool:
    """Return whether a token may be cut in front of a character, which is never within a Latin word or a number."""
    before, after = token[at - 1], token[at]
    if before == "\u17d2":
        return False
    if before.isdigit() or (before in ".,:" and after.isdigit()):
        return not (after.isalnum() or after in ".,:%")
    return is_unspaced(before) or is_unspaced(after)


def _belong_together(text: str, before: Span, after: Span) -> bool:
    """Return whether no line may break between two words, because of how the first ends or the second begins."""
    first, second = text[slice(*before)], text[slice(*after)]
    if before[1] < after[0]:
        # Apart, as "« oui » !" is written in French: only what is nothing but marks.
        if second in DASHES:
            return not first.endswith(SENTENCE_STOPS)
        return all(map(_never_first, second)) or all(map(_never_last, first)) or first in DASHES
    return _never_first(second[0]) or _never_last(first[-1])


def _never_first(char: str) -> bool:
    return char in NEVER_FIRST or category(char) in ("Pe", "Pf")


def _never_last(char: str) -> bool:
    return char in NEVER_LAST or category(char) in ("Ps", "Pi")


@cache
def budoux_parser(model: str) -> "budoux.Parser":
    """Load the model that finds the words of a language, once it is needed."""
    # Not at the top: most transcripts do not need the library, which would hold up the start.
    import budoux

    match model:
        case "ja":
            return budoux.load_default_japanese_parser()
        case "th":
            return budoux.load_default_thai_parser()
        case _:
            return budoux.load_default_simplified_chinese_parser()
