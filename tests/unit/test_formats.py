import json
from dataclasses import replace

import pysubs2

from daemon.chunk import Options, Segment, Word
from daemon.publish.formats import render
from tests.unit.test_running import JOB

FORMATS = ("json", "txt", "srt", "vtt", "tsv", "lrc", "ass")
SEGMENTS = [
    Segment(0.0, 2.5, "Hello there.", -0.2, 0.01, 1.0, 0.0, "en"),
    Segment(62.0, 64.0, "A {brace} and a \\N.", -0.2, 0.01, 1.0, 0.0, "en"),
]


def job(**changes):
    options = Options(formats=FORMATS)
    values = {"options": options, "content_hash": "ab", "language": "en", "duration_s": 64.0, "model": "tiny.en"}
    return replace(JOB, **(values | changes))


def test_the_json_is_published_last_and_says_where_it_comes_from() -> None:
    files = render(job(), SEGMENTS)
    assert list(files)[-1] == "json" and set(files) == set(FORMATS)
    document = json.loads(files["json"])
    assert document["text"] == "Hello there. A {brace} and a \\N."
    assert document["segments"][0]["start_s"] == 0.0 and "words" not in document["segments"][0]
    provenance = document["provenance"]
    assert provenance["model"] == "tiny.en" and provenance["content_hash"] == "ab"
    assert provenance["options"]["beam_size"] == 5 and provenance["transcribed"]


def test_rendering_twice_gives_the_same_bytes() -> None:
    assert render(job(), SEGMENTS) == render(job(), SEGMENTS)


def test_silence_gives_empty_but_valid_files() -> None:
    files = render(job(), [])
    assert files["txt"] == b""
    assert json.loads(files["json"])["segments"] == []
    for form in ("srt", "vtt", "ass"):
        assert len(pysubs2.SSAFile.from_string(files[form].decode() or "\n", format_=form)) == 0
    assert files["vtt"].startswith(b"WEBVTT")


def test_subtitles_are_read_back_as_they_were_said() -> None:
    files = render(job(), SEGMENTS)
    for form in ("srt", "vtt", "ass"):
        events = pysubs2.SSAFile.from_string(files[form].decode(), format_=form)
        assert [event.plaintext for event in events] == ["Hello there.", "A (brace) and a /N."]
        assert (events[1].start, events[1].end) == (62_000, 64_000)
    assert files["lrc"].decode().splitlines()[1] == "[01:02.00]A {brace} and a \\N."
    assert files["tsv"].decode().splitlines()[1] == "0\t2500\tHello there."


def test_words_are_in_the_json_if_there_are_any() -> None:
    spoken = replace(SEGMENTS[0], words=(Word(0.1, 0.5, " Hello", 0.9),))
    document = json.loads(render(job(), [spoken])["json"])
    assert document["segments"][0]["words"] == [{"start_s": 0.1, "end_s": 0.5, "word": " Hello", "probability": 0.9}]
