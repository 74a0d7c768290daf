"""Transcripts to make subtitles of: sentences in twelve languages, and the segments that an engine would give for them.

The sentences were written for this; the same seed always gives the same transcripts.
"""

import csv
import random
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from daemon.chunk import Segment, Word
from daemon.publish.scripts import columns, is_unspaced, joined
from daemon.publish.words import words

SEED = 18
COLUMNS_PER_S = {"zh": 9.0, "ja": 12.0, "th": 12.0, "ar": 13.0}
"""How fast the languages are spoken, in columns a second of subtitles; those that are left out, about as English is."""
USUAL_COLUMNS_PER_S = 14.5
SEGMENT_MAX_S = (3.0, 9.0)
"""Segments are cut somewhere in a sentence when they get as long as this, as Whisper does it."""
UNSPACED_TOKEN = 3
"""Whisper times up to so many characters at once where no spaces tell the words."""

SENTENCES = Path(__file__).with_name("sentences.tsv")


@dataclass(frozen=True, slots=True)
class Example:
    """A transcript as an engine gives it, with a time for every word."""

    language: str
    segments: tuple[Segment, ...]
    duration_s: float


def examples(count: int) -> Iterator[Example]:
    """Yield so many transcripts, the languages in turns."""
    chance = random.Random(SEED)
    languages = list(sentences())
    for number in range(count):
        yield _example(languages[number % len(languages)], chance)


@cache
def sentences() -> dict[str, list[str]]:
    """Return the sentences by their languages."""
    found: dict[str, list[str]] = {}
    with SENTENCES.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE):
            found.setdefault(row["language"], []).append(row["sentence"])
    return found


def _example(language: str, chance: random.Random) -> Example:
    segments: list[Segment] = []
    now_s = chance.uniform(0.0, 2.0)
    speed = COLUMNS_PER_S.get(language, USUAL_COLUMNS_PER_S) * chance.uniform(0.8, 1.25)
    for _ in range(chance.randint(4, 12)):
        spoken: list[Word] = []
        longest_s = chance.uniform(*SEGMENT_MAX_S)
        for text, is_new in _tokens(chance.choice(sentences()[language])):
            length_s = max(0.06, columns(text) / speed * chance.uniform(0.8, 1.2))
            if spoken and is_new and now_s + length_s - spoken[0].start_s > longest_s:
                segments.append(_segment(spoken, language))
                spoken = []
            spoken.append(Word(round(now_s, 2), round(now_s + length_s, 2), text, 0.9))
            now_s += length_s + (chance.uniform(0.1, 0.5) if text.endswith((",", "，", "、", "،", ";")) else 0.0)
        segments.append(_segment(spoken, language))
        now_s += chance.choice((0.1, 0.3, 0.6, 1.0, 2.5))
    return Example(language, tuple(segments), round(now_s + chance.uniform(0.0, 1.0), 2))


def _tokens(sentence: str) -> Iterator[tuple[str, bool]]:
    """Yield a sentence as Whisper times it, and whether a word begins: words with the space before them, or less."""
    before = 0
    for start, end in words(sentence):
        word = sentence[start:end]
        glue = " " if sentence[before:start] or (start == 0 and not is_unspaced(word[0])) else ""
        step = UNSPACED_TOKEN if not word.isascii() and not glue else len(word)
        for at in range(0, len(word), step):
            yield (glue if at == 0 else "") + word[at : at + step], at == 0
        before = end


def _segment(spoken: list[Word], language: str) -> Segment:
    text = joined(["".join(word.word for word in spoken)])
    return Segment(spoken[0].start_s, spoken[-1].end_s, text, -0.2, 0.0, 1.5, 0.0, language, tuple(spoken))
