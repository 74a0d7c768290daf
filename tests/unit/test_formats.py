import json
import re
from dataclasses import replace

import pysubs2

from daemon.chunk import Options, Segment, Word
from daemon.config.formats import FORMATS
from daemon.publish.formats import RENDERERS, render
from tests.support import ROOT
from tests.unit.test_active_job import JOB

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


def test_every_format_is_rendered_and_documented() -> None:
    assert {*RENDERERS, "json"} == set(FORMATS)
    assert set(render(job(), SEGMENTS)) == set(FORMATS)
    for page in ("config.toml", "README.md", "docs/database.md"):
        text = (ROOT / page).read_text("utf-8")
        for name in FORMATS:
            assert re.search(rf"\b{name}\b", text), f"{page} does not name {name}"


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


def line(start_s: float, end_s: float, text: str, language: str = "en") -> Segment:
    return Segment(start_s, end_s, text, -0.2, 0.01, 1.0, 0.0, language)


def test_markdown_is_headed_and_has_paragraphs_with_their_times() -> None:
    spoken = [
        line(0.0, 2.0, "Hello there."), line(2.5, 4.0, "It *is* me_[1] & <b>."),
        line(7.0, 9.0, "After a pause."),
        line(9.0, 70.0, "A minute, and"), line(70.0, 80.0, "not ended. Now it is."), line(80.0, 82.0, "New."),
        line(3700.0, 3701.0, "你好。", "zh"), line(3701.0, 3702.0, "世界。", "zh"),
    ]  # fmt: skip
    made = render(job(path_bytes=b"sub/my_talk #1.mp3", duration_s=3725.4), spoken)["md"].decode()
    assert (
        made
        == r"""# my\_talk \#1

*length 01:02:05, language en, model tiny.en*

**[00:00:00]** Hello there. It \*is\* me\_\[1\] \& \<b\>.

**[00:00:07]** After a pause. A minute, and not ended. Now it is.

**[00:01:20]** New.

**[01:01:40]** 你好。世界。
"""
    )


def test_markdown_of_silence_is_a_heading() -> None:
    made = render(job(path_bytes=b"a\xff.mp3", duration_s=None, language=None), [])["md"].decode()
    assert made == "# a\\\\xff\n\n*length 00:00:00, model tiny.en*\n"
