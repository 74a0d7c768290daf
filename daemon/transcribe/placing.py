"""Lines begin and end where they are spoken, and not before or after a pause that was left out of a chunk. Pure.

An engine hears a chunk without its longer pauses. Where a time stamp of its text is a little early or late beside one
of them, it is off by the whole pause in the recording: the line is shown, and somebody said to speak, for seconds
before or after it is heard.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from daemon.chunk import Segment, Word

HARDLY_S = 0.2
"""A line with less speech than this on one side of a pause is not said there: hardly any word is so short, and time
stamps are off by as much."""
TOUCHING_S = 0.001
"""Between spans that are no further apart nothing was left out."""

Stretch = tuple[float, float]
"""From when to when, in seconds of the recording."""
Stretches = Sequence[Stretch]


def placed(lines: Iterable[Segment], spans: Stretches, spoken: Stretches) -> tuple[Segment, ...]:
    """Return lines of a chunk with the times at which they are spoken, and each of their words.

    Args:
        lines: Of one chunk; times are seconds of the recording.
        spans: As those of the chunk, in order of time.
        spoken: When somebody speaks in it; where that is not known, (), the lines stay as they are.
    """
    pieces = _joined(spans)
    if not spoken or len(pieces) < 2:
        return tuple(lines)
    return tuple(_line(line, pieces, spoken) for line in lines)


def _joined(spans: Stretches) -> list[Stretch]:
    joined: list[Stretch] = []
    for start_s, end_s in spans:
        if joined and start_s - joined[-1][1] <= TOUCHING_S:
            joined[-1] = (joined[-1][0], end_s)
        else:
            joined.append((start_s, end_s))
    return joined


def _line(line: Segment, pieces: Stretches, spoken: Stretches) -> Segment:
    words = line.words
    if words is not None:
        words = tuple(_word(word, pieces, spoken) for word in words)
    start_s, end_s = _times((line.start_s, line.end_s), pieces, spoken, words or ())
    return replace(line, start_s=start_s, end_s=end_s, words=words)


def _word(word: Word, pieces: Stretches, spoken: Stretches) -> Word:
    start_s, end_s = _times((word.start_s, word.end_s), pieces, spoken)
    return replace(word, start_s=start_s, end_s=end_s)


def _times(times: Stretch, pieces: Stretches, spoken: Stretches, words: Sequence[Word] = ()) -> Stretch:
    """Return from when to when something is said: at both ends in a piece of the recording that has some of it.

    Args:
        times: As the engine has it.
        pieces: What it has heard.
        spoken: When somebody speaks.
        words: What is said, if it is known when.
    """
    start_s, end_s = times

    def said_s(piece: Stretch) -> float:
        if words:
            return HARDLY_S if any(word.start_s <= piece[1] and piece[0] <= word.end_s for word in words) else 0.0
        since_s, until_s = max(start_s, piece[0]), min(end_s, piece[1])
        return sum(max(0.0, min(ends_s, until_s) - max(begins_s, since_s)) for begins_s, ends_s in spoken)

    inside = [piece for piece in pieces if piece[0] <= end_s and start_s <= piece[1]]
    first, last = 0, len(inside) - 1
    while first < last:
        first_s, last_s = said_s(inside[first]), said_s(inside[last])
        if min(first_s, last_s) >= HARDLY_S:
            break
        first, last = (first + 1, last) if first_s <= last_s else (first, last - 1)
    return (
        round(inside[first][0], 3) if first > 0 else start_s,
        round(inside[last][1], 3) if 0 <= last < len(inside) - 1 else end_s,
    )
