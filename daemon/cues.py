"""Segments → subtitle cues that can be read: two lines of about 42 columns, at most 7 s. Pure."""

import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from daemon.chunk import Segment
from daemon.languages import WITHOUT_SPACES

LINE_COLUMNS = 42
"""Columns per line: the common limit of subtitling guides; a wide (East Asian) character takes two."""
LINES = 2
CUE_MAX_S = 7.0
SENTENCE_MIN_COLUMNS = 30
"""A sentence that ends a cue at least this long also ends the cue."""
SENTENCE_ENDS = tuple(".!?…。！？")


@dataclass(frozen=True, slots=True)
class Cue:
    """A subtitle: its lines joined by a newline, and when it shows, in seconds of the recording."""

    start_s: float
    end_s: float
    text: str


@dataclass(frozen=True, slots=True)
class _Unit:
    """What is never broken: a word, or a character of a language without spaces."""

    start_s: float
    end_s: float
    text: str
    glue: str


def cues(segments: Iterable[Segment]) -> list[Cue]:
    """Cut segments into cues; times come from the words where there are any, else from the share of text."""
    made: list[Cue] = []
    for segment in segments:
        for group in _groups(list(_units(segment))):
            start = max(group[0].start_s, made[-1].end_s if made else 0.0)
            end = min(max(group[-1].end_s, start), start + CUE_MAX_S)
            made.append(Cue(start, end, "\n".join(wrap(_units_text(group)))))
    return made


def columns(text: str) -> int:
    """How wide a text is on a screen; wide characters take two columns, combining marks none."""
    return sum(
        0 if unicodedata.combining(char) else 2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text
    )


def wrap(text: str) -> list[str]:
    """Lines of at most 42 columns, as even as may be; a longer word has a line of its own."""
    if columns(text) <= LINE_COLUMNS:
        return [text]
    unspaced = " " not in text and columns(text) > len(text)
    pieces, glue = (list(text), "") if unspaced else (text.split(" "), " ")
    count = len(_fill(pieces, glue, LINE_COLUMNS))
    width = next(
        width for width in range(columns(text) // count, columns(text) + 1) if len(_fill(pieces, glue, width)) <= count
    )
    return _fill(pieces, glue, width)


def _fill(pieces: list[str], glue: str, width: int) -> list[str]:
    lines: list[str] = []
    for piece in pieces:
        if lines and columns(lines[-1] + glue + piece) <= width:
            lines[-1] += glue + piece
        else:
            lines.append(piece)
    return lines


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
    """Units that make one cue each."""
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
