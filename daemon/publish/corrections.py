"""Turns what somebody has typed into the lines of a transcript: checked, and in step with the recording. Pure."""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, fields, replace
from typing import Self

from daemon.chunk import Segment, Word
from daemon.publish.utterances import by_channel, timed
from daemon.store.records import Job
from daemon.store.versions import Line

LINES_MAX = 50_000
"""A day of speech has half as many."""
TEXT_MAX = 2_000
"""Characters in a line, two minutes of speech; the longest that a model has made have some hundreds."""
WORDS_MAX = 1_000
"""More words than a line has were said while it lasts: then they do not tell when its own are said."""
LATE_S = 1.0
"""How far behind the end of the recording a line may end: players and decoders differ about its length."""
TICKS_PER_S = 100
"""People set times to hundredths of a second, the finest that all formats have; smaller differences are none."""
NOT_TEXT = re.compile("[\0-\x1f\x7f-\x9f\ud800-\udfff]")
"""What stands for no letter, and what neither subtitles nor the database or the marks of the search take as text."""


@dataclass(frozen=True, slots=True)
class Typed:
    """A line as somebody has left it."""

    start_s: float
    end_s: float
    text: str
    channel: int
    language: str
    speaker: str = ""
    """As `Segment.speaker`; an empty text leaves it as it was."""

    @classmethod
    def of(cls, line: Segment) -> Self:
        """Return a line that nobody has touched."""
        return cls(line.start_s, line.end_s, line.text, line.channel, line.language, line.speaker)


def corrected(typed: Sequence[Typed], before: Sequence[Segment], job: Job, channels: Iterable[int] = ()) -> list[Line]:
    """Return the lines of a new version of a transcript.

    A line that is as it was keeps what the model says of it. The words of others get their times from those that were
    said there, if the words of the transcript have times at all; and where it is not said who speaks, it is who spoke
    there.

    Args:
        typed: The lines as they are to be, in any order.
        before: Those of the version that was changed.
        job: The job, for the length of its recording, its channels and its language.
        channels: Further channels that lines may have, besides these and those of the version that was changed.

    Returns:
        The lines in order of time.

    Raises:
        ValueError: A line cannot be; the message says which one, and why.
    """
    if len(typed) > LINES_MAX:
        raise ValueError(f"{len(typed)} lines are too many: {LINES_MAX} are the most")
    known = {channel: _Before(lines) for channel, lines in by_channel(before).items()}
    # Those of which all lines were deleted may have some again.
    there = {channel: _Before(()) for channel in (*job.sound.channels, *channels)} | known or {0: _Before(())}
    for number, line in enumerate(typed, 1):
        if trouble := _trouble(line, job.duration_s, sorted(there)):
            raise ValueError(f"line {number}: {trouble}")
    has_words = any(line.words for line in before)
    in_order = sorted(typed, key=lambda line: (line.start_s, line.end_s))
    return [there[line.channel].line(line, job.language or "", has_words=has_words) for line in in_order]


def _trouble(line: Typed, duration_s: float | None, channels: Collection[int]) -> str:
    """Return what is wrong with a line; an empty text if nothing is."""
    if not _plain(line.text):
        return "it has no text; delete it instead"
    if len(line.text) > TEXT_MAX:
        return f"its text has {len(line.text)} characters, and {TEXT_MAX} are the most"
    if not 0 <= line.start_s < line.end_s:
        return f"it must end ({line.end_s:g} s) after it begins ({line.start_s:g} s), and not begin before 0"
    if line.channel not in channels:
        return f"there is no channel {line.channel}: it is one of {', '.join(map(str, channels))}"
    if duration_s is not None and line.end_s > duration_s + LATE_S:
        return f"it ends at {line.end_s:g} s, and the recording at {duration_s:g} s"
    return ""


