"""Who speaks when: the turns of all speakers on one line of time, which is asked about words. Pure."""

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from daemon.chunk import Segment
from daemon.voice import Turn

PAUSE_S = 0.3
"""Where nobody speaks for so long, a turn ends, and somebody else may begin."""

SAME_S = 1e-6
"""Seconds of two speakers that differ by less are as many."""

Span = tuple[float, float]
"""Where something begins and ends, in seconds of the recording."""


def of_stretches(stretches: Iterable[tuple[int, float, float]], lines: Mapping[int, Sequence[Segment]]) -> list[Turn]:
    """Return the turns of a recording whose channels carry different speech, in order of time.

    Args:
        stretches: When somebody speaks in a chunk: (chunk, start_s, end_s).
        lines: What was said in each chunk, with its speaker. What has no line is nobody's turn: it was no speech, or
            that of another channel.
    """
    turns: list[Turn] = []
    last: dict[str, int] = {}
    for start_s, end_s, chunk in sorted((start_s, end_s, chunk) for chunk, start_s, end_s in stretches):
        said = lines.get(chunk, ())
        speaker = next((line.speaker for line in said if line.start_s < end_s and start_s < line.end_s), "")
        if not speaker:
            continue
        before = turns[last[speaker]] if speaker in last else None
        if before is not None and start_s - before.end_s < PAUSE_S:
            turns[last[speaker]] = replace(before, end_s=max(before.end_s, end_s))
        else:
            last[speaker] = len(turns)
            turns.append(Turn(start_s, end_s, speaker))
    return turns


class Timeline:
    """The stretches of a recording in each of which the same people speak.

    Args:
        turns: Who speaks when, in any order; several may speak at once.
    """

    def __init__(self, turns: Iterable[Turn]) -> None:
        self._starts: list[float] = []
        self._ends: list[float] = []
        self._speakers: list[tuple[str, ...]] = []
        spoken = [turn for turn in turns if turn.end_s > turn.start_s]
        borders = [(turn.start_s, 1, turn.speaker) for turn in spoken]
        borders += [(turn.end_s, -1, turn.speaker) for turn in spoken]
        speaking: Counter[str] = Counter()
        since_s = 0.0
        for time_s, step, speaker in sorted(borders):
            if time_s > since_s and (now := tuple(sorted(each for each, times in speaking.items() if times))):
                self._add(since_s, time_s, now)
            speaking[speaker] += step
            since_s = time_s

    def _add(self, start_s: float, end_s: float, speakers: tuple[str, ...]) -> None:
        if self._ends and self._ends[-1] == start_s and self._speakers[-1] == speakers:
            self._ends[-1] = end_s
            return
        self._starts.append(start_s)
        self._ends.append(end_s)
        self._speakers.append(speakers)

    def __bool__(self) -> bool:
        """Whether anybody speaks."""
        return bool(self._starts)

    def seconds(self, start_s: float, end_s: float) -> dict[str, float]:
        """Return for how long each of those who speak in a stretch of time does so."""
        found: dict[str, float] = {}
        for at in range(bisect_right(self._ends, start_s), bisect_left(self._starts, end_s)):
            lasts_s = min(end_s, self._ends[at]) - max(start_s, self._starts[at])
            for speaker in self._speakers[at]:
                found[speaker] = found.get(speaker, 0.0) + lasts_s
        return found

    def speaker(self, spans: Sequence[Span], before: str = "") -> str:
        """Return who speaks in most of some spans; if nobody does, who speaks nearest to them.

        Args:
            spans: The times of words that belong together, in their order.
            before: Who has spoken last: where several speak as much, it is still they who are heard.
        """
        found: Counter[str] = Counter()
        for start_s, end_s in spans:
            found.update(self.seconds(start_s, end_s))
        most = max(found.values(), default=0.0)
        if most <= 0:
            candidates = self._nearest(spans[0][0], spans[-1][1])
        else:
            candidates = tuple(speaker for speaker, lasts_s in found.items() if lasts_s >= most - SAME_S)
        return before if before in candidates else candidates[0]

    def _nearest(self, start_s: float, end_s: float) -> tuple[str, ...]:
        """Return who speaks nearest to a stretch of time in which nobody speaks, or which has no length."""
        after = min(bisect_right(self._ends, start_s), len(self._starts) - 1)
        before = max(0, after - 1)
        apart_s = {at: max(self._starts[at] - end_s, start_s - self._ends[at], 0.0) for at in (before, after)}
        return self._speakers[min(apart_s, key=lambda at: apart_s[at])]


def of_others(turns: Sequence[Turn], speakers: Iterable[str]) -> dict[str, Timeline]:
    """Return for each of some speakers when anybody else speaks, all of them under one name."""
    return {
        speaker: Timeline(replace(turn, speaker="others") for turn in turns if turn.speaker != speaker)
        for speaker in speakers
    }
