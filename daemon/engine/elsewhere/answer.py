"""What a server says of a chunk → timed lines of text. Nothing of it is trusted, and nothing is made up. Pure."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from daemon.chunk import CHUNK_MAX_S, ENGLISH, Chunk, Decoded, Segment, Suppressed, Word
from daemon.config.language_names import CODES
from daemon.config.languages import ISO_639_2, LANGUAGES
from daemon.engine.measures import compression_ratio, in_recording, loudest_db, pause_s, silence_db

UNKNOWN = math.nan
"""A measure that the server does not give."""
TEXT_MAX = 10_000
"""Characters of a chunk's text: nobody says a thousand in 30 s."""
LINES_MAX, WORDS_MAX = 1_000, 3_000
PAST_THE_END_S = CHUNK_MAX_S + 1.0
"""So far beyond the audio a time may lie: models hear silence after it."""
LOGPROB_MIN, RATIO_MAX = -1_000.0, 10_000.0


class Malformed(ValueError):
    """It is not what the API answers."""


@dataclass(frozen=True, slots=True)
class _Line:
    start_s: float
    end_s: float
    text: str
    avg_logprob: float
    no_speech_prob: float
    compression_ratio: float
    temperature: float
    words: Sequence[Word]
    """Its own, with times in the chunk's audio; none if they stand by themselves, or are not there."""


def decoded(body: bytes, chunk: Chunk) -> Decoded:
    """Return the engine's answer for a chunk.

    A chunk of up to 30 s is as good as the worst of its windows: of the probabilities the lowest, of the ratio the
    highest counts.

    Args:
        body: What came back.
        chunk: What was sent.

    Raises:
        Malformed: It makes no sense.
    """
    document = _document(body)
    text = _text(document, "text")
    lines = _lines(document, chunk) if document.get("segments") is not None else _one_line(text, chunk)
    language, probability = _language(document, chunk, is_silent=not lines)
    ratios = [line.compression_ratio for line in lines if not math.isnan(line.compression_ratio)]
    whole = Decoded(
        segments=(),
        avg_logprob=_least(line.avg_logprob for line in lines),
        no_speech_prob=_least(line.no_speech_prob for line in lines),
        compression_ratio=max(ratios, default=compression_ratio(" ".join(line.text for line in lines))),
        temperature=chunk.temperature,
        language=language,
        language_probability=probability,
        covered_s=chunk.duration_s,
        pause_s=pause_s(chunk.audio),
    )
    spoken = _words_of_lines(document, lines) if chunk.word_timestamps else None
    floor_db, segments, suppressed = silence_db(chunk), [], []
    for number, line in enumerate(lines):
        start_s, end_s = min(line.start_s, chunk.duration_s), min(line.end_s, chunk.duration_s)
        at_s = round(chunk.in_recording(start_s), 3), round(chunk.in_recording(end_s, is_end=True), 3)
        if start_s >= end_s:
            suppressed.append(Suppressed(at_s[0], at_s[0], line.text, "past the end of the speech"))
        elif loudest_db(chunk.audio, start_s, end_s) <= floor_db:
            suppressed.append(Suppressed(*at_s, line.text, "no sound there"))
        else:
            words = _placed(chunk, spoken[number]) if spoken is not None else None
            segments.append(_segment(whole, line, (at_s[0], max(at_s)), words))
    return replace(whole, segments=tuple(segments), suppressed=tuple(suppressed))


