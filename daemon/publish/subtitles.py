"""Cuts segments into readable subtitles: two lines of about 42 columns, at most 7 s. Pure."""

import unicodedata
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from daemon.chunk import Segment
from daemon.config.languages import WITHOUT_SPACES

LINE_COLUMNS = 42
"""Columns per line: the common limit of subtitling guides; a wide (East Asian) character takes two."""
LINES = 2
CUE_MAX_S = 7.0
SENTENCE_MIN_COLUMNS = 30
"""The end of a sentence also ends a cue that is at least this long."""
SENTENCE_ENDS = tuple(".!?…。！？")


@dataclass(frozen=True, slots=True)
class Cue:
    """A subtitle: its lines, separated by newlines, and when it is shown, in seconds of the recording."""

    start_s: float
    end_s: float
    text: str


@dataclass(frozen=True, slots=True)
class _Unit:
    """What is never split: a word, or a character of a language without spaces."""

    start_s: float
    end_s: float
    text: str
    glue: str


def cues(segments: Iterable[Segment]) -> list[Cue]:
    """Cut segments into cues; their times come from the words if there are any, else from the share of the text."""
    made: list[Cue] = []
    for segment in segments:
        for group in _groups(list(_units(segment))):
            start = max(group[0].start_s, made[-1].end_s if made else 0.0)
            end = min(max(group[-1].end_s, start), start + CUE_MAX_S)
            made.append(Cue(start, end, "\n".join(wrap(_units_text(group)))))
    return made


def columns(text: str) -> int:
    """Return how many columns a text takes on a screen; wide characters take two, combining marks none."""
    return sum(
        0 if unicodedata.combining(char) else 2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text
    )


def wrap(text: str) -> list[str]:
    """Break text into lines of at most 42 columns, as even as possible; a longer word gets a line of its own."""
    if columns(text) <= LINE_COLUMNS:
        return [text]
    unspaced = " " not in text and columns(text) > len(text)
    pieces, glue = (list(text), "") if unspaced else (text.split(" "), " ")
    widths = [columns(piece) for piece in pieces]
    count = len(_fill(widths, len(glue), LINE_COLUMNS))
    # Find the narrowest width that needs no more lines, by bisection: widths that are too narrow come first.
    widest = columns(text)
    narrowest = widest // count
    width = bisect_left(range(narrowest, widest), True, key=lambda width: len(_fill(widths, len(glue), width)) <= count)
    ends = _fill(widths, len(glue), narrowest + width)
    return [glue.join(pieces[start:end]) for start, end in zip([0, *ends], ends, strict=False)]


def _fill(widths: list[int], glue: int, width: int) -> list[int]:
    """Return where each line ends if every line of this width takes as many of the pieces as fit."""
    ends: list[int] = []
    used = 0
    for at, piece in enumerate(widths):
        if at and used + glue + piece > width:
            ends.append(at)
            used = piece
        else:
            used += piece + (glue if at else 0)
    return [*ends, len(widths)]


def _units(segment: Segment) -> Iterator[_Unit]:
    if segment.words:
        for word in segment.words:
            if word.word.strip():
                yield _Unit(word.start_s, word.end_s, word.word.strip(), " " if word.word.startswith(" ") else "")
        return
    spaced = segment.language not in WITHOUT_SPACES
    texts = segment.text.split() if spaced else [char for char in segment.text if not char.isspace()]
    total = sum(map(columns, texts)) or 1
    length_s = segment.end_s - segment.start_s
    before = 0
    for text in texts:
        after = before + columns(text)
        yield _Unit(
            segment.start_s + length_s * before / total,
            segment.start_s + length_s * after / total,
            text,
            " " if spaced else "",
        )
        before = after


def _groups(units: list[_Unit]) -> Iterator[list[_Unit]]:
    """Yield groups of units that make one cue each."""
    group: list[_Unit] = []
    for unit in units:
        if group and not _fits([*group, unit]):
            yield group
            group = []
        group.append(unit)
        if unit.text.endswith(SENTENCE_ENDS) and columns(_units_text(group)) >= SENTENCE_MIN_COLUMNS:
            yield group
            group = []
    if group:
        yield group


def _fits(group: list[_Unit]) -> bool:
    lines = wrap(_units_text(group))
    return (
        len(lines) <= LINES
        and all(columns(line) <= LINE_COLUMNS for line in lines)
        and group[-1].end_s - group[0].start_s <= CUE_MAX_S
    )


def _units_text(group: list[_Unit]) -> str:
    return "".join(unit.glue + unit.text for unit in group).strip()
