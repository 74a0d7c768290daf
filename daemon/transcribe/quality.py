"""Is a result good enough? Pure rules, applied to every chunk.

The thresholds are those of openai/whisper's and faster-whisper's sequential mode; a result that fails them is
decoded again, with a beam if that has not been tried yet, then at the next temperature. Unlike there, text that ends
early is noticed by its time stamps too.
"""

import string
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from daemon.chunk import BEAM, COVERAGE_GAP_S, Chunk, Decoded, Segment, Suppressed
from daemon.transcribe.hallucinations import is_hallucination

TEMPERATURES = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)
NO_SPEECH_SURE = 0.8
"""40 of 42 sounds without speech have 0.87 or more; speech, said however often, has up to 0.71 (docs/design-notes.md).
What goes round in circles above this is not cut in two: no piece would be any better."""
COMPRESSION_RATIO_MAX = 2.4
"""Text that compresses better than this repeats itself."""
AVG_LOGPROB_MIN = -1.0
NO_SPEECH_MAX = 0.6
SURE_AVG_LOGPROB_MIN = -0.7
"""Where the model is that sure that nobody speaks, it makes up a word now and then ("." or "Oh" of a melody, -0.8 to
-0.95). How sure of it differs by processor: on some the same sounds are below AVG_LOGPROB_MIN."""
PROMPT_RESET_TEMPERATURE = 0.5
"""Text found at a higher temperature is no prompt for what follows (openai/whisper's rule)."""
TAIL_REPEATS = 3
TAIL_WORDS = 4
"""A text that ends in three times the same one to four words repeats itself, as in "B-B-B"."""
DOUBLED_WORDS = 4
"""So many words or more that are said twice in a row, anywhere, are suspect; fewer are often said on purpose."""
SPARSE_BYTES_PER_S, SPARSE_MIN_S = 8.0, 5.0
"""With less text than this for so much speech, something was left out: slow speech has 9 bytes of UTF-8 a second or
more, usual speech 13 to 18 (docs/design-notes.md)."""
FASTEST_CHARACTERS_PER_S = 25.0
"""More than this in a second nobody says: usual speech has 13 to 18, in any alphabet; Chinese or Japanese fewer."""
MARKS = string.punctuation + "…–—‘’“”«»¿¡。，、！？：；"
PROGRESS_MIN_S = 1.0
"""A part that covers less than this makes no progress; the rest is then given up rather than tried for ever."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What to do with a chunk: decode `again`, or keep `accepted` and go on with `rest`."""

    accepted: Decoded | None = None
    again: Chunk | None = None
    guarded: bool = False
    """`again` is the guard's: with more to hear, with a beam, or the first half; not at the next temperature."""
    rest: Chunk | None = None


def judge(chunk: Chunk, result: Decoded, earlier: Sequence[Decoded]) -> Verdict:
    """Decide about the newest result of a chunk.

    Args:
        chunk: the chunk as it was decoded.
        result: what came out of it.
        earlier: the results of the same part at lower temperatures, none of them good enough.
    """
    if (_is_silence(result) and not chunk.is_cut) or (chunk.doubtful and result.no_speech_prob > NO_SPEECH_MAX):
        return silent(chunk, result)
    if result.pause_s is not None and not earlier and _may_be_said_often(chunk, result):
        # Each time then has audio of its own.
        return Verdict(again=chunk.head(result.pause_s), guarded=True)
    if chunk.is_cut and _is_suspect(chunk, result):
        # An encoder that hears the silence itself mends most of it, at a third of the price of the full context.
        full = result.whole_encoding
        return Verdict(again=replace(chunk, full_context=full, whole_encoding=not full, search=BEAM), guarded=True)
    if not _is_good(result):
        if result.provisional:
            return Verdict(again=replace(chunk, search=BEAM), guarded=True)
        if chunk.doubtful:
            return silent(chunk, result)
        hotter = [temperature for temperature in TEMPERATURES if temperature > result.temperature]
        if hotter:
            return Verdict(again=replace(chunk, temperature=hotter[0]))
        result = _unrolled(_best([*earlier, result]))
    if result.no_speech_prob > NO_SPEECH_MAX:
        hallucinations = tuple(segment for segment in result.segments if is_hallucination(segment.text))
        result = _without(result, hallucinations, "a phrase that the model is known to make up, and no speech there")
    return Verdict(accepted=result, rest=rest_of(chunk, result))


def silent(chunk: Chunk, result: Decoded) -> Verdict:
    """Accept that nobody speaks in the chunk, whatever the model has made of it."""
    nothing = replace(_without(result, result.segments, "no speech there"), covered_s=chunk.duration_s)
    return Verdict(accepted=nothing, rest=rest_of(chunk, nothing))


def _is_silence(result: Decoded) -> bool:
    least = SURE_AVG_LOGPROB_MIN if result.no_speech_prob > NO_SPEECH_SURE else AVG_LOGPROB_MIN
    return result.no_speech_prob > NO_SPEECH_MAX and result.avg_logprob < least


def _loops(result: Decoded) -> bool:
    """Tell whether the model goes round in circles.

    A text can repeat itself because that was said: then it takes the time that it takes to say it. So audio that is too
    short to be cut in two may have such a text, if the model hears speech, and if it can be said so fast.
    """
    if result.compression_ratio <= COMPRESSION_RATIO_MAX:
        return False
    if result.pause_s is not None or result.no_speech_prob > NO_SPEECH_MAX:
        return True
    return _is_too_fast(result)


