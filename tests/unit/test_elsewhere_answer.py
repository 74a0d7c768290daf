"""What servers say of a chunk. The answers in `answers/` are written by hand, in the shapes that the servers' sources
have: speaches 0.9, whisper.cpp 1.8, and this one; OpenAI's is that of speaches but for the name of the language."""

import json
import math
from pathlib import Path
from typing import Any

import pytest

from daemon.chunk import Chunk, Decoded
from daemon.engine.elsewhere.answer import LINES_MAX, TEXT_MAX, WORDS_MAX, Malformed, decoded
from tests.builders import chunk
from tests.sounds import tone

ANSWERS = Path(__file__).parent / "answers"
SAID = "Let us meet at the station at ten."


def loud(seconds: float = 2.6, **fields: Any) -> Chunk:
    """A chunk with sound all over it, in two pieces of its recording."""
    spans = ((10.0, 11.0), (20.0, 20.0 + seconds - 1.0))
    return chunk(audio=tone(seconds, -20).tobytes(), spans=spans, noise_db=-90.0, **fields)


def take(document: object, of: Chunk | None = None) -> Decoded:
    return decoded(json.dumps(document).encode(), of or loud())


def line(**fields: Any) -> dict[str, Any]:
    return {"start": 0.0, "end": 1.0, "text": " one", **fields}


def whole(*lines: Any, **fields: Any) -> dict[str, Any]:
    return {"text": "one", "language": "english", "segments": list(lines), **fields}


@pytest.mark.parametrize("name", ["speaches", "whisper_cpp", "transcribed"])
def test_the_answers_of_servers_become_lines_in_the_recording(name: str) -> None:
    body = (ANSWERS / f"{name}.json").read_bytes()
    found = decoded(body, loud(word_timestamps=True))
    (segment,) = found.segments
    assert (segment.text, segment.start_s) == (SAID, 10.0)
    assert segment.end_s == pytest.approx(21.4, abs=0.21), "seconds of the audio are put back where they were"
    assert found.language == segment.language == "en"
    assert -0.3 < found.avg_logprob < -0.1 and segment.avg_logprob == found.avg_logprob
    assert 0.0 < found.no_speech_prob < 0.02
    assert "".join(word.word for word in segment.words or ()).strip() == SAID
    ten = next(word for word in segment.words or () if "ten" in word.word)
    assert ten.start_s == pytest.approx(20.85, abs=0.05), "the tenths that follow the pause"
    assert decoded(body, loud()).segments[0].words is None, "nobody has asked for them"


def test_what_a_server_does_not_say_is_not_made_up() -> None:
    found = decoded((ANSWERS / "speaches.json").read_bytes(), loud(word_timestamps=True))
    assert {word.probability for word in found.segments[0].words or ()} == {None}
    assert math.isnan(found.language_probability)
    found = decoded((ANSWERS / "whisper_cpp.json").read_bytes(), loud(word_timestamps=True))
    assert [word.probability for word in found.segments[0].words or ()][:2] == [0.7126, 0.9931]
    assert found.language_probability == 0.9871
    assert 0.5 < found.compression_ratio < 1.5, "which is one of the text, and needs no server"
    bare = take(whole(line(avg_logprob=None)))
    assert math.isnan(bare.avg_logprob) and math.isnan(bare.no_speech_prob) and math.isnan(bare.segments[0].avg_logprob)
    assert take(whole(line()), loud(word_timestamps=True)).segments[0].words is None


def test_a_chunk_is_as_good_as_the_worst_of_its_windows() -> None:
    first = line(avg_logprob=-0.1, no_speech_prob=0.9, compression_ratio=1.0)
    second = line(start=1.0, end=2.0, avg_logprob=-1.5, no_speech_prob=0.1, compression_ratio=3.0)
    found = take(whole(second, first))
    assert (found.avg_logprob, found.no_speech_prob, found.compression_ratio) == (-1.5, 0.1, 3.0)
    assert [each.start_s for each in found.segments] == [10.0, 20.0], "in the order in which they are said"


