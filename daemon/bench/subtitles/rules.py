"""The rules that good subtitles keep, as checks that know nothing of how the cues were made."""

import unicodedata
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from daemon.publish.breaks import CLOSING, SENTENCE_ENDS, phrase_words
from daemon.publish.layout import Limits
from daemon.publish.phrase_words import PhraseWords
from daemon.publish.scripts import FULL_WIDTH, RIGHT_TO_LEFT_MARK, columns, directed, is_right_to_left
from daemon.publish.subtitles import Cue
from daemon.publish.words import words

NEIGHBOUR_S = 0.5
"""A cue that begins this soon after another one is its neighbour and could take its words."""
SHORT_CUE_COLUMNS, SHORT_LINE_COLUMNS = 16, 9
TOP_HEAVY = 1.5
"""An upper line that is so many times as long as the lower one looks wrong."""
ROUNDING_S = 0.002


@dataclass(frozen=True, slots=True)
class Shown:
    """The subtitles of one transcript, and what they are to show."""

    cues: Sequence[Cue]
    text: str
    """What was said."""
    language: str
    duration_s: float
    limits: Limits = field(default_factory=Limits)

    @property
    def small(self) -> PhraseWords:
        """The small words of the language."""
        return phrase_words(self.language)

    @property
    def following(self) -> Iterator[tuple[Cue, Cue]]:
        """Each cue with the next one."""
        return pairwise(self.cues)

    @property
    def lines(self) -> Iterator[tuple[str, str]]:
        """Each line with the one after it, in the same cue or in a neighbour; an empty text for none."""
        for at, cue in enumerate(self.cues):
            after = self.cues[at + 1] if at + 1 < len(self.cues) else None
            near = after is not None and after.start_s - cue.end_s < NEIGHBOUR_S
            lines = [*_lines(cue), _lines(after)[0] if after is not None and near else ""]
            yield from pairwise(lines)


def breaches(shown: Shown) -> Counter[str]:
    """Count how often the subtitles of a transcript break each rule."""
    # The times of other programs are NumPy numbers at times, and so are sums of what is compared with them.
    return Counter({name: int(rule(shown)) for name, rule in RULES.items()})


def _lines(cue: Cue) -> list[str]:
    return cue.text.split("\n")


def _too_many_lines(shown: Shown) -> int:
    return sum(len(_lines(cue)) > shown.limits.max_lines for cue in shown.cues)


def _too_wide(shown: Shown) -> int:
    count = 0
    for cue in shown.cues:
        limit = shown.limits.wide_columns if FULL_WIDTH.search(cue.text) else shown.limits.line_columns
        count += sum(columns(line) > limit and len(words(line)) > 1 for line in _lines(cue))
    return count


def _faster_than(limit: Callable[[Limits], float]) -> Callable[[Shown], int]:
    def count(shown: Shown) -> int:
        most = limit(shown.limits)
        return sum(
            columns(cue.text.replace("\n", "")) > most * (cue.end_s - cue.start_s + ROUNDING_S) for cue in shown.cues
        )

    return count


def _too_short(shown: Shown) -> int:
    return sum(cue.end_s - cue.start_s < shown.limits.cue_min_s - ROUNDING_S for cue in shown.cues)


def _too_long(shown: Shown) -> int:
    return sum(cue.end_s - cue.start_s > shown.limits.cue_max_s + ROUNDING_S for cue in shown.cues)


def _flickering(shown: Shown) -> int:
    gaps = (after.start_s - before.end_s for before, after in shown.following)
    return sum(ROUNDING_S < gap < shown.limits.gap_s - ROUNDING_S for gap in gaps)


def _impossible(shown: Shown) -> int:
    """Count cues that overlap the next one, are shown for no time, or end after the recording."""
    overlapping = sum(before.end_s > after.start_s + ROUNDING_S for before, after in shown.following)
    empty = sum(cue.end_s <= cue.start_s for cue in shown.cues)
    return overlapping + empty + sum(cue.end_s > shown.duration_s + ROUNDING_S for cue in shown.cues)


def _torn(shown: Shown) -> int:
    """Count lines that end with a word that leans on the next one, such as an article."""
    leaning = shown.small.openers | shown.small.determiners | shown.small.titles
    return sum(bool(after) and line.split()[-1].lower() in leaning for line, after in shown.lines)


def _lonely(shown: Shown) -> int:
    """Count cues and lines of a single short word whose sentence goes on in a neighbour, or began there."""
    count, open_before = 0, False
    alone = [len(_lines(cue)) == 1 for cue in shown.cues for _ in _lines(cue)]
    for is_cue, (line, after) in zip(alone, shown.lines, strict=True):
        open_after = bool(after) and not _ends_sentence(line)
        is_short = columns(line) <= (SHORT_CUE_COLUMNS if is_cue else SHORT_LINE_COLUMNS)
        count += is_short and len(words(line)) == 1 and (open_before or open_after)
        open_before = open_after
    return count


def _ends_sentence(line: str) -> bool:
    return line.rstrip(CLOSING).endswith(SENTENCE_ENDS)


def _cut(shown: Shown) -> int:
    """Count lines that break where no line may: in a word, in a character, before a closing mark."""
    text = "".join(shown.text.split())
    borders, at = set(), 0
    for start, end in words(shown.text):
        at += len("".join(shown.text[start:end].split()))
        borders.add(at)
    count = at = 0
    for cue in shown.cues:
        for line in _lines(cue):
            at += len("".join(line.replace(RIGHT_TO_LEFT_MARK, "").split()))
            count += at not in borders and at < len(text)
    return count


def _changed(shown: Shown) -> int:
    """Return 1 if anything that was said is missing or not as it was, such as the spaces between words."""
    shown_words = [line.replace(RIGHT_TO_LEFT_MARK, "") for cue in shown.cues for line in _lines(cue)]
    said, at = shown.text, 0
    for line in shown_words:
        found = said.find(line.strip(), at)
        if found < 0 or said[at:found].strip():
            return 1
        at = found + len(line.strip())
    return int(bool(said[at:].strip()))


def _top_heavy(shown: Shown) -> int:
    two = (list(map(columns, _lines(cue))) for cue in shown.cues if len(_lines(cue)) == 2)
    return sum(upper > TOP_HEAVY * lower for upper, lower in two)


def _undirected(shown: Shown) -> int:
    """Count lines of right-to-left text that begin with Latin letters or digits and do not say their direction."""
    lines = (line for cue in shown.cues if is_right_to_left(cue.text) for line in _lines(cue))
    return sum(not _has_direction(line) for line in lines)


def _has_direction(line: str) -> bool:
    return directed(line) == line or unicodedata.bidirectional(line[0]) in ("R", "RLE", "RLI")


RULES: dict[str, Callable[[Shown], int]] = {
    "lines": _too_many_lines,
    "width": _too_wide,
    "c/s wanted": _faster_than(lambda limits: limits.columns_per_s),
    "c/s most": _faster_than(lambda limits: limits.columns_per_s_max),
    "short": _too_short,
    "long": _too_long,
    "gap": _flickering,
    "overlap": _impossible,
    "torn": _torn,
    "lonely": _lonely,
    "cut": _cut,
    "changed": _changed,
    "top-heavy": _top_heavy,
    "direction": _undirected,
}
"""The rules by the name of their column."""
