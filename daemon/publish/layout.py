"""Cuts an utterance into cues, and cues into lines: the best of all ways to do it. Pure.

Every break has a cost (`breaks.py`), and so has what makes a cue hard to read. The cheapest way to reach each word is
kept, and the way to the last word is taken back: dynamic programming, as for the lines of a paragraph.
"""

from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import accumulate, pairwise

from daemon.chunk import Options
from daemon.publish.breaks import SENTENCE, breaks
from daemon.publish.scripts import FULL_WIDTH, columns
from daemon.publish.utterances import PAUSE_S, TimedWord, Utterance

CUE_COST = 5.0
"""What each cue costs, so that there are not more of them than there must be."""
TOO_FAST_COST, FAR_TOO_FAST_COST = 2.0, 6.0
"""For each character a second above the wanted reading speed, and above the most."""
TOO_SHORT_COST, LACKING_COST = 6.0, 25.0
"""For a cue that is too short, and for each second that it lacks."""
PAUSE_COST = 6.0
"""For each second of a pause within a cue, from `PAUSE_LEAST_S` on."""
PAUSE_LEAST_S = 0.3
FRAGMENT_COST = 8.0
"""For a cue that has the end of a sentence and the beginning of another one, unless both are whole."""
LONELY_CUE_COLUMNS, LONELY_LINE_COLUMNS = 16, 9
"""A single word of up to so many columns has no cue of its own, or no line, where a neighbour can take it."""
LONELY_CUE_COST, LONELY_LINE_COST = 25.0, 10.0
LINE_COST = 1.0
"""For a second line."""
CUE_BREAK_SHARE, LINE_BREAK_SHARE = 1.6, 0.6
"""How much a break counts between two cues, and between two lines of one."""
LONGER_UPPER_COST, LONGER_LOWER_COST = 0.15, 0.08
"""For each column by which the upper line of two is longer, or the lower one."""
TOP_HEAVY, TOP_HEAVY_COST = 1.5, 8.0
"""How many times as long the upper line may be, and for one that is longer, besides a point for each column more."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What subtitles keep to, from `[subtitles]`; a full-width character takes two columns."""

    max_lines: int = 2
    line_columns: int = 42
    wide_columns: int = 32
    columns_per_s: float = 17.0
    columns_per_s_max: float = 20.0
    cue_min_s: float = 0.833
    cue_max_s: float = 7.0
    gap_s: float = 0.083

    @classmethod
    def of(cls, options: Options) -> "Limits":
        """Return the limits that a job was queued with."""
        return cls(
            max_lines=options.subtitle_max_lines,
            line_columns=options.subtitle_line_columns,
            wide_columns=2 * options.subtitle_wide_columns,
            columns_per_s=options.subtitle_chars_per_s,
            columns_per_s_max=max(options.subtitle_chars_per_s, options.subtitle_chars_per_s_max),
            cue_min_s=options.subtitle_cue_min_s,
            cue_max_s=max(options.subtitle_cue_min_s, options.subtitle_cue_max_s),
            gap_s=options.subtitle_gap_s,
        )


@dataclass(frozen=True, slots=True)
class Laid:
    """A cue as it was cut: its lines and when they are said, in seconds of the recording."""

    start_s: float
    end_s: float
    lines: tuple[str, ...]
    fixed: tuple[bool, bool] = (False, False)
    """Whether somebody has said when it begins, and when it ends."""
    speaker: str = ""
    """Who says it; an empty text if that is not known."""
    is_change: bool = False
    """Whether somebody else has spoken in the cue before."""


Ends = tuple[int, ...]
"""Where each line of a cue ends: the number of the word after it."""


@dataclass(frozen=True, slots=True)
class Named:
    """The room that is left for the name of who speaks, in the first lines of cues."""

    columns: int = 0
    is_in_each: bool = False
    """Whether it may stand in each cue, and not only in the first of an utterance."""


