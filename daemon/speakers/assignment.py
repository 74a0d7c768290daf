"""Gives the lines of a transcript their speakers, and cuts those that two people share. Pure.

Each word goes to whose turns cover most of it. The borders of turns are found in windows of a second and more, and
words have times of their own errors: so a stray word goes to its neighbours, and so does one that the border cuts off
a sentence. To move a border by more words, or to a pause, gave more words to the wrong speaker on built conversations.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate, groupby, pairwise
from unicodedata import category

from daemon.chunk import Segment, Word
from daemon.config.languages import WITHOUT_SPACES
from daemon.speakers.timeline import PAUSE_S, Span, Timeline
from daemon.voice import Turn

LONE_S = 0.4
"""What is shorter counts as one word: in some languages, each character has a time of its own."""
SNAP_S = 0.75
"""A border is moved by this much at the most: half of a window in which a voice is told. On 6 built conversations of 2
minutes with tiny.en, 14 lines of one word were left of 23, and as many words had the right speaker."""
COVERED, HARDLY = 0.8, 0.2
"""The share of a word that the turn of one who says nothing else covers at least, and that of others at the most."""
LONGER = 1.5
"""How many times as long as such a word the turn around it is at the most."""
SENTENCE_ENDS = tuple(".!?…。！？؟।॥")
CLOSING = "\"'”’»)]」』）"
"""What may stand behind the end of a sentence."""
SPACES = " \t\r\n\u200b\u3000\xa0"
NEVER_FIRST = frozenset("ー々〻ゝゞヽヾぁぃぅぇぉっゃゅょゎァィゥェォッャュョヮヵヶๆໆ")
NEVER_FIRST_KINDS = ("Mn", "Mc", "Me", "Po", "Pe", "Pf", "Pd")
"""What belongs to the character before it, and the Unicode categories of marks and of punctuation that do."""


@dataclass(frozen=True, slots=True)
class _Unit:
    """A piece of a line that is not cut: mostly one word."""

    line: int
    start: int
    """Where it begins in the text of the line."""
    text: str
    words: tuple[Word, ...]

    @property
    def spans(self) -> list[Span]:
        return [(word.start_s, word.end_s) for word in self.words]

    @property
    def start_s(self) -> float:
        return self.words[0].start_s

    @property
    def end_s(self) -> float:
        return self.words[-1].end_s


def assign(lines: Sequence[Segment], turns: Iterable[Turn] | Timeline) -> list[Segment]:
    """Return the lines of a transcript with their speakers; a line in which the voice changes becomes several.

    No text is lost, and none moves. A line without words, or with others than its text has, goes as a whole to who
    speaks for most of it. Where channels were transcribed apart, each of them is one speaker, whatever the turns are.

    Args:
        lines: What was said, in order of time.
        turns: Who speaks when; without any, no line has a speaker. For the lines of one chunk after another, make a
            timeline of them once.
    """
    if any(line.channel for line in lines):
        return by_channel(lines)
    timeline = turns if isinstance(turns, Timeline) else Timeline(turns)
    if not timeline:
        return [_spoken_by("", line) for line in lines]
    pieces = [_units(number, line) for number, line in enumerate(lines)]
    found: list[Segment] = []
    for in_pieces, several in groupby(zip(lines, pieces, strict=True), key=lambda item: bool(item[1])):
        if not in_pieces:
            found += [_spoken_by(timeline.speaker(_spans(line)), line) for line, _ in several]
            continue
        units = [unit for _, of_line in several for unit in of_line]
        speakers = _speakers(units, timeline)
        for number, of_line in groupby(zip(units, speakers, strict=True), key=lambda item: item[0].line):
            found += _parts(lines[number], list(of_line))
    return found


def by_channel(lines: Sequence[Segment], known: Mapping[int, str] | None = None) -> list[Segment]:
    """Return lines with a speaker for each channel; those of mixed channels have none.

    Args:
        lines: What was said.
        known: The speakers of channels, from `of_channels`; None to number those of these lines.
    """
    speakers = of_channels(lines) if known is None else of_channels(lines, known)
    return [_spoken_by(speakers.get(line.channel, ""), line) for line in lines]


def cut_at_replies(lines: Sequence[Segment], others: Mapping[str, Timeline]) -> list[Segment]:
    """Return lines whose channels tell who says them, each cut where somebody else speaks between two of its words.

    Args:
        lines: What was said, with its speakers; a line without words, or with others than its text has, stays whole.
        others: When anybody else speaks, for each of their speakers, from `of_others`.
    """
    return [part for line in lines for part in _between_replies(line, others[line.speaker])]


def _between_replies(line: Segment, others: Timeline) -> Iterator[Segment]:
    units = _units(0, line)
    replies = [sum(others.seconds(before.end_s, after.start_s).values()) >= LONE_S for before, after in pairwise(units)]
    if not any(replies):
        yield line
        return
    numbers = accumulate(replies, initial=0)
    whole = replace(line, start_s=min(line.start_s, units[0].start_s), end_s=max(line.end_s, units[-1].end_s))
    for part in _parts(whole, [(unit, str(number)) for unit, number in zip(units, numbers, strict=True)]):
        yield _spoken_by(line.speaker, part)


def of_channels(lines: Iterable[Segment], known: Mapping[int, str] | None = None) -> dict[int, str]:
    """Return the speaker of each channel: S1, S2, … in the order in which they are first heard.

    Args:
        lines: What was said.
        known: Channels that have their speakers already, such as those of the original of a translation.
    """
    speakers = dict(known or {})
    heard = sorted((line.start_s, line.channel) for line in lines if line.channel)
    for _, channel in heard:
        if channel not in speakers:
            speakers[channel] = f"S{len(speakers) + 1}"
    return speakers


def _spoken_by(speaker: str, line: Segment) -> Segment:
    return line if line.speaker == speaker else replace(line, speaker=speaker)


def _spans(line: Segment) -> list[Span]:
    """Return the times of the words of a line, or its own."""
    return [(word.start_s, word.end_s) for word in line.words or ()] or [(line.start_s, line.end_s)]


# -- pieces of a line ----------------------------------------------------------------------------------------


def _units(number: int, line: Segment) -> list[_Unit]:
    """Return the pieces of a line; none if its words are not those of its text."""
    words = line.words or ()
    bare = [_bare(word.word) for word in words]
    letters = [at for at, char in enumerate(line.text) if char not in SPACES]
    if not letters or "".join(bare) != _bare(line.text):
        return []
    borders: list[tuple[int, int]] = []
    """Where a piece begins: the number of its first word, and the place in the text."""
    count = 0
    for nth, text in enumerate(bare):
        if not borders or (text and _may_part(line, letters[count])):
            borders.append((nth, letters[count] if count else 0))
        count += len(text)
    ends = [*borders[1:], (len(words), len(line.text))]
    return [
        _Unit(number, start, line.text[start:end].strip(SPACES), words[first:last])
        for (first, start), (last, end) in zip(borders, ends, strict=True)
    ]


def _bare(text: str) -> str:
    return "".join(char for char in text if char not in SPACES)


def _may_part(line: Segment, place: int) -> bool:
    """Return whether a text may be cut in front of a character."""
    before, after = line.text[place - 1 : place], line.text[place]
    if not before:
        return False
    if before in SPACES:
        return True
    if line.language not in WITHOUT_SPACES or after in NEVER_FIRST or category(after) in NEVER_FIRST_KINDS:
        return False
    # There, Latin words and numbers are whole as elsewhere.
    return not (before.isascii() and after.isascii())


def _parts(line: Segment, units: Sequence[tuple[_Unit, str]]) -> Iterator[Segment]:
    """Yield the parts of a line, one for each time that the voice changes."""
    runs = [(speaker, [unit for unit, _ in run]) for speaker, run in groupby(units, key=lambda item: item[1])]
    if len(runs) == 1:
        yield _spoken_by(runs[0][0], line)
        return
    starts = [0, *(run[0].start for _, run in runs[1:]), len(line.text)]
    start_s = line.start_s
    for (speaker, run), (start, end) in zip(runs, pairwise(starts), strict=True):
        is_last = end == len(line.text)
        start_s = start_s if start == 0 else min(max(start_s, run[0].start_s), line.end_s)
        end_s = line.end_s if is_last else min(max(start_s, run[-1].end_s), line.end_s)
        text = line.text[start:end]
        words = tuple(word for unit in run for word in unit.words)
        yield replace(line, start_s=start_s, end_s=end_s, text=_cut(text, start, is_last), words=words, speaker=speaker)
        start_s = end_s


def _cut(text: str, start: int, is_last: bool) -> str:
    """Return a part of a text without the spaces at which it was cut."""
    text = text.lstrip(SPACES) if start else text
    return text if is_last else text.rstrip(SPACES)


# -- who says each of them -----------------------------------------------------------------------------------


def _speakers(units: Sequence[_Unit], timeline: Timeline) -> list[str]:
    """Return who says each of some pieces that follow each other."""
    speakers: list[str] = []
    for unit in units:
        speakers.append(timeline.speaker(unit.spans, speakers[-1] if speakers else ""))
    return _moved(units, _without_strays(units, speakers, timeline))


def _runs(speakers: Sequence[str]) -> list[tuple[int, int]]:
    """Return where each stretch of one speaker begins and ends."""
    changes = [at for at, (before, after) in enumerate(pairwise(speakers), 1) if before != after]
    return list(pairwise([0, *changes, len(speakers)]))


def _without_strays(units: Sequence[_Unit], speakers: list[str], timeline: Timeline) -> list[str]:
    """Return the speakers with each lone word given to one beside it, unless it is clearly a turn of its own."""
    kept = list(speakers)
    for first, end in _runs(speakers):
        start_s, end_s = units[first].start_s, units[end - 1].end_s
        is_lone = end - first == 1 or end_s - start_s < LONE_S
        beside = [at for at in (first - 1, end) if 0 <= at < len(units)]
        if not is_lone or not beside or (_is_break(units, first) and _is_break(units, end)):
            continue
        if not _is_turn(start_s, end_s, speakers[first], timeline):
            heard = timeline.seconds(start_s, end_s)
            apart = {at: max(units[at].start_s - end_s, start_s - units[at].end_s) for at in beside}
            taker = min(beside, key=lambda at: (-heard.get(kept[at], 0.0), apart[at]))
            kept[first:end] = [kept[taker]] * (end - first)
    return kept


def _is_turn(start_s: float, end_s: float, speaker: str, timeline: Timeline) -> bool:
    """Return whether somebody speaks just then, and nobody else does."""
    lasts_s = end_s - start_s
    heard = timeline.seconds(start_s, end_s)
    mine = heard.pop(speaker, 0.0)
    nearby = timeline.seconds(start_s - lasts_s, end_s + lasts_s).get(speaker, 0.0)
    others = max(heard.values(), default=0.0)
    return 0 < COVERED * lasts_s <= mine and others <= HARDLY * lasts_s and nearby <= LONGER * lasts_s


def _is_break(units: Sequence[_Unit], at: int) -> bool:
    """Return whether somebody else may well begin with a piece: a sentence ends before it, or there is a pause."""
    return at in (0, len(units)) or _ends_sentence(units, at) or units[at].start_s - units[at - 1].end_s >= PAUSE_S


def _ends_sentence(units: Sequence[_Unit], at: int) -> bool:
    return units[at - 1].text.rstrip(CLOSING).endswith(SENTENCE_ENDS)


def _moved(units: Sequence[_Unit], speakers: list[str]) -> list[str]:
    """Return the speakers with a border that leaves one word of a sentence on its other side moved to the end of it."""
    moved: list[str] = []
    for (_, border), (_, end) in pairwise([*_runs(speakers), (len(units), len(units))]):
        to = border
        if not _is_break(units, border):
            # Nobody loses the only word that they say.
            beside = [at for at in (border - 1, border + 1) if len(moved) < at < end and _ends_sentence(units, at)]
            nearest = min(beside, key=lambda at: _moves_s(units, border, at), default=border)
            to = nearest if _moves_s(units, border, nearest) <= SNAP_S else border
        moved += [speakers[border - 1]] * (to - len(moved))
    return moved


def _moves_s(units: Sequence[_Unit], border: int, to: int) -> float:
    return round(abs(_moment(units, border) - _moment(units, to)), 3)


def _moment(units: Sequence[_Unit], at: int) -> float:
    """Return the middle of what lies between a piece and the one before it."""
    return (units[at - 1].end_s + units[at].start_s) / 2
