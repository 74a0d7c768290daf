"""Turns segments into utterances: stretches of timed words without a long pause, over the borders of segments. Pure."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import accumulate

from daemon.chunk import Segment
from daemon.publish.scripts import columns, space_between
from daemon.publish.words import words as words_of
from daemon.store.versions import Line

PAUSE_S = 1.5
"""A pause of this length ends an utterance, and so a cue, even within a sentence."""
ROUNDING = 1e-6
"""How far apart two places in a text may be and be the same."""


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
    fixed: tuple[float, float] | None = None
    """When it begins and ends because somebody has said so, in seconds of the recording."""
    speaker: str = ""
    """Who says it, as it is shown; an empty text if that is not known."""


def utterances(segments: Iterable[Segment]) -> Iterator[Utterance]:
    """Yield what was said, channel by channel, each in the order of time."""
    for heard in by_channel(segments).values():
        yield from _of_channel(heard)


def by_channel(segments: Iterable[Segment]) -> dict[int, list[Segment]]:
    """Return the segments of each channel, in their order."""
    channels: dict[int, list[Segment]] = {}
    for segment in segments:
        channels.setdefault(segment.channel, []).append(segment)
    return channels


def _of_channel(segments: Sequence[Segment]) -> Iterator[Utterance]:
    """Yield the utterances of one channel: they end where language or speaker change, or nobody speaks for a while.

    A line to which somebody has given its times is one of its own.
    """
    open_words: list[TimedWord] = []
    language = speaker = ""
    now_s = 0.0
    for segment in segments:
        if isinstance(segment, Line) and segment.fixed:
            if open_words:
                yield Utterance(tuple(open_words), language, speaker=speaker)
                open_words = []
            if words := tuple(timed(segment)):
                yield Utterance(words, segment.language, (segment.start_s, segment.end_s), segment.speaker)
            now_s = max(now_s, segment.end_s)
            continue
        for word in timed(segment, open_words[-1].text if open_words else ""):
            start_s = max(word.start_s, now_s)
            is_other = (segment.language, segment.speaker) != (language, speaker)
            if open_words and (is_other or start_s - now_s >= PAUSE_S):
                yield Utterance(tuple(open_words), language, speaker=speaker)
                open_words = []
            language, speaker = segment.language, segment.speaker
            now_s = max(word.end_s, start_s)
            open_words.append(TimedWord(start_s, now_s, word.text, word.glue if open_words else ""))
    if open_words:
        yield Utterance(tuple(open_words), language, speaker=speaker)


def timed(segment: Segment, before: str = "") -> Iterator[TimedWord]:
    """Yield the words of a segment with their times.

    Args:
        segment: A line of the transcript.
        before: The word that precedes it, or an empty text.
    """
    text = segment.text
    clock = _Clock(segment)
    end = 0
    for start, stop in words_of(text):
        word = " ".join(text[start:stop].split())
        glue = space_between(before, word) if end == 0 else " " if text[end:start].strip("\u200b") else ""
        start_s = clock.at(start)
        yield TimedWord(start_s, max(start_s, clock.at(stop, is_end=True)), word, glue)
        end, before = stop, word


class _Clock:
    """Tells when a character of a segment is said: by the words that the engine timed, else by its share of the text.

    Places are counted along the text without its white space. Where the text was changed after the words were timed,
    each word keeps its time as far as the two texts are the same.
    """

    def __init__(self, segment: Segment) -> None:
        spoken = [word for word in segment.words or () if word.word.strip()]
        if spoken:
            self._places = [0, *accumulate(int(not char.isspace()) for char in segment.text)]
            self._times = [(word.start_s, word.end_s) for word in spoken]
            self._ends = _word_ends(["".join(word.word.split()) for word in spoken], "".join(segment.text.split()))
        else:
            self._places = [0, *accumulate(0 if char.isspace() else columns(char) for char in segment.text)]
            self._times = [(segment.start_s, segment.end_s)]
            self._ends = [float(self._places[-1])]

    def at(self, offset: int, *, is_end: bool = False) -> float:
        """Return the time of an offset into the text, in seconds; where two words meet, an end is the earlier one's."""
        place = self._places[offset]
        find = bisect_left if is_end else bisect_right
        at = min(find(self._ends, place + (-ROUNDING if is_end else ROUNDING)), len(self._times) - 1)
        first, last = self._ends[at - 1] if at else 0.0, self._ends[at]
        start_s, end_s = self._times[at]
        share = (place - first) / (last - first) if last > first else float(is_end)
        return start_s + (end_s - start_s) * min(1.0, max(0.0, share))


def _word_ends(spoken: Sequence[str], text: str) -> list[float]:
    """Return where in a text each of the words ends that it was made of."""
    ends = [float(end) for end in accumulate(map(len, spoken))]
    said = "".join(spoken)
    if said == text:
        return ends
    anchors = [(0, 0)]
    for block in SequenceMatcher(None, said, text, autojunk=False).get_matching_blocks():
        anchors += [(block.a, block.b), (block.a + block.size, block.b + block.size)]
    moved = []
    for end in ends:
        at = bisect_right(anchors, (int(end), len(text))) - 1
        if anchors[at][0] == end and end < len(said):
            # What was put in between two words belongs to the later one, but for the marks behind the earlier one.
            place = anchors[bisect_left(anchors, (int(end), 0))][1]
            while place < anchors[at][1] and not text[place].isalnum():
                place += 1
            moved.append(float(place))
            continue
        (first, moved_first), (last, moved_last) = anchors[at], anchors[min(at + 1, len(anchors) - 1)]
        share = (end - first) / (last - first) if last > first else 0.0
        moved.append(moved_first + share * (moved_last - moved_first))
    return moved
