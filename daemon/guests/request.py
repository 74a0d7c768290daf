"""Several chunks of a daemon as one request, with all that an engine is told of them. Pure.

Four bytes are the length of the JSON that follows, most significant first; then come the samples of each chunk, signed
16-bit little-endian mono at 16 kHz, as many bytes as the JSON says.
"""

import json
import struct
from dataclasses import dataclass
from typing import Any

from daemon.chunk import BEAM, BOTH, BYTES_PER_SECOND, CHUNK_MAX_S, GREEDY_FIRST, Chunk
from daemon.guests.checks import (
    SECONDS_MAX,
    Check,
    Malformed,
    document,
    fields,
    flag,
    language,
    number,
    number_or,
    one_of,
    or_null,
    several,
    text,
    whole,
)

PROTOCOL = 1
"""It grows with every change of what is said here or in `answer.py`; who speaks another one is not understood."""
ADDRESS = "/chunks"
"""Where a server takes them, after the address of its API."""
MEDIA_TYPE = "application/vnd.transcribed.chunks"
CHUNKS_MAX = 64
LENGTH = struct.Struct("!I")
CHUNK_MAX_BYTES = int(CHUNK_MAX_S * BYTES_PER_SECOND)
JSON_MAX_BYTES = 4 << 20
REQUEST_MAX_BYTES = LENGTH.size + JSON_MAX_BYTES + CHUNKS_MAX * CHUNK_MAX_BYTES
SPANS_MAX = 2000
TOLD_MAX = 10_000
"""Characters of a text that a model is told; it can hold far less."""
BEAM_MAX = 20


@dataclass(frozen=True, slots=True)
class Request:
    """Chunks for a server. The `job_id` of a chunk tells recordings apart, and says nothing else."""

    model: str
    """What the server has said that its model is."""
    chunks: tuple[Chunk, ...]


def _span(value: Any) -> tuple[float, float]:
    start_s, end_s = several(number(0.0, SECONDS_MAX), 2, 2)(value)
    if start_s >= end_s:
        raise Malformed("a span does not end after it begins")
    return start_s, end_s


_words = several(text(TOLD_MAX), 1000)
_OF_LANGUAGE: dict[str, Check] = {
    "initial_prompt": text(TOLD_MAX), "hotwords": _words, "beam_size": whole(1, BEAM_MAX),
}  # fmt: skip


def _of_languages(value: Any) -> dict[str, dict[str, Any]]:
    if not isinstance(value, dict) or not all(isinstance(each, dict) for each in value.values()):
        raise Malformed("it is not an object of objects")
    return {
        language()(code): fields(each, {name: _OF_LANGUAGE.get(name, _unknown) for name in each})
        for code, each in value.items()
    }


def _unknown(_value: Any) -> Any:
    raise Malformed("nothing of this name is different in a language")


_CHUNK: dict[str, Check] = {
    "spans": several(_span, SPANS_MAX, 1),
    "language": language("auto"),
    "fallback_language": language(""),
    "task": one_of("transcribe", "translate", BOTH),
    "beam_size": whole(1, BEAM_MAX),
    "search": one_of("auto", GREEDY_FIRST, BEAM),
    "word_timestamps": flag,
    "temperature": number(0.0, 1.0),
    "full_context": flag,
    "whole_encoding": flag,
    "previous": text(TOLD_MAX),
    "initial_prompt": text(TOLD_MAX),
    "hotwords": _words,
    "languages": _of_languages,
    "alone": flag,
    "noise_db": number_or(float("-inf"), -1000.0, 100.0),
}
"""What an engine is told of a chunk, by the names of its fields."""
_SENT: dict[str, Check] = {"recording": whole(0, 1 << 62), "bytes": whole(2, CHUNK_MAX_BYTES), **_CHUNK}
_REQUEST: dict[str, Check] = {
    "protocol": whole(0, 1 << 30),
    "model": text(1000),
    "chunks": several(lambda item: fields(item, _SENT), CHUNKS_MAX, 1),
}


def packed(request: Request) -> bytes:
    """Return a request as it is sent."""
    items = [
        {
            "recording": chunk.job_id,
            "bytes": len(chunk.audio),
            **{name: getattr(chunk, name) for name in _CHUNK},
            "noise_db": or_null(chunk.noise_db),
        }
        for chunk in request.chunks
    ]
    said = {"protocol": PROTOCOL, "model": request.model, "chunks": items}
    head = json.dumps(said, ensure_ascii=False, allow_nan=False).encode("utf-8", "replace")
    return b"".join([LENGTH.pack(len(head)), head, *(chunk.audio for chunk in request.chunks)])


def unpacked(body: bytes) -> Request:
    """Return the request that came; the chunks of a recording are numbered as they stand in it.

    Raises:
        Malformed: It is none, or one of another protocol.
    """
    if len(body) < LENGTH.size:
        raise Malformed("it is too short")
    (head_bytes,) = LENGTH.unpack_from(body)
    at = LENGTH.size + head_bytes
    if head_bytes > JSON_MAX_BYTES or at > len(body):
        raise Malformed("the length of its JSON is not what it says")
    head = document(body[LENGTH.size : at])
    if isinstance(head, dict) and head.get("protocol") != PROTOCOL:
        raise Malformed(f"its protocol is not {PROTOCOL}")
    found, chunks = fields(head, _REQUEST), []
    for idx, item in enumerate(found["chunks"]):
        size = item.pop("bytes")
        if size % 2 or at + size > len(body):
            raise Malformed("its samples are not as many as it says")
        chunks.append(Chunk(job_id=item.pop("recording"), idx=idx, audio=body[at : at + size], **item))
        at += size
    if at != len(body):
        raise Malformed("its samples are not as many as it says")
    return Request(found["model"], tuple(chunks))
