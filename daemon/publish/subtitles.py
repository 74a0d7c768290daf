"""Subtitles as the guides want them: what was said in cues that can be read, each with its time. Pure.

The words of the segments are put together to utterances (`utterances.py`), these are cut into cues and lines
(`layout.py`), and then each cue gets the time that it is shown.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from math import ceil, floor

from daemon.chunk import Segment
from daemon.publish.layout import Laid, Limits, Named, lay_out
from daemon.publish.scripts import RIGHT_TO_LEFT_MARK, columns, directed, is_right_to_left
from daemon.publish.utterances import utterances
from daemon.publish.who import changes, lead

TICKS_PER_S = 100
"""Cues begin and end at hundredths of a second, the finest time that all formats have: so none rounds two into one."""
LATE_S = 0.2
"""A cue may begin this much after its first word if the one before it cannot be read otherwise: nobody notices."""
CLOSED_S = 0.5
"""A pause between two cues that is shorter than this flickers: the first cue stays until the second one comes."""


@dataclass(frozen=True, slots=True)
class Cue:
    """A subtitle: its lines, separated by newlines, and when it is shown, in seconds of the recording."""

    start_s: float
    end_s: float
    text: str
    speaker: str = ""
    """Who says it; an empty text if that is not known."""
    is_change: bool = False
    """Whether somebody else has spoken in the cue before."""

    @property
    def named(self) -> str:
        """The text, with the name of who speaks in front of it where that changes."""
        if not self.is_change:
            return self.text
        text = lead(self.speaker) + self.text.removeprefix(RIGHT_TO_LEFT_MARK)
        return directed(text) if is_right_to_left(self.text) else text


def cues(segments: Iterable[Segment], limits: Limits | None = None, duration_s: float | None = None) -> list[Cue]:
    """Cut what was said into cues.

    Args:
        segments: What was said; a cue never has words of two channels, or of two who speak.
        limits: What the cues keep to, wherever the words and the speech allow it; None for the usual.
        duration_s: The length of the recording, after which no cue is shown; None if it is not known.

    Returns:
        The cues in order of time: none overlaps the next, and none is shown for no time at all.
    """
    limits = limits or Limits()
    laid = _with_changes(sorted(_laid(list(segments), limits), key=lambda cue: cue.start_s))
    last = None if duration_s is None else max(len(laid), floor(duration_s * TICKS_PER_S))
    starts = _unhurried(laid, _starts(laid, last), limits, last)
    ends = _ends(laid, starts, limits, last)
    return [
        Cue(start / TICKS_PER_S, end / TICKS_PER_S, "\n".join(_directed(cue.lines)), cue.speaker, cue.is_change)
        for cue, start, end in zip(laid, starts, ends, strict=True)
    ]


def _laid(segments: Sequence[Segment], limits: Limits) -> Iterator[Laid]:
    """Yield the cues of each channel, with room for the names of those who speak where these may stand."""
    # Between two cues of one channel, somebody may speak on another one.
    are_several = len({segment.channel for segment in segments}) > 1
    spoken = list(utterances(segments))
    for utterance, name in zip(spoken, changes(each.speaker for each in spoken), strict=True):
        room = columns(lead(utterance.speaker if are_several else name))
        yield from lay_out(utterance, limits, Named(room, is_in_each=are_several))


def _with_changes(laid: list[Laid]) -> list[Laid]:
    """Return cues in the order in which they are shown; they know where somebody else begins."""
    names = changes(cue.speaker for cue in laid)
    return [replace(cue, is_change=True) if name else cue for cue, name in zip(laid, names, strict=True)]


def _starts(laid: Sequence[Laid], last: int | None) -> list[int]:
    """Return when each cue begins, in ticks: each later than the one before it.

    Where two channels speak at once, the time that they take together is shared out by the length of their text.
    """
    starts = [max(0, round(cue.start_s * TICKS_PER_S)) for cue in laid]
    for at, (cue, following) in enumerate(pairwise(laid)):
        spoken_until = round(cue.end_s * TICKS_PER_S)
        if spoken_until > starts[at + 1]:
            both_until = max(spoken_until, round(following.end_s * TICKS_PER_S))
            share = _width(cue) / max(1, _width(cue) + _width(following))
            fair = starts[at] + round((both_until - starts[at]) * share)
            starts[at + 1] = min(max(fair, starts[at + 1]), spoken_until)
        starts[at + 1] = max(starts[at + 1], starts[at] + 1)
    if last is not None:
        for at in reversed(range(len(starts))):
            last = starts[at] = min(starts[at], last - 1)
    return starts


def _unhurried(laid: Sequence[Laid], starts: list[int], limits: Limits, last: int | None) -> list[int]:
    """Return the starts, a little later where a hurried cue so gets time that the next one can spare."""
    needed = [ceil(_needed_s(cue, limits) * TICKS_PER_S) for cue in laid]
    moved = list(starts)
    for at in range(len(laid) - 1):
        if laid[at + 1].fixed[0]:
            continue
        lacking = needed[at] - (moved[at + 1] - moved[at])
        spoken_until = round(laid[at + 1].end_s * TICKS_PER_S)
        until = starts[at + 2] if at + 2 < len(laid) else min(spoken_until, last or spoken_until)
        spare = until - moved[at + 1] - needed[at + 1]
        moved[at + 1] += max(0, min(lacking, spare, round(LATE_S * TICKS_PER_S)))
    return moved


def _needed_s(cue: Laid, limits: Limits) -> float:
    """Return how long a cue must be shown to be read, in seconds."""
    return max(limits.cue_min_s, _width(cue) / limits.columns_per_s)


def _ends(laid: Sequence[Laid], starts: Sequence[int], limits: Limits, last: int | None) -> list[int]:
    """Return when each cue ends, in ticks: when its words do, or later where it could not be read otherwise."""
    gap = ceil(limits.gap_s * TICKS_PER_S)
    longest = floor(limits.cue_max_s * TICKS_PER_S)
    ends: list[int] = []
    for at, cue in enumerate(laid):
        start, spoken_until = starts[at], round(cue.end_s * TICKS_PER_S)
        needed = ceil(_needed_s(cue, limits) * TICKS_PER_S)
        following = starts[at + 1] if at + 1 < len(laid) else last
        end = max(spoken_until, start + needed)
        if cue.fixed[1]:
            end = spoken_until if following is None else min(spoken_until, following)
        elif at + 1 < len(laid):
            end = min(_before_next(start, end, starts[at + 1], (gap, needed)), start + longest)
        else:
            end = min(end, start + longest) if last is None else min(end, start + longest, last)
        ends.append(max(start + 1, end))
    return ends


def _before_next(start: int, wanted: int, following: int, spare: tuple[int, int]) -> int:
    """Return when a cue ends that another one follows.

    Args:
        start: When it begins, in ticks.
        wanted: When it would end by itself.
        following: When the next one begins.
        spare: The gap between two cues, and the least time that the cue needs: if it has no more, there is no gap.
    """
    gap, needed = spare
    if wanted + CLOSED_S * TICKS_PER_S <= following:
        return wanted
    return following - gap if following - gap - start >= needed else following


def _width(cue: Laid) -> int:
    return sum(map(columns, cue.lines)) + (columns(lead(cue.speaker)) if cue.is_change else 0)


def _directed(lines: tuple[str, ...]) -> Iterable[str]:
    return map(directed, lines) if is_right_to_left("".join(lines)) else lines
