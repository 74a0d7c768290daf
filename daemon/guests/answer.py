"""What an engine has made of several chunks, as the answer to a request: JSON, of which nothing is trusted. Pure."""

import json
from collections.abc import Sequence
from dataclasses import fields as fields_of
from math import nan
from typing import Any

from daemon.chunk import BYTES_PER_SECOND, Chunk, Decoded, Segment, Suppressed, Word
from daemon.guests.checks import (
    Check,
    Malformed,
    document,
    fields,
    flag,
    language,
    maybe,
    number,
    number_or,
    or_null,
    several,
    text,
    whole,
)

TEXT_MAX = 10_000
"""Characters of a chunk's text: nobody says a thousand in 30 s."""
LINES_MAX, WORDS_MAX = 1000, 3000
MESSAGE_MAX = 1000
PAST_THE_END_S = 1.0
"""So far outside of the chunk a time may lie, as rounding has it."""

_logprob = number_or(nan, -1000.0, 0.001)
_probability = number_or(nan, 0.0, 1.001)
_ratio, _temperature = number(0.0, 10_000.0), number(0.0, 1.0)


def packed(results: Sequence[Decoded | str]) -> bytes:
    """Return an answer as it is sent: for each chunk what was heard, or why nothing is.

    Raises:
        TypeError: What an engine has given is not what it should be.
    """
    items = [{"error": each} if isinstance(each, str) else {"heard": _plain(each)} for each in results]
    return json.dumps({"results": items}, ensure_ascii=False, allow_nan=False).encode("utf-8", "replace")


def _plain(value: Any) -> Any:
    """Return a value as JSON can have it; a measure that there is not is null."""
    if isinstance(value, float):
        return or_null(value)
    if isinstance(value, tuple):
        return [_plain(each) for each in value]
    if isinstance(value, Decoded | Segment | Suppressed | Word):
        return {each.name: _plain(getattr(value, each.name)) for each in fields_of(value)}
    return value


def unpacked(body: bytes, chunks: Sequence[Chunk]) -> list[Decoded | str]:
    """Return, for each of the chunks that were sent, what was heard in it, or why nothing is.

    Raises:
        Malformed: It makes no sense for these chunks.
    """
    items = fields(document(body), {"results": several(lambda item: item, len(chunks), len(chunks))})["results"]
    return [_result(item, chunk) for item, chunk in zip(items, chunks, strict=True)]


def _result(item: Any, chunk: Chunk) -> Decoded | str:
    if isinstance(item, dict) and "error" in item:
        error: str = fields(item, {"error": text(MESSAGE_MAX)})["error"]
        return error
    heard: Decoded = fields(item, {"heard": lambda value: _decoded(value, chunk, with_translation=True)})["heard"]
    return heard


def _decoded(item: Any, chunk: Chunk, *, with_translation: bool) -> Decoded:
    most_s = len(chunk.audio) / BYTES_PER_SECOND
    time_s = number(max(0.0, chunk.start_s - PAST_THE_END_S), chunk.end_s + PAST_THE_END_S)

    def timed(checks: dict[str, Check], value: Any) -> dict[str, Any]:
        return fields(value, {"start_s": time_s, "end_s": time_s, **checks})

    def in_order(checks: dict[str, Check], value: Any) -> dict[str, Any]:
        found = timed(checks, value)
        if found["end_s"] < found["start_s"]:
            raise Malformed("it ends before it begins")
        return found

    def word(value: Any) -> Word:
        # One of no length, where two spans meet, begins in the later and ends in the earlier one.
        return Word(**timed({"word": _spoken, "probability": maybe(number(0.0, 1.001))}, value))

    def line(value: Any) -> Segment:
        checks: dict[str, Check] = {
            "text": _spoken, "avg_logprob": _logprob, "no_speech_prob": _probability, "compression_ratio": _ratio,
            "temperature": _temperature, "language": language(), "words": maybe(several(word, WORDS_MAX)),
            "channel": whole(0, 0), "beam_size": maybe(whole(1, 1000)), "speaker": text(0),
        }  # fmt: skip
        return Segment(**in_order(checks, value))

    def left_out(value: Any) -> Suppressed:
        return Suppressed(**in_order({"text": _spoken, "reason": text(MESSAGE_MAX)}, value))

    def translation(value: Any) -> Decoded:
        if not with_translation:
            raise Malformed("a translation is not translated")
        return _decoded(value, chunk, with_translation=False)

    checks: dict[str, Check] = {
        "segments": several(line, LINES_MAX),
        "avg_logprob": _logprob,
        "no_speech_prob": _probability,
        "compression_ratio": _ratio,
        "temperature": _temperature,
        "language": language(),
        "language_probability": _probability,
        "covered_s": number(0.0, most_s + PAST_THE_END_S),
        "suppressed": several(left_out, LINES_MAX),
        "whole_encoding": flag,
        "translation": maybe(translation),
        "provisional": flag,
        "pause_s": maybe(number(0.0, most_s)),
    }
    found = Decoded(**fields(item, checks))
    if sum(len(each.text) for each in found.segments) > TEXT_MAX:
        raise Malformed(f"its segments are longer than {TEXT_MAX} characters")
    return found


def _spoken(value: Any) -> str:
    """Return a text without what no line of a transcript has: ends of lines, and other signs for machines."""
    said: str = text(TEXT_MAX)(value)
    return "".join(each if each >= " " and each != "\x7f" else " " for each in said)