def _document(body: bytes) -> dict[str, Any]:
    try:
        document = json.loads(body, parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        raise Malformed("it is not JSON") from error
    if not isinstance(document, dict):
        raise Malformed("it is not an object of JSON")
    return document


def _no_number(name: str) -> float:
    raise ValueError(name)


def _lines(document: Mapping[str, Any], chunk: Chunk) -> list[_Line]:
    items = document["segments"]
    if not isinstance(items, list) or len(items) > LINES_MAX:
        raise Malformed(f"its segments are not a list of up to {LINES_MAX}")
    lines = [_line(item, chunk) for item in items]
    if sum(len(line.text) for line in lines) > TEXT_MAX:
        raise Malformed(f"its segments are longer than {TEXT_MAX} characters")
    return sorted((line for line in lines if line.text), key=lambda line: line.start_s)


def _line(item: object, chunk: Chunk) -> _Line:
    if not isinstance(item, dict):
        raise Malformed("a segment is not an object of JSON")
    start_s, end_s = _times(item, chunk)
    words = item.get("words") or []
    return _Line(
        start_s,
        end_s,
        _text(item, "text"),
        _number(item, "avg_logprob", LOGPROB_MIN, 0.001),
        _number(item, "no_speech_prob", 0.0, 1.001),
        _number(item, "compression_ratio", 0.0, RATIO_MAX),
        _number(item, "temperature", 0.0, 2.0),
        _words(words, chunk) if chunk.word_timestamps else (),
    )


def _one_line(text: str, chunk: Chunk) -> list[_Line]:
    """Return the text as one line over the whole chunk, where the server gives no times."""
    whole = _Line(0.0, chunk.duration_s, text, UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN, ())
    return [whole] if text else []


def _segment(whole: Decoded, line: _Line, times_s: tuple[float, float], words: tuple[Word, ...] | None) -> Segment:
    ratio = line.compression_ratio
    return Segment(
        start_s=times_s[0],
        end_s=times_s[1],
        text=line.text,
        avg_logprob=round(line.avg_logprob, 4),
        no_speech_prob=round(line.no_speech_prob, 4),
        compression_ratio=round(whole.compression_ratio if math.isnan(ratio) else ratio, 3),
        temperature=whole.temperature if math.isnan(line.temperature) else line.temperature,
        language=whole.language,
        words=words,
    )


def _words_of_lines(document: Mapping[str, Any], lines: Sequence[_Line]) -> Sequence[Sequence[Word]] | None:
    """Return the words of each line: its own, or those that stand by themselves; None if there are none."""
    if any(line.words for line in lines):
        return [_within(line.text, line.words)[0] for line in lines]
    items = document.get("words")
    if not items:
        return None
    rest, found = _words(items, None), []
    for line in lines:
        words, rest = _within(line.text, rest)
        found.append(words)
    return found


def _within(text: str, words: Sequence[Word]) -> tuple[list[Word], Sequence[Word]]:
    """Return the first words that a line consists of, each with what stands before it there, and those that are left.

    Servers give words with the space before them or without. What is not in the line is of the next one.
    """
    found: list[Word] = []
    at = 0
    for number, word in enumerate(words):
        if not (bare := word.word.strip()):
            continue
        begin = text.find(bare, at)
        if begin < 0 or text[at:begin].strip():
            return found, words[number:]
        glue = " " if not found or text[at:begin] else ""
        at = begin + len(bare)
        found.append(replace(word, word=glue + bare))
    return found, ()


def _words(items: object, chunk: Chunk | None) -> Sequence[Word]:
    if not isinstance(items, list) or len(items) > WORDS_MAX:
        raise Malformed(f"its words are not a list of up to {WORDS_MAX}")
    found = []
    for item in items:
        if not isinstance(item, dict):
            raise Malformed("a word is not an object of JSON")
        start_s, end_s = _times(item, chunk)
        sure = _number(item, "probability", 0.0, 1.001)
        text = item.get("word")
        if not isinstance(text, str) or len(text) > TEXT_MAX:
            raise Malformed("a word is no text")
        found.append(Word(start_s, end_s, text, None if math.isnan(sure) else round(sure, 4)))
    return found


def _placed(chunk: Chunk, words: Sequence[Word]) -> tuple[Word, ...] | None:
    within = [
        replace(word, start_s=min(word.start_s, chunk.duration_s), end_s=min(word.end_s, chunk.duration_s))
        for word in words
    ]
    return in_recording(chunk, within) or None


def _language(document: Mapping[str, Any], chunk: Chunk, *, is_silent: bool) -> tuple[str, float]:
    """Return the language that is spoken, and how sure that is.

    Of what is translated, a server says English or what is spoken, and nobody knows which. Where nobody speaks, it need
    say nothing.
    """
    if chunk.language != "auto":
        return chunk.language, 1.0
    if chunk.task == "translate":
        return chunk.fallback_language or ENGLISH, UNKNOWN
    named = document.get("language")
    code = _code(named) if isinstance(named, str) else None
    if code is None and is_silent:
        return chunk.fallback_language or ENGLISH, UNKNOWN
    if code is None:
        raise Malformed("it does not say in which known language the speech is")
    sure = UNKNOWN
    detected = document.get("detected_language")
    if isinstance(detected, str) and _code(detected) == code:
        sure = _number(document, "detected_language_probability", 0.0, 1.001)
    return code, round(sure, 4)


def _code(name: str) -> str | None:
    """Return the code of a language that is named by any code, or in English."""
    name = name.strip().lower()
    short = name.replace("_", "-").partition("-")[0]
    code = CODES.get(name) or ISO_639_2.get(short, short)
    return code if code in LANGUAGES else None


def _text(item: Mapping[str, Any], key: str) -> str:
    text = item.get(key)
    if not isinstance(text, str) or len(text) > TEXT_MAX:
        raise Malformed(f"its {key} is not a text of up to {TEXT_MAX} characters")
    # Half of a character, and what no transcript can hold.
    clean = text.encode("utf-8", "replace").decode().replace("\0", "")
    return " ".join(clean.split())


def _times(item: Mapping[str, Any], chunk: Chunk | None) -> tuple[float, float]:
    most = (CHUNK_MAX_S if chunk is None else chunk.duration_s) + PAST_THE_END_S
    start_s, end_s = (_number(item, name, -0.001, most) for name in ("start", "end"))
    if math.isnan(start_s) or math.isnan(end_s) or end_s < start_s:
        raise Malformed("a start or an end is missing, or after it")
    return max(0.0, start_s), max(0.0, end_s)


def _number(item: Mapping[str, Any], key: str, least: float, most: float) -> float:
    """Return a number; UNKNOWN where there is none."""
    value = item.get(key)
    if value is None:
        return UNKNOWN
    if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= most:
        raise Malformed(f"its {key} is not a number from {least:g} to {most:g}")
    return float(value)


def _least(values: Any) -> float:
    return min((value for value in values if not math.isnan(value)), default=UNKNOWN)
