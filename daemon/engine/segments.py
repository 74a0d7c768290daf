"""A chunk's tokens → timed lines of text (runs in the engine child)."""

from dataclasses import replace

from faster_whisper.tokenizer import Tokenizer

from daemon.chunk import Chunk, Decoded, Segment, Suppressed, Word
from daemon.engine.measures import compression_ratio, in_recording, loudest_db, pause_s, silence_db
from daemon.engine.search import GREEDY, Found

TIMESTAMP_S = 0.02
"""Seconds per time-stamp token."""
PLACED = 0.9
"""Word times of which a tenth have no length are wrong: the aligner has put the end of the text where it is not."""

Line = tuple[float, float, list[int]]
"""(start, end, tokens): seconds into the chunk's audio, and the tokens with their time stamps."""

Cut = tuple[list[Line], float]
"""The lines of a chunk, and how many seconds of its audio they cover."""


def split(tokens: list[int], timestamp_begin: int, duration_s: float) -> Cut:
    """Cut a chunk's tokens at its time stamps.

    Returns the lines and how far they reach. As in faster-whisper, text after the last pair of time
    stamps is unfinished and left to the next part; unlike there, text closed by a single time stamp covers
    the audio only up to it, so that speech after it is noticed.
    """
    seconds = [(token - timestamp_begin) * TIMESTAMP_S if token >= timestamp_begin else None for token in tokens]
    seams = [at for at in range(1, len(tokens)) if seconds[at] is not None and seconds[at - 1] is not None]
    ends_with_one = len(tokens) > 1 and seconds[-1] is not None and seconds[-2] is None
    if not seams:
        stamps = [second for second in seconds if second]
        end = min(stamps[-1], duration_s) if stamps else duration_s
        return ([(0.0, end, tokens)] if tokens else []), (end if ends_with_one else duration_s)
    if ends_with_one:
        seams.append(len(tokens))
    lines: list[Line] = []
    for begin, end_at in zip([0, *seams], seams, strict=False):
        start, end = seconds[begin] or 0.0, seconds[end_at - 1] or 0.0
        lines.append((min(start, duration_s), min(end, duration_s), tokens[begin:end_at]))
    return lines, lines[-1][1]


def covering(cut: Cut, words: list[list[Word]] | None) -> Cut:
    """Return the cut with how far its words reach, if that is farther than its time stamps say.

    A model that says the same again and again gives round times; what it has said would be heard once more.
    """
    spoken = [word for line in words or () for word in line]
    if sum(word.end_s > word.start_s for word in spoken) < PLACED * len(spoken):
        return cut
    return cut[0], max([cut[1], *(word.end_s for word in spoken[-1:])])


def decoded(
    chunk: Chunk,
    found: Found,
    tokenizer: Tokenizer,
    language: tuple[str, float],
    cut: Cut,
    words: list[list[Word]] | None,
) -> Decoded:
    """Return the engine's answer for a chunk.

    Args:
        chunk: the chunk as it was ordered.
        found: what was found for it.
        tokenizer: for the chunk's language and task.
        language: code and probability.
        cut: the lines and how far they reach, from `split`.
        words: for each line its words, times in seconds of the chunk's audio.
    """
    lines, covered_s = cut
    whole = Decoded(
        segments=(),
        avg_logprob=found.text.avg_logprob,
        no_speech_prob=found.text.no_speech_prob,
        compression_ratio=compression_ratio(tokenizer.decode(found.text.tokens).strip()),
        temperature=chunk.temperature,
        language=language[0],
        language_probability=round(language[1], 4),
        covered_s=covered_s,
        pause_s=pause_s(chunk.audio),
        provisional=found.beam_size == GREEDY and chunk.beam_size != GREEDY,
    )
    floor_db = silence_db(chunk)
    segments, suppressed = [], []
    for number, (start, end, line_tokens) in enumerate(lines):
        if not (text := tokenizer.decode(line_tokens).strip()):
            continue
        start_s, end_s = chunk.in_recording(start), chunk.in_recording(end, is_end=True)
        if start >= end:
            suppressed.append(Suppressed(round(start_s, 3), round(start_s, 3), text, "past the end of the speech"))
        elif loudest_db(chunk.audio, start, end) <= floor_db:
            suppressed.append(Suppressed(round(start_s, 3), round(end_s, 3), text, "no sound there"))
        else:
            segments.append(
                _segment(whole, found, text, start_s, end_s, in_recording(chunk, words[number]) if words else None)
            )
    return replace(whole, segments=tuple(segments), suppressed=tuple(suppressed))


def _segment(
    whole: Decoded, found: Found, text: str, start_s: float, end_s: float, words: tuple[Word, ...] | None
) -> Segment:
    """Return a line with the figures of the whole chunk; times are seconds in the recording."""
    return Segment(
        start_s=round(start_s, 3),
        end_s=round(end_s, 3),
        text=text,
        avg_logprob=round(whole.avg_logprob, 4),
        no_speech_prob=round(whole.no_speech_prob, 4),
        compression_ratio=round(whole.compression_ratio, 3),
        temperature=whole.temperature,
        language=whole.language,
        words=words,
        beam_size=found.beam_size,
    )
