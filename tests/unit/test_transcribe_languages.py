"""Words and speaking time of each language."""

import json
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.chunk import Segment
from daemon.store.records import StoredChunk
from daemon.transcribe import languages


def segment(start_s: float, end_s: float, text: str, language: str = "en") -> Segment:
    return Segment(start_s, end_s, text, -0.1, 0.0, 1.0, 0.0, language)


def chunk(*segments: Segment) -> StoredChunk:
    return StoredChunk(0, 0.0, 30.0, segments)


def found(*chunks: StoredChunk) -> list[languages.Language]:
    state = languages.begin()
    for each in chunks:
        state = languages.step(state, each)
    return languages.result(state)


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("", 0),
        ("Good morning, everybody.", 3),
        ("  it's 3.5 % — or more …", 4),
        ("l'été dernier", 2),
        ("Привет, мир", 2),
        ("한국어 문장", 2),
        ("नमस्ते दुनिया", 2),
        ("今天天气很好。", 6),
        ("これはペンです。", 7),
        ("人々", 2),
        ("ที่นี่", 2),  # two consonants; vowels and tones above them are no letters of their own
        ("ສະບາຍດີ", 6),
        ("我用 iPhone手机", 5),
    ],
)
def test_words_are_counted_and_characters_where_no_spaces_are_written(text: str, count: int) -> None:
    assert languages.count_words(text) == count


def test_words_and_speaking_time_of_each_language_the_longest_first() -> None:
    assert found(
        chunk(segment(0.0, 2.0, "Guten Tag.", "de"), segment(2.5, 4.0, "Good morning.", "en")),
        chunk(),
        chunk(segment(30.0, 33.0, "And now in English."), segment(40.0, 40.25, "Ja.", "de")),
    ) == [
        {"language": "en", "words": 6, "speaking_s": 4.5},
        {"language": "de", "words": 3, "speaking_s": 2.25},
    ]


def test_a_recording_without_speech_has_no_languages() -> None:
    assert found() == found(chunk()) == []


def test_a_translation_is_counted_as_the_english_that_it_is() -> None:
    assert found(chunk(segment(0.0, 2.0, "The weather is fine.", "zh"))) == [
        {"language": "zh", "words": 4, "speaking_s": 2.0}
    ]


def test_no_moment_is_counted_twice() -> None:
    overlapping = chunk(segment(0.0, 4.0, "a"), segment(1.0, 2.0, "b"), segment(3.0, 5.0, "c", "de"))
    assert found(overlapping, chunk(segment(4.5, 5.5, "d"))) == [
        {"language": "en", "words": 3, "speaking_s": 4.5},
        {"language": "de", "words": 1, "speaking_s": 1.0},
    ]


TIMES = st.floats(0, 1000).map(lambda moment: round(moment, 3))
SEGMENTS = st.builds(
    segment, TIMES, TIMES, st.sampled_from(["one", "one two", "今天", "…"]), st.sampled_from(["en", "de"])
)
CHUNKS = st.lists(st.lists(SEGMENTS, max_size=3).map(lambda segments: chunk(*segments)), max_size=8)


@given(CHUNKS, st.lists(st.integers(0, 8), max_size=3))
def test_a_state_that_went_through_json_goes_on_as_if_it_had_not(
    chunks: Sequence[StoredChunk], cuts: list[int]
) -> None:
    state = languages.begin()
    for number, each in enumerate(chunks):
        if number in cuts:
            state = json.loads(json.dumps(state))
        state = languages.step(state, each)
    assert languages.result(state) == found(*chunks)
    assert sum(each["speaking_s"] for each in languages.result(state)) <= 1000.001
