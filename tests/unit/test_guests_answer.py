"""What was heard comes through as it is, and an answer that makes no sense is refused as a whole."""

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from daemon.chunk import Chunk, Decoded
from daemon.guests.answer import packed, unpacked
from daemon.guests.checks import Malformed
from tests.builders import chunk, decoded, heard, segment
from tests.talk import JSON, changed, chunks, places
from tests.talk import heard as any_heard


def same(one: object, other: object) -> bool:
    """NaN is what it is."""
    return repr(one) == repr(other)


@given(st.data())
@settings(max_examples=50, deadline=None)
def test_what_was_heard_comes_through_to_the_last_bit(data: st.DataObject) -> None:
    sent = data.draw(st.lists(chunks(), min_size=1, max_size=3))
    results: list[Decoded | str] = [data.draw(any_heard(each) | st.just("the engine died")) for each in sent]
    assert same(unpacked(packed(results), sent), results)


@given(st.data())
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_whatever_is_broken_is_refused_and_nothing_else_happens(data: st.DataObject) -> None:
    of = data.draw(chunks())
    body = packed([data.draw(any_heard(of))])
    document = json.loads(body)
    place = data.draw(st.sampled_from(places(document)))
    for broken in (
        json.dumps(changed(document, place, data.draw(JSON))).encode(),
        body[: data.draw(st.integers(0, len(body) - 1))],
        data.draw(st.binary(max_size=40)),
    ):
        try:
            (came,) = unpacked(broken, [of])
        except Malformed:
            continue
        assert same(unpacked(packed([came]), [of]), [came])


LINE = {"end_s": 0.0, "start_s": 5.0}


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (("segments", 0, "start_s"), 99.0), (("segments", 0, "start_s"), -5.0), (("segments", 0, "text"), 7),
        (("segments", 0, "text"), "a" * 20_000), (("segments", 0, "language"), "auto"), (("segments", 0, "channel"), 1),
        (("segments", 0, "speaker"), "S1"), (("segments", 0, "compression_ratio"), None), (("segments", 0), LINE),
        (("segments", 0, "words"), [{"start_s": 0.0, "end_s": 1.0, "word": "a"}]), (("avg_logprob",), 1.0),
        (("no_speech_prob",), -1), (("temperature",), None), (("language",), "xx"), (("covered_s",), 12.0),
        (("covered_s",), None), (("whole_encoding",), 1), (("pause_s",), 30.0), (("provisional",), None),
        (("segments",), None), (("segments",), [{}]), (("translation",), {}), (("suppressed",), None),
    ],
)  # fmt: skip
def test_a_result_is_refused_if_one_value_is_wrong(place: tuple[Any, ...], value: Any) -> None:
    of = chunk(seconds=10.0)
    document = json.loads(packed([heard(of)]))
    unpacked(json.dumps(document).encode(), [of])
    broken = changed(document, ("results", 0, "heard", *place), value)
    with pytest.raises(Malformed):
        unpacked(json.dumps(broken).encode(), [of])


def test_a_line_ends_after_it_begins() -> None:
    document = json.loads(packed([heard(of := chunk())]))
    (line,) = document["results"][0]["heard"]["segments"]
    line |= {"start_s": 5.0, "end_s": 4.0}
    with pytest.raises(Malformed, match="it ends before it begins"):
        unpacked(json.dumps(document).encode(), [of])


@pytest.mark.parametrize("count", [0, 1, 3])
def test_there_is_one_result_for_each_chunk(count: int) -> None:
    of: Chunk = chunk()
    with pytest.raises(Malformed):
        unpacked(packed([heard(of)] * count), [of, of])


def test_a_translation_has_no_translation_of_its_own() -> None:
    of, one = chunk(), decoded("one")
    twice = decoded("a", translation=decoded("b", translation=one))
    with pytest.raises(Malformed, match="is not translated"):
        unpacked(packed([twice]), [of])


def test_a_measure_that_is_no_number_is_missing() -> None:
    of = chunk()
    (came,) = unpacked(packed([decoded(avg_logprob=float("-inf"), no_speech_prob=float("nan"))]), [of])
    assert isinstance(came, Decoded) and [str(came.avg_logprob), str(came.no_speech_prob)] == ["nan", "nan"]


def test_texts_are_lines_of_a_transcript() -> None:
    of = chunk()
    lines = (segment("good\nmorning\0all\x7f"), segment("می‌خواهم"))
    (came,) = unpacked(packed([decoded(segments=lines)]), [of])
    assert isinstance(came, Decoded)
    assert [line.text for line in came.segments] == ["good morning all ", "می‌خواهم"]
    whole = decoded(segments=(segment("a" * 6000), segment("a" * 6000)))
    with pytest.raises(Malformed, match="longer"):
        unpacked(packed([whole]), [of])