def lay_out(utterance: Utterance, limits: Limits, named: Named | None = None) -> Iterator[Laid]:
    """Yield the cues of an utterance in order."""
    words = utterance.words
    start = 0
    for ends in _Layout(utterance, limits, named or Named()).cues():
        bounds = zip((start, *ends), ends, strict=False)
        lines = tuple(_text(words[a:b]) for a, b in bounds)
        cue = Laid(words[start].start_s, words[ends[-1] - 1].end_s, lines, speaker=utterance.speaker)
        yield cue if utterance.fixed is None else _kept(cue, utterance, start == 0, ends[-1] == len(words))
        start = ends[-1]


def _kept(cue: Laid, utterance: Utterance, is_first: bool, is_last: bool) -> Laid:
    """Return a cue of an utterance to which somebody has given its times: it begins and ends when that does."""
    assert utterance.fixed is not None
    start_s = utterance.fixed[0] if is_first else cue.start_s
    end_s = utterance.fixed[1] if is_last else cue.end_s
    return Laid(start_s, end_s, cue.lines, (is_first, is_last), cue.speaker)


def _text(words: tuple[TimedWord, ...]) -> str:
    return words[0].text + "".join(word.glue + word.text for word in words[1:])


class _Layout:
    """The search in one utterance."""

    def __init__(self, utterance: Utterance, limits: Limits, named: Named) -> None:
        self._limits = limits
        self._words = words = utterance.words
        self._is_fixed = utterance.fixed is not None
        wide = any(FULL_WIDTH.search(word.text) for word in words)
        self._line = limits.wide_columns if wide else limits.line_columns
        # A name that is longer still leaves room for words.
        self._named = replace(named, columns=min(named.columns, self._line // 2))
        self._breaks = breaks(utterance)
        # Where each word begins and ends if all of them stood in one line.
        self._first: list[int] = []
        self._last: list[int] = []
        at = 0
        for word in words:
            self._first.append(at + len(word.glue))
            at = self._first[-1] + columns(word.text)
            self._last.append(at)
        self._starts_s = [*(word.start_s for word in words), words[-1].end_s + PAUSE_S]
        """When each word begins, and when what follows the last one would."""
        pauses = [0.0, *(b.start_s - a.end_s for a, b in pairwise(words))]
        self._pauses = list(accumulate(max(0.0, pause - PAUSE_LEAST_S) for pause in pauses))
        self._sentences = [0, *accumulate(cost == SENTENCE for cost in self._breaks[1:])]
        """How many sentences end before each word."""

    def cues(self) -> list[Ends]:
        """Return the line ends of each cue, for the cheapest of all ways to cut the utterance.

        To which somebody has given its times is one cue, if it fits into one.
        """
        count = len(self._words)
        if self._is_fixed and self._fits(0, count) and (whole := self._best_lines(0, count)):
            return [whole[1]]
        best = [0.0] + [float("inf")] * count
        ways: list[tuple[int, Ends]] = [(0, ())] * (count + 1)
        first = 0
        for end in range(1, count + 1):
            while not self._may_share(first, end):
                first += 1
            for start in range(end - 1, first - 1, -1):
                if best[start] + CUE_COST >= best[end]:
                    continue
                cost = best[start] + self._cue_cost(start, end)
                if cost + self._least_of_lines(start, end) >= best[end]:
                    continue
                lines = self._best_lines(start, end)
                if lines is not None and cost + lines[0] < best[end]:
                    best[end], ways[end] = cost + lines[0], (start, lines[1])
        found: list[Ends] = []
        end = count
        while end:
            end, ends = ways[end]
            found.append(ends)
        return found[::-1]

    def _width(self, start: int, end: int) -> int:
        return self._last[end - 1] - self._first[start]

    def _name(self, start: int) -> int:
        """Return how many columns of a cue the name takes that may stand before its first word."""
        return self._named.columns if start == 0 or self._named.is_in_each else 0

    def _may_share(self, start: int, end: int) -> bool:
        """Return whether these words may make a cue, and with fewer at their beginning still might."""
        if end - start == 1:
            return True
        length_s = self._words[end - 1].end_s - self._words[start].start_s
        return length_s <= self._limits.cue_max_s and self._fits(start, end)

    def _fits(self, start: int, end: int) -> bool:
        return self._name(start) + self._width(start, end) <= self._limits.max_lines * (self._line + 1)

    def _cue_cost(self, start: int, end: int) -> float:
        """Return what a cue of these words costs, but for its lines."""
        limits = self._limits
        width = self._name(start) + self._width(start, end)
        shown_s = max(0.01, min(self._starts_s[end] - self._starts_s[start], limits.cue_max_s))
        speed = width / shown_s
        cost = CUE_COST + CUE_BREAK_SHARE * self._breaks[end]
        if shown_s < limits.cue_min_s:
            cost += TOO_SHORT_COST + LACKING_COST * (limits.cue_min_s - shown_s)
        if speed > limits.columns_per_s:
            cost += TOO_FAST_COST * (speed - limits.columns_per_s)
            cost += FAR_TOO_FAST_COST * max(0.0, speed - limits.columns_per_s_max)
        cost += PAUSE_COST * (self._pauses[end - 1] - self._pauses[start])
        if end - start == 1 and width <= LONELY_CUE_COLUMNS:
            cost += LONELY_CUE_COST
        is_mixed = self._sentences[end - 1] > self._sentences[start]
        is_whole = self._breaks[start] == SENTENCE and self._breaks[end] == SENTENCE
        return cost + (FRAGMENT_COST if is_mixed and not is_whole else 0.0)

    def _least_of_lines(self, start: int, end: int) -> float:
        """Return what these words cost at least for their lines."""
        return 0.0 if end - start == 1 or self._name(start) + self._width(start, end) <= self._line else LINE_COST

    def _best_lines(self, start: int, end: int) -> tuple[float, Ends] | None:
        """Return the cost of the best way to put a cue on lines, and their ends; None if it does not fit."""
        return self._lines(start, end, self._limits.max_lines, self._name(start))

    def _lines(self, start: int, end: int, most: int, name: int = 0) -> tuple[float, Ends] | None:
        """Return the cost of the best way to put words on up to `most` lines, and their ends; None if there is none.

        On the first one, a name takes some columns.
        """
        if end - start == 1 or name + self._width(start, end) <= self._line:
            return 0.0, (end,)
        if most == 1:
            return None
        found: tuple[float, Ends] | None = None
        # Before that, what is left is too wide for the other lines.
        fits = bisect_left(self._first, self._last[end - 1] - (most - 1) * (self._line + 1), start + 1, end - 1)
        for middle in range(fits, end):
            if name + self._width(start, middle) > self._line and middle - start > 1:
                break
            rest = self._lines(middle, end, most - 1)
            if rest is None:
                continue
            cost = rest[0] + self._line_cost(start, middle, rest[1][0], name)
            if found is None or cost < found[0]:
                found = cost, (middle, *rest[1])
        return found

    def _line_cost(self, start: int, middle: int, end: int, name: int) -> float:
        """Return what it costs to break a line in the middle of two."""
        upper, lower = name + self._width(start, middle), self._width(middle, end)
        cost = LINE_COST + LINE_BREAK_SHARE * self._breaks[middle]
        cost += LONGER_UPPER_COST * max(0, upper - lower) + LONGER_LOWER_COST * max(0, lower - upper)
        if upper > TOP_HEAVY * lower:
            cost += TOP_HEAVY_COST + upper - TOP_HEAVY * lower
        alone = [width for width, words in ((upper, middle - start), (lower, end - middle)) if words == 1]
        return cost + (LONELY_LINE_COST if any(width <= LONELY_LINE_COLUMNS for width in alone) else 0.0)
