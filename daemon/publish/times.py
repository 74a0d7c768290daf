"""Puts the times of segments in order where an engine's are not: no transcript shows what cannot be. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from daemon.chunk import Segment, Word

LEAST_S = 0.01
"""How long a segment lasts at the least: a hundredth of a second, the finest time that all formats have."""


def in_order(segments: Sequence[Segment], duration_s: float | None) -> list[Segment]:
    """Return segments none of which is empty, overlaps the next one of its channel, or ends after the recording.

    Args:
        segments: Those of a transcript, in order of time; most come back as they are.
        duration_s: The length of the recording, or None if it is not known.
    """
    ends: dict[int, float] = {}
    spans: list[tuple[float, float]] = []
    for segment in segments:
        start_s = max(segment.start_s, ends.get(segment.channel, 0.0))
        ends[segment.channel] = end_s = max(segment.end_s, start_s + LEAST_S)
        spans.append((start_s, end_s))
    if duration_s is not None:
        spans = list(_until(duration_s, spans, [segment.channel for segment in segments]))[::-1]
    return [_moved(segment, span, duration_s) for segment, span in zip(segments, spans, strict=True)]


def _until(
    duration_s: float, spans: Sequence[tuple[float, float]], channels: Sequence[int]
) -> Iterable[tuple[float, float]]:
    """Yield the spans from the last one to the first, moved forward where they do not fit into the recording."""
    starts: dict[int, float] = {}
    for (start_s, end_s), channel in zip(reversed(spans), reversed(channels), strict=True):
        end_s = min(end_s, starts.get(channel, duration_s))
        starts[channel] = start_s = max(0.0, min(start_s, end_s - LEAST_S))
        yield start_s, end_s


def _moved(segment: Segment, span: tuple[float, float], duration_s: float | None) -> Segment:
    words = segment.words
    if words and duration_s is not None and words[-1].end_s > duration_s:
        words = tuple(_cut_off(word, duration_s) for word in words)
    if words is segment.words and span == (segment.start_s, segment.end_s):
        return segment
    return replace(segment, start_s=span[0], end_s=span[1], words=words)


def _cut_off(word: Word, duration_s: float) -> Word:
    return replace(word, start_s=min(word.start_s, duration_s), end_s=min(word.end_s, duration_s))
