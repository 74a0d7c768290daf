"""Lines begin and end where they are spoken, and not before or after a pause that was left out of a chunk. Pure.

An engine hears a chunk without its longer pauses. Where a time stamp of its text is a little early or late beside one
of them, it is off by the whole pause in the recording: the line is shown, and somebody said to speak, for seconds
before or after it is heard.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from daemon.chunk import Chunk, Segment, Word

HARDLY_S = 0.2
"""A line with less speech than this on one side of a pause is not said there: hardly any word is so short, and time
stamps are off by as much."""
TOUCHING_S = 0.001
"""Between spans that are no further apart nothing was left out."""

Stretch = tuple[float, float]
"""From when to when, in seconds of the recording."""


@dataclass(frozen=True, slots=True)
class Pieces:
    """The pieces of a recording that a chunk is made of, and when somebody speaks in them."""

    spans: tuple[Stretch, ...]
    """As those of the chunk, in order of time."""
    spoken: tuple[Stretch, ...]
    """When somebody speaks; () if that is not known."""

    @classmethod
    def of(cls, chunk: Chunk) -> "Pieces":
        """Return the pieces of a chunk."""
        joined: list[Stretch] = []
        for start_s, end_s in chunk.spans:
            if joined and start_s - joined[-1][1] <= TOUCHING_S:
                joined[-1] = (joined[-1][0], end_s)
            else:
                joined.append((start_s, end_s))
        return cls(tuple(joined), chunk.spoken)

    def placed(self, lines: Iterable[Segment]) -> tuple[Segment, ...]:
        """Return lines of the chunk with the times at which they are spoken, and each of their words.

        Where it is not known when somebody speaks, they stay as they are.
        """
        return tuple(self._line(line) if self.spoken and len(self.spans) > 1 else line for line in lines)

    def _line(self, line: Segment) -> Segment:
        words = line.words
        if words is not None:
            words = tuple(self._word(word) for word in words)
        start_s, end_s = self._times((line.start_s, line.end_s), words or ())
        return replace(line, start_s=start_s, end_s=end_s, words=words)

    def _word(self, word: Word) -> Word:
        start_s, end_s = self._times((word.start_s, word.end_s))
        return replace(word, start_s=start_s, end_s=end_s)

    def _times(self, times: Stretch, words: Sequence[Word] = ()) -> Stretch:
        """Return from when to when something is said: at both ends in a span that has some of it.

        Args:
            times: As the engine has it.
            words: What is said, if it is known when.
        """
        start_s, end_s = times

        def said_s(span: Stretch) -> float:
            if words:
                return HARDLY_S if any(word.start_s <= span[1] and span[0] <= word.end_s for word in words) else 0.0
            return self._spoken_s(max(start_s, span[0]), min(end_s, span[1]))

        inside = [span for span in self.spans if span[0] <= end_s and start_s <= span[1]]
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

    def _spoken_s(self, start_s: float, end_s: float) -> float:
        """Return for how long somebody speaks between two moments, in seconds."""
        return sum(max(0.0, min(ends, end_s) - max(begins, start_s)) for begins, ends in self.spoken)