class _Before:
    """The lines of one channel of the version that was changed."""

    def __init__(self, lines: Sequence[Segment]) -> None:
        self._by_text: dict[str, list[Segment]] = {}
        for line in lines:
            self._by_text.setdefault(_plain(line.text), []).append(line)
        self._places = {_place(line): isinstance(line, Line) and line.fixed for line in lines}
        """Whether somebody has set the times of the line that is there."""
        self._words = sorted((word for line in lines for word in line.words or ()), key=_middle)
        self._spoken = sorted((line for line in lines if line.speaker), key=lambda line: line.start_s)

    def line(self, typed: Typed, language: str, *, has_words: bool) -> Line:
        """Return a line of the new version; what was not there has this language if it has none."""
        text = _plain(typed.text)
        if (same := self._same(typed, text)) is not None:
            language = typed.language or same.language
            kept = replace(_kept(same), language=language, speaker=typed.speaker or same.speaker)
            if _place(same) == _place(typed):
                return kept
            moved = replace(kept, start_s=typed.start_s, end_s=typed.end_s, fixed=True)
            return replace(moved, words=_in_step(moved, same.words or ()) if has_words else None)
        words = self._between(typed.start_s, typed.end_s)
        new = Line(
            typed.start_s, typed.end_s, text, 0.0, 0.0, 0.0, 0.0, typed.language or language, None, typed.channel,
            edited=True, fixed=self._is_fixed(typed), speaker=typed.speaker or self._speaker(typed),
        )  # fmt: skip
        return replace(new, words=_in_step(new, words) if has_words else None)

    def _same(self, typed: Typed, text: str) -> Segment | None:
        """Return the line of this text that was there, or near."""
        there = [
            line for line in self._by_text.get(text, ()) if line.start_s < typed.end_s and typed.start_s < line.end_s
        ]
        return min(there, key=lambda line: abs(line.start_s - typed.start_s), default=None)

    def _between(self, start_s: float, end_s: float) -> list[Word]:
        """Return the words that were said in a stretch of time; none if there are far too many."""
        first, last = (bisect_left(self._words, time, key=_middle) for time in (start_s, end_s))
        return self._words[first:last] if last - first <= WORDS_MAX else []

    def _speaker(self, typed: Typed) -> str:
        """Return who spoke last when a line begins, or else first; an empty text where nobody is known."""
        at = bisect_right(self._spoken, typed.start_s, key=lambda line: line.start_s)
        return next((line.speaker for line in self._spoken[max(0, at - 1) :]), "")

    def _is_fixed(self, typed: Typed) -> bool:
        """Return whether somebody has set the times of a line: now, or in the version that was changed."""
        return self._places.get(_place(typed), True)


def _plain(text: str) -> str:
    return " ".join(NOT_TEXT.sub(" ", text).split())


def _place(line: Segment | Typed) -> tuple[int, int]:
    return round(line.start_s * TICKS_PER_S), round(line.end_s * TICKS_PER_S)


def _middle(word: Word) -> float:
    return (word.start_s + word.end_s) / 2


def _kept(line: Segment) -> Line:
    """Return a line as it was."""
    return line if isinstance(line, Line) else Line(**{each.name: getattr(line, each.name) for each in fields(line)})


def _in_step(line: Segment, said: Sequence[Word]) -> tuple[Word, ...]:
    """Return the words of a line with their times.

    Args:
        line: The line.
        said: What was said there, as far as that is known.
    """
    inside = [word for word in said if line.start_s <= _middle(word) <= line.end_s]
    if 2 * len(inside) < len(said):
        inside = []  # The line was moved away from them.
    clipped = tuple(
        replace(word, start_s=max(word.start_s, line.start_s), end_s=min(word.end_s, line.end_s)) for word in inside
    )
    sure = {_plain(word.word): word.probability for word in inside}
    return tuple(
        Word(word.start_s, word.end_s, word.glue + word.text, sure.get(word.text, 1.0))
        for word in timed(replace(line, words=clipped or None))
    )
