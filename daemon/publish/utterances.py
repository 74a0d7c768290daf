"""Turns segments into utterances: stretches of timed words without a long pause, over the borders of segments. Pure."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate

from daemon.chunk import Segment
from daemon.publish.scripts import columns, space_between
from daemon.publish.words import words

PAUSE_S = 1.5
"""A pause of this length ends an utterance, and so a cue, even within a sentence."""
ROUNDING = 1e-6
"""How far apart two places in a text may be, in columns, and be the same."""


@dataclass(frozen=True, slots=True)
class TimedWord:
    """A piece of text that is never broken, and when it is said, in seconds of the recording."""

    start_s: float
    end_s: float
    text: str
    glue: str
    """What stands between it and the word before it in the same line: a space or nothing."""


@dataclass(frozen=True, slots=True)
class Utterance:
    """Words that may share cues; their times never go back."""

    words: tuple[TimedWord, ...]
    language: str


def utterances(segments: Iterable[Segment]) -> Iterator[Utterance]:
    """Yield what was said, channel by channel, each in the order of time."""
    channels: dict[int, list[Segment]] = {}
    for segment in segments:
        channels.setdefault(segment.channel, []).append(segment)
    for heard in channels.values():
        yield from _of_channel(heard)


def _of_channel(segments: Sequence[Segment]) -> Iterator[Utterance]:
    """Yield the utterances of one channel: they end where the language changes or nobody speaks for a while."""
    open_words: list[TimedWord] = []
    language = ""
    now_s = 0.0
    for segment in segments:
        for word in _timed(segment, open_words[-1].text if open_words else ""):
            start_s = max(word.start_s, now_s)
            if open_words and (segment.language != language or start_s - now_s >= PAUSE_S):
                yield Utterance(tuple(open_words), language)
                open_words = []
            language = segment.language
            now_s = max(word.end_s, start_s)
            open_words.append(TimedWord(start_s, now_s, word.text, word.glue if open_words else ""))
    if open_words:
        yield Utterance(tuple(open_words), language)


def _timed(segment: Segment, before: str) -> Iterator[TimedWord]:
    """Yield the words of a segment with their times.

    Args:
        segment: A line of the transcript.
        before: The word that precedes it, or an empty text.
    """
    text = segment.text
    clock = _Clock(segment)
    end = 0
    for start, stop in words(text):
        word = " ".join(text[start:stop].split())
        glue = space_between(before, word) if end == 0 else " " if text[end:start].strip("\u200b") else ""
        start_s = clock.at(start)
        yield TimedWord(start_s, max(start_s, clock.at(stop, is_end=True)), word, glue)
        end, before = stop, word


class _Clock:
    """Tells when a character of a segment is said: by the words that the engine timed, else by its share of the text.

    Both are laid along the columns of the text. Where the text was changed after the words were timed, these are
    stretched over it: they still say where the pauses are.
    """

    def __init__(self, segment: Segment) -> None:
        self._columns = [0, *accumulate(map(columns, segment.text))]
        timed = [word for word in segment.words or () if word.word.strip()]
        spoken = [(word.word, word.start_s, word.end_s) for word in timed]
        spoken = spoken or [(segment.text, segment.start_s, segment.end_s)]
        self._times = [(start_s, end_s) for _, start_s, end_s in spoken]
        widths = [columns(text) for text, _, _ in spoken]
        leads = [columns(text) - columns(text.lstrip()) for text, _, _ in spoken]
        tails = [columns(text) - columns(text.rstrip()) for text, _, _ in spoken]
        scale = self._columns[-1] / max(1, sum(widths) - leads[0] - tails[-1])
        ends = list(accumulate(widths))
        self._firsts = [scale * (end - w + lead - leads[0]) for end, w, lead in zip(ends, widths, leads, strict=True)]
        self._lasts = [scale * (end - tail - leads[0]) for end, tail in zip(ends, tails, strict=True)]

    def at(self, offset: int, *, is_end: bool = False) -> float:
        """Return the time of an offset into the text, in seconds; where two words meet, an end is the earlier one's."""
        place = self._columns[offset]
        last_begun = bisect_right(self._firsts, place + ROUNDING) - 1
        at = bisect_left(self._lasts, place - ROUNDING) if is_end else last_begun
        at = min(max(at, 0), len(self._times) - 1)
        first, last = self._firsts[at], self._lasts[at]
        start_s, end_s = self._times[at]
        share = (place - first) / (last - first) if last > first else 1.0 if is_end else 0.0
        return start_s + (end_s - start_s) * min(1.0, max(0.0, share))
