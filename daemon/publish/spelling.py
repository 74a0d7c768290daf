"""Spelling after the fact: words of the machine's text that are replaced or left out when it is published. Pure.

Words are looked for as they stand, without regard to case; there are no patterns, so the time grows with the text only.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from unicodedata import normalize

import regex

from daemon.chunk import Options, Segment, Word
from daemon.publish.scripts import UNSPACED, is_unspaced

WORD = regex.compile(rf"{UNSPACED.pattern}|(?:(?!{UNSPACED.pattern})\w)+")
"""A word; in scripts without spaces between words, each character."""
JOINS = "'’-‐‑"
"""Marks within a word, such as "can't" and "like-minded": its parts are no words that could be left out."""
POSSESSIVE = regex.compile(r"['’]s\b", regex.IGNORECASE)

GONE, GONE_CAPITAL = "\0", "\1"
"""Stands where a word was left out, or one with a capital, until what went with it is gone, too."""
ANY_GONE = f"[{GONE}{GONE_CAPITAL}]"
COMMAS, STOPS = ",;:、，；：", ".!?…。！？"
GONE_BETWEEN_BRACKETS = regex.compile(rf"[(\[（「]\s*+({ANY_GONE})\s*+[)\]）」]")
GONE_TOGETHER = regex.compile(rf"({ANY_GONE})(?:[\s{COMMAS}]*+{ANY_GONE})++")
GONE_FIRST = regex.compile(
    rf"(?P<before>(?:^|(?<=[{STOPS}])[\"'”’»)]*+\s++|[。！？])(?:[\"'“‘«(\[¿¡–—-]\s*+)*+)(?P<gone>{ANY_GONE})\s*+[{COMMAS}{STOPS}]*+\s*+"
)
"""A word that began a sentence, with the marks behind it."""
GONE_LAST = regex.compile(rf"(?<![{COMMAS}\s])[{COMMAS}]?\s*+{ANY_GONE}[{COMMAS}]*+(?=\s*+(?:[{STOPS}]|$))")
"""One that ended a sentence, with the comma before it."""
GONE_WITHIN = regex.compile(rf"{ANY_GONE}[{COMMAS}]?\s*+")


@dataclass(frozen=True, slots=True)
class Spelling:
    """What a recording's words are replaced by; an empty text leaves them out."""

    rules: Mapping[str, Sequence[tuple[str, str]]]
    """The first word of each rule in lower case -> (what is looked for, what takes its place), long ones first."""

    @classmethod
    def of(cls, options: Options) -> "Spelling":
        """Return the spelling that options ask for."""
        rules: dict[str, list[tuple[str, str]]] = {}
        for rule, written in {**options.replace, **dict.fromkeys(options.suppress_words, "")}.items():
            said = normalize("NFC", rule)
            if first := WORD.match(said):
                rules.setdefault(first.group().lower(), []).append((said, written))
        return cls({word: sorted(found, key=lambda rule: -len(rule[0])) for word, found in rules.items()})

    def spelled(self, segment: Segment) -> Segment:
        """Return a segment in this spelling, its words likewise; its text is empty if nothing is left of it."""
        if not self.rules:
            return segment
        text = self._text(segment.text)
        if text == segment.text:
            return segment
        return replace(segment, text=text, words=segment.words and self._words(segment.words))

    def _text(self, text: str) -> str:
        whole = normalize("NFC", text)
        parts: list[str] = []
        at, left_out = 0, False
        for start, end, written in self._found(whole):
            gone = GONE_CAPITAL if whole[start].isupper() else GONE
            parts += [whole[at:start], written or gone]
            left_out = left_out or not written
            at = end
        if not parts:
            return text
        spelled = "".join([*parts, whole[at:]])
        if not left_out:
            return spelled
        spelled = _closed(spelled).strip()
        return spelled if WORD.search(spelled) else ""

    def _words(self, words: Sequence[Word]) -> tuple[Word, ...]:
        """Return words in this spelling; those that are replaced together become one."""
        found = list(self._found(normalize("NFC", "".join(word.word for word in words))))
        merged: list[Word] = []
        at = 0
        for word in words:
            if any(start < at < end for start, end, _ in found):
                first = merged[-1]
                merged[-1] = replace(first, end_s=word.end_s, word=first.word + word.word)
            else:
                merged.append(word)
            at += len(normalize("NFC", word.word))
        return tuple(replace(word, word=spelled) for word in merged if (spelled := self._word(word)))

    def _word(self, word: Word) -> str:
        """Return a word with the space before it, in this spelling; empty if it is left out."""
        space = word.word[: len(word.word) - len(word.word.lstrip())]
        spelled = self._text(word.word)
        return space + spelled.strip() if spelled else ""

    def _found(self, text: str) -> Iterator[tuple[int, int, str]]:
        """Yield (start, end, what takes its place) of all that is replaced, in order."""
        done = 0
        for word in WORD.finditer(text):
            start = word.start()
            if start < done:
                continue
            for said, written in self.rules.get(word.group().lower(), ()):
                end = start + len(said)
                if text[start:end].lower() == said.lower() and _stands_alone(text, start, end, leave_out=not written):
                    yield start, end, _in_case(text[start], written)
                    done = end
                    break


def spellings(options: Options) -> Callable[[Segment, str], Segment]:
    """Return a function that gives a segment in the spelling of a language, by its code."""
    known: dict[str, Spelling] = {}

    def spelled(segment: Segment, language: str) -> Segment:
        if language not in known:
            known[language] = Spelling.of(options.in_language(language))
        return known[language].spelled(segment)

    return spelled


def _stands_alone(text: str, start: int, end: int, *, leave_out: bool) -> bool:
    """Return whether a stretch of text is whole words, and not a part of "can't", "like-minded" or "20.50"."""
    last, after, then = text[end - 1 : end], text[end : end + 1], text[end + 1 : end + 2]
    if is_unspaced(last) or is_unspaced(after):
        return True
    if WORD.match(after):
        return False
    if last.isdigit() and after in (".", ",", ":") and then.isdigit():
        return False
    before = text[max(0, start - 2) : start]
    joined_after = after in JOINS and bool(WORD.match(then))
    joined_before = len(before) == len("a-") and before[1] in JOINS and bool(WORD.match(before[0]))
    if leave_out or (before[1:] in ("'", "’") and joined_before):
        return not (joined_before or joined_after)
    return not (joined_after and after in ("'", "’") and not POSSESSIVE.match(text, end))


def _in_case(found: str, written: str) -> str:
    """Return a replacement in small letters with a capital where the text has one, as where a sentence begins."""
    return _capital(written) if found.isupper() and written.islower() else written


def _closed(text: str) -> str:
    """Return a text without what goes with the words that were left out of it: commas, brackets, their full stops."""
    text = GONE_TOGETHER.sub(r"\1", GONE_BETWEEN_BRACKETS.sub(r"\1", text))
    pieces: list[str] = []
    at = 0
    for first in GONE_FIRST.finditer(text):
        pieces += [text[at : first.start()], first["before"]]
        at = first.end()
        if first["gone"] == GONE_CAPITAL and at < len(text):
            pieces.append(_capital(text[at]))
            at += 1
    text = "".join([*pieces, text[at:]])
    return str(GONE_WITHIN.sub("", GONE_LAST.sub("", text)))


def _capital(text: str) -> str:
    capital = text[:1].upper()
    return (capital if len(capital) == 1 else text[:1]) + text[1:]