def _may_be_said_often(chunk: Chunk, result: Decoded) -> bool:
    """Tell whether a text goes round in circles, perhaps because something was really said again and again.

    A text that runs on after the speech, because the encoder heard the speech alone, is not such a text.
    """
    runs_on = chunk.is_cut and not result.whole_encoding and _is_too_fast(result)
    return _loops(result) and not result.no_speech_prob > NO_SPEECH_SURE and not runs_on


def _is_too_fast(result: Decoded) -> bool:
    """Tell whether nobody can have said so much in the time; what the model said after the end of the speech counts."""
    texts = [segment.text for segment in result.segments] + [aside.text for aside in result.suppressed]
    return sum(map(len, texts)) > FASTEST_CHARACTERS_PER_S * result.covered_s


def _is_good(result: Decoded) -> bool:
    return not _loops(result) and not result.avg_logprob < AVG_LOGPROB_MIN


def _is_suspect(chunk: Chunk, result: Decoded) -> bool:
    """Tell whether a result from a cut context may be worse than one from the full context would be.

    A model that hears too little silence after the speech is less sure, or runs on and repeats what it said, or goes
    over a sentence. What is there twice on a second look, too, was said twice: of 38 repetitions that look mended the 8
    that nobody had said, and the full context changed none of the others. (Time stamps beyond the audio, which also
    happen then, say little: half of the good texts have them.)
    """
    doubled = _repeats(result) and not chunk.whole_encoding
    return not _is_good(result) or _is_silence(result) or _is_sparse(result) or doubled


def _is_sparse(result: Decoded) -> bool:
    """Tell whether there is too little text for the speech that it stands for."""
    size = sum(len(segment.text.encode()) for segment in result.segments)
    return result.covered_s >= SPARSE_MIN_S and size < SPARSE_BYTES_PER_S * result.covered_s


def _repeats(result: Decoded) -> bool:
    """Tell whether a line or a phrase is said twice in a row, or the text ends in one word again and again."""
    lines = [_words(segment.text) for segment in result.segments]
    words = [word for line in lines for word in line]
    return any(_again(*pair) for pair in pairwise(lines)) or _is_doubled(words) or _loop(words) is not None


def _words(text: str) -> list[str]:
    """Return the words of a text as they are compared: lower case, without marks, the syllables of "B-B-B" apart."""
    return [word.strip(MARKS) for word in text.lower().replace("-", " ").split()]


def _again(before: list[str], after: list[str]) -> bool:
    """Tell whether a line is the one before once more, perhaps after a false start."""
    return before == after or (len(before) >= TAIL_REPEATS and after[-len(before) :] == before)


def _is_doubled(words: list[str]) -> bool:
    """Tell whether some phrase of DOUBLED_WORDS words or more is followed by itself."""
    for size in range(DOUBLED_WORDS, len(words) // 2 + 1):
        alike = 0
        for word, later in zip(words, words[size:], strict=False):
            alike = alike + 1 if word == later else 0
            if alike == size:
                return True
    return False


def _loop(words: list[str]) -> tuple[int, int] | None:
    """Return (words in a round, rounds) of the tail that a text ends in, if that repeats itself often enough."""
    for size in range(1, min(TAIL_WORDS, len(words) // TAIL_REPEATS) + 1):
        rounds = 1
        while words[-size:] == words[-size * (rounds + 1) : -size * rounds]:
            rounds += 1
        if rounds >= TAIL_REPEATS:
            return size, rounds
    return None


def _without(result: Decoded, dropped: Sequence[Segment], reason: str) -> Decoded:
    """Return the result without some of its segments, which are kept aside."""
    if not dropped:
        return result
    return replace(
        result,
        segments=tuple(segment for segment in result.segments if not any(segment is each for each in dropped)),
        suppressed=(*result.suppressed, *(Suppressed(s.start_s, s.end_s, s.text, reason) for s in dropped)),
    )


def _unrolled(result: Decoded) -> Decoded:
    """Return a text that no temperature kept from going round in circles, with one round of each.

    Left out are lines that repeat the two before (people do say a thing twice), and the further rounds of a tail within
    a line.
    """
    if not _loops(result):
        return result
    lines = result.segments
    again = tuple(
        third
        for first, second, third in zip(lines, lines[1:], lines[2:], strict=False)
        if _words(first.text) == _words(second.text) == _words(third.text)
    )
    result = _without(result, again, "repeats the lines before")
    segments, suppressed = [], list(result.suppressed)
    for segment in result.segments:
        if loop := _loop(_words(segment.text)):
            words = segment.text.split()
            # A syllable stuttered with hyphens is one word for split(); it is left as it is.
            extra = min(loop[0] * (loop[1] - 1), len(words) - 1)
            kept, cut = words[: len(words) - extra], words[len(words) - extra :]
            suppressed.append(Suppressed(segment.start_s, segment.end_s, " ".join(cut), "repeats itself"))
            spoken = segment.words[: len(kept)] if segment.words else segment.words
            segment = replace(segment, text=" ".join(kept), words=spoken)
        segments.append(segment)
    return replace(result, segments=tuple(segments), suppressed=tuple(suppressed))


def _best(results: list[Decoded]) -> Decoded:
    """Return the likeliest of those that do not repeat themselves; of all, if every one does."""
    steady = [result for result in results if not _loops(result)]
    return max(steady or results, key=lambda result: result.avg_logprob)


def rest_of(chunk: Chunk, result: Decoded) -> Chunk | None:
    """Return the next part: what the result left out, if that is worth a part and there was progress; or the tail."""
    left_s = chunk.duration_s - result.covered_s
    if left_s > COVERAGE_GAP_S and result.covered_s >= PROGRESS_MIN_S:
        return chunk.rest(result.covered_s)
    return chunk.rest(chunk.duration_s) if chunk.tail else None
