"""Chunks come through as they are, and whatever else comes is refused as a whole."""

import json
from dataclasses import fields, replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from daemon.chunk import Chunk
from daemon.guests.checks import Malformed
from daemon.guests.request import (
    _CHUNK,
    CHUNK_MAX_BYTES,
    CHUNKS_MAX,
    LENGTH,
    PROTOCOL,
    REQUEST_MAX_BYTES,
    Request,
    packed,
    unpacked,
)
from tests.builders import chunk
from tests.talk import JSON, changed, chunks, places

OF_THE_DAEMON = {
    "job_id", "idx", "audio", "run", "part", "channel", "doubtful", "spoken", "tail", "digest",
}  # fmt: skip
"""What of a chunk is of no concern to an engine, or said in another way."""


def said(body: bytes) -> dict[str, Any]:
    """The JSON of a request."""
    (size,) = LENGTH.unpack_from(body)
    document: dict[str, Any] = json.loads(body[LENGTH.size : LENGTH.size + size])
    return document


def made(document: Any, samples: bytes) -> bytes:
    head = json.dumps(document).encode()
    return LENGTH.pack(len(head)) + head + samples


def refused(body: bytes) -> str:
    with pytest.raises(Malformed) as caught:
        unpacked(body)
    return str(caught.value)


@given(st.lists(chunks(), min_size=1, max_size=3), st.text(st.characters(exclude_categories=["Cs"]), max_size=20))
@settings(max_examples=50, deadline=None)
def test_what_an_engine_is_told_comes_through_to_the_last_bit(sent: list[Chunk], model: str) -> None:
    came = unpacked(packed(Request(model, tuple(sent))))
    assert came == Request(model, tuple(replace(each, idx=idx) for idx, each in enumerate(sent)))


def test_every_field_of_a_chunk_is_sent_or_of_no_concern_to_an_engine() -> None:
    assert {field.name for field in fields(Chunk)} == OF_THE_DAEMON | _CHUNK.keys()


@given(st.data())
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_whatever_is_broken_is_refused_and_nothing_else_happens(data: st.DataObject) -> None:
    body = packed(Request("tiny.en", (data.draw(chunks()),)))
    document = said(body)
    place = data.draw(st.sampled_from(places(document)))
    for broken in (
        made(changed(document, place, data.draw(JSON)), body[len(body) - 2 :]),
        body[: data.draw(st.integers(0, len(body) - 1))],
        body + data.draw(st.binary(min_size=1, max_size=3)),
        data.draw(st.binary(max_size=40)),
    ):
        try:
            came = unpacked(broken)
        except Malformed:
            continue
        # What is no worse than what was sent is taken, and then it is what it says.
        assert unpacked(packed(came)) == came


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("spans", []), ("spans", [[1.0, 1.0]]), ("spans", [[-1.0, 1.0]]), ("spans", [[0.0, 1e9]]), ("spans", [[0.0]]),
        ("language", "xx"), ("language", ""), ("language", ["en"]), ("fallback_language", "auto"), ("task", "sing"), ("task", {}),
        ("beam_size", 0), ("beam_size", True), ("beam_size", 2.0), ("beam_size", 10**30), ("search", "wide"),
        ("word_timestamps", 1), ("temperature", 1.5), ("temperature", "0"), ("temperature", True), ("previous", None),
        ("previous", "a" * 20_000), ("previous", "\ud800"), ("hotwords", "a"), ("hotwords", [7]), ("alone", None),
        ("languages", {"xx": {}}), ("languages", {"en": {"audio": ""}}), ("languages", {"en": 7}), ("languages", []),
        ("noise_db", "-inf"), ("recording", -1), ("bytes", 3), ("bytes", 0), ("bytes", 4), ("bytes", CHUNK_MAX_BYTES + 2),
        ("more", 1),
    ],
)  # fmt: skip
def test_a_chunk_is_refused_with_the_reason(key: str, value: Any) -> None:
    document = said(packed(Request("tiny.en", (chunk(audio=b"\0\1"),))))
    unpacked(made(document, b"\0\1"))
    why = refused(made(changed(document, ("chunks", 0), {**document["chunks"][0], key: value}), b"\0\1"))
    assert key in why or key in ("bytes", "more")


@pytest.mark.parametrize("key", ["protocol", "model", "chunks"])
def test_nothing_may_be_missing(key: str) -> None:
    document = said(packed(Request("tiny.en", (chunk(audio=b"\0\1"),))))
    assert refused(made({name: value for name, value in document.items() if name != key}, b"\0\1"))


def test_another_protocol_is_not_understood() -> None:
    document = said(packed(Request("tiny.en", (chunk(audio=b"\0\1"),))))
    assert refused(made({**document, "protocol": PROTOCOL + 1, "new": 7}, b"\0\1")) == f"its protocol is not {PROTOCOL}"


@pytest.mark.parametrize(
    "body",
    [b"", b"\0\0\0", LENGTH.pack(9) + b"{}", LENGTH.pack(1 << 31) + bytes(99), LENGTH.pack(2) + b"[]",
        LENGTH.pack(8) + b"Infinity", LENGTH.pack(90_000) + b"[" * 90_000],
)  # fmt: skip
def test_what_is_no_request_is_refused(body: bytes) -> None:
    assert refused(body)


def test_the_largest_request_fits() -> None:
    whole = chunk(audio=bytes(CHUNK_MAX_BYTES), previous="ä" * 1000, initial_prompt="ä" * 2000, hotwords=("ä" * 2000,))
    body = packed(Request("large-v3", (whole,) * CHUNKS_MAX))
    assert len(body) <= REQUEST_MAX_BYTES and len(unpacked(body).chunks) == CHUNKS_MAX
    assert refused(packed(Request("large-v3", (chunk(audio=b"\0\1"),) * (CHUNKS_MAX + 1))))
