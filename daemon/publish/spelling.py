"""Spelling after the fact: words of the machine's text that are replaced or left out when it is published. Pure.

Words are looked for as they stand, without regard to case; there are no patterns, so the time grows with the text only.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import regex

from daemon.chunk import Options, Segment, Word
from daemon.publish.scripts import UNSPACED, is_unspaced

WORD = regex.compile(rf"{UNSPACED.pattern}|(?:(?!{UNSPACED.pattern})\w)+")
"""A word; in scripts without spaces between words, each character."""
AFTER = regex.compile(r"[,;:]?\s*")
"""What goes with a word that is left out."""
LAST = regex.compile(r"[,;:\s]+(?=[.!?…]*$)")
"""What would stand in front of a full stop without the word between them."""


@dataclass(frozen=True, slots=True)
class Spelling:
    """What a recording's words are replaced by; an empty text leaves them out."""

    rules: Mapping[str, Sequence[tuple[str, str]]]
    """The first word of each rule in lower case -> (what is looked for, what takes its place), long ones first."""

    @classmethod
    def of(cls, options: Options) -> "Spelling":
        """Return the spelling that options ask for."""
        rules: dict[str, list[tuple[str, str]]] = {}
        for said, written in {**options.replace, **dict.fromkeys(options.suppress_words, "")}.items():
            if first := WORD.match(said):
                rules.setdefault(first.group().lower(), []).append((said, written))
        return cls({word: sorted(found, key=lambda rule: -len(rule[0])) for word, found in rules.items()})

    def spelled(self, segment: Segment) -> Segment:
        """Return a segment in this spelling, its words likewise; its text is empty if nothing is left of it."""
        text = self._text(segment.text)
        if text == segment.text:
            return segment
        return replace(segment, text=text, words=segment.words and self._words(segment.words))

    def _text(self, text: str) -> str:
        parts: list[str] = []
        at = 0
        begins = shorter = False
        """Whether the word that began the text was left out."""
        for start, end, written in self._found(text):
            parts.append(text[at:start])
            at = end
            if not written:
                at = AFTER.match(text, end).end()
                shorter = True
                begins = begins or (not "".join(parts).strip() and text[start].isupper())
            parts.append(written)
        if not parts:
            return text
        spelled = "".join([*parts, text[at:]]).strip()
        spelled = LAST.sub("", spelled) if shorter else spelled
        if not WORD.search(spelled):
            return ""
        return spelled[0].upper() + spelled[1:] if begins else spelled

    def _words(self, words: Sequence[Word]) -> tuple[Word, ...]:
        """Return words in this spelling; those that are replaced together become one."""
        found = list(self._found("".join(word.word for word in words)))
        merged: list[Word] = []
        at = 0
        for word in words:
            if any(start < at < end for start, end, _ in found):
                first = merged[-1]
                merged[-1] = replace(first, end_s=word.end_s, word=first.word + word.word)
            else:
                merged.append(word)
            at += len(word.word)
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
                if text[start:end].lower() == said.lower() and _is_border(text, end):
                    yield start, end, _in_case(text[start], said[0], written)
                    done = end
                    break


def spellings(options: Options) -> Callable[[Segment], Segment]:
    """Return a function that gives a segment in the spelling of its language."""
    known: dict[str, Spelling] = {}

    def spelled(segment: Segment) -> Segment:
        if segment.language not in known:
            known[segment.language] = Spelling.of(options.in_language(segment.language))
        return known[segment.language].spelled(segment)

    return spelled


def _is_border(text: str, at: int) -> bool:
    """Return whether a word ends in front of a character."""
    before, after = text[at - 1 : at], text[at : at + 1]
    return not (WORD.match(before) and WORD.match(after)) or is_unspaced(before) or is_unspaced(after)


def _in_case(found: str, said: str, written: str) -> str:
    """Return a replacement with a capital where the text has one and the rule has none, as where a sentence begins."""
    if found.isupper() and said.islower() and written[:1].islower():
        return written[0].upper() + written[1:]
    return written
