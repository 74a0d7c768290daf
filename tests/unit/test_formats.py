import json
import re
from dataclasses import asdict, replace

import pysubs2
import pytest

from daemon import __version__
from daemon.chunk import Options, Segment, Suppressed, Word
from daemon.config.formats import EXTENSIONS, FORMATS
from daemon.config.reader import default_text
from daemon.publish.formats import RENDERERS, render
from daemon.watch.listing import MEDIA
from tests.support import ROOT
from tests.unit.test_active_job import JOB

GOLDEN = ROOT / "tests" / "unit" / "golden"
SEGMENTS = [
    Segment(0.0, 2.5, "Hello there.", -0.2, 0.01, 1.0, 0.0, "en"),
    Segment(62.0, 64.0, "A {brace} and a \\N.", -0.2, 0.01, 1.0, 0.0, "en"),
]


def job(**changes):
    options = Options(formats=FORMATS)
    values = {
        "path": "sub/talk.mp3", "path_bytes": b"sub/talk.mp3", "options": options, "content_hash": "ab",
        "language": "en", "duration_s": 64.0, "model": "tiny.en",
    }  # fmt: skip
    return replace(JOB, **(values | changes))


def golden(file: str) -> str:
    """The exact text of a file of a transcript, with this version and these options filled into a JSON."""
    options = json.dumps(asdict(job().options), indent=1).replace("\n", "\n  ")
    text = (GOLDEN / file).read_text("utf-8")
    return text.replace('"VERSION"', json.dumps(__version__)).replace('"OPTIONS"', options)


@pytest.mark.parametrize("form", FORMATS)
def test_a_transcript_in_this_format_is_exactly_this(form: str) -> None:
    dropped = Suppressed(30.0, 31.0, "Thank you.", "nobody speaks")
    spoken = [{"language": "en", "words": 6, "speaking_s": 4.5}]
    assert render(job(), SEGMENTS, [dropped], {"languages": spoken})[form].decode() == golden(f"talk.{form}")


@pytest.mark.parametrize("form", FORMATS)
def test_a_recording_without_speech_gives_exactly_this(form: str) -> None:
    silent = job(language=None, model=None)
    assert render(silent, [], (), {"languages": []})[form].decode() == golden(f"silence.{form}")


def test_every_format_has_a_renderer_and_a_text_to_compare_with() -> None:
    assert list(RENDERERS) == list(FORMATS)
    assert {file.name for file in GOLDEN.iterdir()} == {
        f"{of}.{form}" for of in ("talk", "silence") for form in FORMATS
    }


@pytest.mark.parametrize(
    ("text", "listed"),
    [
        (default_text(), r"^formats = \[(.*)\] +# also (.*)$"),
        ((ROOT / "README.md").read_text("utf-8"), r"^formats = \[(.*)\] +# also (.*)$"),
        ((ROOT / "docs" / "database.md").read_text("utf-8"), r"files named like transcripts \((.*)\)"),
    ],
    ids=["config.toml", "README.md", "docs/database.md"],
)
def test_every_format_is_named_where_users_look_for_it(text: str, listed: str) -> None:
    (found,) = re.finditer(listed, text, re.MULTILINE)
    assert sorted(re.findall(r"\w+", " ".join(found.groups()))) == sorted(FORMATS)


def test_a_name_is_an_extension_that_no_recording_has() -> None:
    assert all(re.fullmatch(r"[a-z0-9]+", form) for form in FORMATS)
    assert {f".{form}" for form in FORMATS} == EXTENSIONS and len(EXTENSIONS) == len(FORMATS)
    assert EXTENSIONS.isdisjoint(MEDIA)


def test_only_what_was_asked_for_is_rendered_and_the_json_is_published_last() -> None:
    assert list(render(job(), SEGMENTS))[-1] == "json"
    asked = job(options=Options(formats=("json", "lrc", "txt")))
    assert list(render(asked, SEGMENTS)) == ["txt", "lrc", "json"]


def test_rendering_twice_gives_the_same_bytes() -> None:
    assert render(job(), SEGMENTS) == render(job(), SEGMENTS)


def test_silence_gives_valid_files() -> None:
    files = render(job(), [])
    assert json.loads(files["json"])["segments"] == []
    for form in ("srt", "vtt", "ass"):
        assert len(pysubs2.SSAFile.from_string(files[form].decode() or "\n", format_=form)) == 0


def test_subtitles_are_read_back_as_they_were_said() -> None:
    files = render(job(), SEGMENTS)
    for form in ("srt", "vtt", "ass"):
        events = pysubs2.SSAFile.from_string(files[form].decode(), format_=form)
        assert [event.plaintext for event in events] == ["Hello there.", "A (brace) and a /N."]
        assert (events[1].start, events[1].end) == (62_000, 64_000)


def test_words_are_in_the_json_if_there_are_any() -> None:
    spoken = replace(SEGMENTS[0], words=(Word(0.1, 0.5, " Hello", 0.9),))
    document = json.loads(render(job(), [spoken])["json"])
    assert document["segments"][0]["words"] == [{"start_s": 0.1, "end_s": 0.5, "word": " Hello", "probability": 0.9}]


def test_the_lines_of_lrc_never_have_sixty_seconds() -> None:
    files = render(job(), [replace(SEGMENTS[0], start_s=59.996, end_s=61.0)])
    assert files["lrc"] == b"[01:00.00]Hello there.\n"


@pytest.mark.parametrize("form", ["srt", "vtt", "ass", "lrc"])
def test_a_translation_keeps_its_spaces_whatever_was_spoken(form: str) -> None:
    translated = job(language="zh", options=Options(formats=FORMATS, task="translate"))
    assert "Hello there." in render(translated, [replace(SEGMENTS[0], language="zh")])[form].decode()
