"""Lines begin and end where they are spoken, and not before or after a pause that was left out of a chunk. Pure.

An engine hears a chunk without its longer pauses. Where a time stamp of its text is a little early or late beside one
of them, it is off by the whole pause in the recording: the line is shown, and somebody said to speak, for seconds
before or after it is heard.
"""

from collections.abc import Sequence
from dataclasses import replace

from daemon.chunk import Chunk, Segment, Word

HARDLY_S = 0.2
"""A line with less speech than this on one side of a pause is not said there: hardly any word is so short, and time
stamps are off by as much."""

Stretch = tuple[float, float]
"""From when to when, in seconds of the recording."""


def beside_pauses(line: Segment, chunk: Chunk) -> Segment:
    """Return a line with the times at which it is spoken, and each of its words.

    Args:
        line: Of the text of a chunk; times are seconds of the recording.
        chunk: What was heard. Where it is not known when somebody speaks in it, the line stays as it is.
    """
    if not chunk.spoken or len(chunk.spans) < 2:
        return line
    words = line.words
    if words is not None:
        words = tuple(_word(word, chunk) for word in words)
    start_s, end_s = _placed((line.start_s, line.end_s), chunk, words or ())
    return replace(line, start_s=start_s, end_s=end_s, words=words)


def _word(word: Word, chunk: Chunk) -> Word:
    start_s, end_s = _placed((word.start_s, word.end_s), chunk)
    return replace(word, start_s=start_s, end_s=end_s)


def _placed(times: Stretch, chunk: Chunk, words: Sequence[Word] = ()) -> Stretch:
    """Return from when to when something is said: at both ends in a span of the chunk that has some of it.

    Args:
        times: As the engine has it.
        chunk: What was heard.
        words: What is said, if it is known when.
    """
    start_s, end_s = times

    def said_s(span: Stretch) -> float:
        if words:
            return HARDLY_S if any(word.start_s <= span[1] and span[0] <= word.end_s for word in words) else 0.0
        return _spoken_s(chunk.spoken, (max(start_s, span[0]), min(end_s, span[1])))

    inside = [span for span in chunk.spans if span[0] <= end_s and start_s <= span[1]]
    while len(inside) > 1:
        first_s, last_s = said_s(inside[0]), said_s(inside[-1])
        if min(first_s, last_s) >= HARDLY_S:
            break
        del inside[0 if first_s <= last_s else -1]
    if not inside:
        return times
    return max(start_s, inside[0][0]), min(end_s, inside[-1][1])


def _spoken_s(spoken: Sequence[Stretch], within: Stretch) -> float:
    """Return for how long somebody speaks between two moments, in seconds."""
    return sum(max(0.0, min(end_s, within[1]) - max(start_s, within[0])) for start_s, end_s in spoken)