def test_a_text_without_times_is_one_line() -> None:
    (only,) = take({"text": " all of it ", "language": "de"}).segments
    assert (only.start_s, only.end_s, only.text, only.language) == (10.0, 21.6, "all of it", "de")
    assert take({"text": "", "language": "de"}).segments == ()


def test_lines_past_the_end_and_without_sound_are_left_out() -> None:
    found = take(whole(line(), line(start=2.6, end=9.0, text="made up")))
    assert [(each.text, each.reason) for each in found.suppressed] == [("made up", "past the end of the speech")]
    silence = chunk(seconds=2.6)
    assert [each.reason for each in take(whole(line()), silence).suppressed] == ["no sound there"]


@pytest.mark.parametrize(
    ("words", "lines"),
    [
        (["one", "two"], [" one", " two"]),
        ([" one", " two"], [" one", " two"]),
        (["one", "else", "two"], [" one", None]),  # what is in no line ends it: no word gets the time of another
        (["", "one", " ", "two"], [" one", " two"]),
    ],
)
def test_words_that_stand_by_themselves_go_to_their_lines(words: list[str], lines: list[str | None]) -> None:
    times = [{"word": word, "start": at * 0.5, "end": at * 0.5 + 0.4} for at, word in enumerate(words)]
    found = take(whole(line(text="one"), line(start=1.0, end=2.0, text="two"), words=times), loud(word_timestamps=True))
    assert [each.words and "".join(word.word for word in each.words) for each in found.segments] == lines


def test_languages_are_known_by_code_and_by_name() -> None:
    assert [take(whole(language=name)).language for name in ("en", "English", "pt-BR", "zho", "haitian creole")] == [
        "en", "en", "pt", "zh", "ht",
    ]  # fmt: skip
    assert take(whole(language="klingon"), loud(language="de")).language == "de", "who has been told need not be asked"
    assert take(whole(language=""), loud(fallback_language="fr")).language == "fr", "where nobody speaks"
    translated = take(whole(language="english"), loud(task="translate", fallback_language="fr"))
    assert translated.language == "fr" and math.isnan(translated.language_probability)


@pytest.mark.parametrize(
    "document",
    [
        [], "text", None, 7, {}, {"text": 7}, {"text": "x" * (TEXT_MAX + 1), "language": "en"}, {"text": "no language"},
        whole(line(), language="klingon"), whole(line(), language=7), whole(line(), language=None), whole(segments={}), whole(7), whole(line(text=None)),
        whole(line(start="0")), whole(line(start=True)), whole(line(start=None)), whole(line(start=-1)),
        whole(line(start=2.0)), whole(line(end=100.0)), whole(line(end=10**400)), whole(line(avg_logprob=3.0)),
        whole(line(avg_logprob="-0.1")), whole(line(no_speech_prob=1.5)), whole(line(compression_ratio=-1)),
        whole(line(temperature=99)), whole(*[line()] * (LINES_MAX + 1)), whole(*[line(text="x" * 9_000)] * 2),
        whole(line(words=[{"word": " one", "start": 0.0, "end": 99.0}])), whole(line(words=[7])), whole(line(words=7)),
        whole(line(words=[{"word": 7, "start": 0.0, "end": 1.0}])),
        whole(line(), words=[{"word": "one", "start": 0.0, "end": 1.0}] * (WORDS_MAX + 1)),
    ],
    ids=lambda document: json.dumps(document)[:60],
)  # fmt: skip
def test_what_makes_no_sense_is_refused(document: object) -> None:
    with pytest.raises(Malformed):
        take(document, loud(word_timestamps=True))


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b'{"text": "half', b"\xff", b"[" * 100_000, b'{"text": "x", "a": NaN}']
)
def test_what_is_no_json_is_refused(body: bytes) -> None:
    with pytest.raises(Malformed):
        decoded(body, loud())


def test_texts_hold_nothing_that_cannot_be_stored() -> None:
    (only,) = decoded(
        b'{"text": "", "language": "en", "segments": [{"start": 0, "end": 1, "text": "a\\ud800\\u0000\\n b"}]}', loud()
    ).segments
    assert only.text == "a? b"
