import itertools
import json
from dataclasses import asdict, replace
from typing import Any

import pysubs2
import pytest

from daemon import __version__
from daemon.chunk import Options, Suppressed, Word
from daemon.config.formats import FORMATS
from daemon.publish.formats import RENDERERS, render
from daemon.store.records import Job
from tests import builders
from tests.builders import segment
from tests.support import ROOT

GOLDEN = ROOT / "tests" / "unit" / "golden"
SEGMENTS = [
    segment("Hello there.", 0.0, 2.5, no_speech_prob=0.01),
    segment("A {brace} and a \\N.", 62.0, 64.0, no_speech_prob=0.01),
]


def job(**changes: Any) -> Job:
    values = {
        "path": "sub/talk.mp3", "path_bytes": b"sub/talk.mp3", "options": Options(formats=FORMATS), "content_hash": "ab",
        "language": "en", "duration_s": 64.0, "model": "tiny.en",
    }  # fmt: skip
    return builders.job(**{**values, **changes})


def golden(file: str) -> str:
    """The exact text of a file of a transcript, with this version and these options filled into a JSON."""
    options = json.dumps(asdict(job().options), indent=1).replace("\n", "\n  ")
    text = (GOLDEN / file).read_bytes().decode()
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


def test_no_format_takes_what_was_said_for_its_own_signs() -> None:
    files = render(job(), [replace(SEGMENTS[0], text="R&D <i>said</i> 3 < 5 --> true")])
    assert files["vtt"].decode().splitlines()[4] == "R&amp;D &lt;i&gt;said&lt;/i&gt; 3 &lt; 5 --&gt; true"
    assert files["srt"].decode().splitlines()[2] == "R&D ‹i>said‹/i> 3 < 5 --› true"
    assert files["ass"].decode().splitlines()[-1].endswith("R&D ‹i>said‹/i> 3 < 5 --› true")


@pytest.mark.parametrize("form", ["srt", "vtt", "ass"])
def test_cues_are_apart_in_every_format_and_end_with_the_recording(form: str) -> None:
    said = [segment(f"{number} has no time.", 63.0 + number / 400, 63.0) for number in range(30)]
    events = pysubs2.SSAFile.from_string(
        render(job(), [*said, segment("Late.", 66.0, 70.0)])[form].decode(), format_=form
    )
    assert all(event.start < event.end <= 64_000 for event in events)
    assert all(before.end <= after.start for before, after in itertools.pairwise(events))


def test_the_table_and_the_json_have_no_time_after_the_recording() -> None:
    files = render(job(), [segment("Hello", 60.0, 70.0)])
    assert files["tsv"].decode().splitlines()[1] == "60000\t64000\tHello"
    assert json.loads(files["json"])["segments"][0]["end_s"] == 64.0


def test_the_text_of_the_json_is_joined_as_its_script_wants() -> None:
    said = [segment("我们今天。", 0, 1, language="zh"), segment("明天见。", 1, 2, language="zh")]
    assert json.loads(render(job(), said)["json"])["text"] == "我们今天。明天见。"


def test_a_segment_of_one_channel_names_it() -> None:
    assert json.loads(render(job(), [replace(SEGMENTS[0], channel=2)])["json"])["segments"][0]["channel"] == 2


@pytest.mark.parametrize("beam_size", [1, 5, None])
def test_a_segment_names_the_search_that_found_it(beam_size: int | None) -> None:
    (said,) = json.loads(render(job(), [replace(SEGMENTS[0], beam_size=beam_size)])["json"])["segments"]
    assert said.get("beam_size") == beam_size and ("beam_size" in said) == (beam_size is not None)


def test_subtitles_keep_the_limits_of_their_job() -> None:
    options = Options(formats=("srt",), subtitle_max_lines=1, subtitle_line_columns=20)
    files = render(job(options=options), [segment("A sentence of more than twenty columns.", 0, 4)])
    texts = [line for line in files["srt"].decode().splitlines() if line[:1].isalpha()]
    assert len(texts) == 2 and all(len(line) <= 20 for line in texts)


def test_a_job_that_is_to_have_both_has_english_files_beside_the_originals() -> None:
    both = job(options=Options(formats=("srt", "json", "txt", "md"), task="both", replace={"hi": "Hello"}))
    german = [segment("Guten Morgen.", 0.0, 2.0, language="de")]
    english = [segment("Hi there.", 0.0, 2.0, language="de")]
    files = render(both, german, translation=english)
    assert list(files) == ["txt", "en.txt", "srt", "en.srt", "md", "en.md", "json"]
    assert files["txt"] == b"Guten Morgen.\n" and files["en.txt"] == b"Hello there.\n"
    assert b"Hello there." in files["en.srt"] and b"Guten" not in files["en.srt"]
    assert b"translated into English" in files["en.md"] and b"translated" not in files["md"]
    document = json.loads(files["json"])
    assert document["text"] == "Guten Morgen."
    assert document["translation"]["text"] == "Hello there."
    assert document["translation"]["segments"][0]["language"] == "en"
    assert list(render(both, german, formats=("vtt", "en.srt"), translation=english)) == [
        "srt",
        "en.srt",
        "vtt",
        "en.vtt",
    ]
    assert list(render(job(), SEGMENTS, formats=("en.srt",))) == ["srt"]


def test_nobody_speaks_in_either_language() -> None:
    both = job(options=Options(formats=("srt", "json"), task="both"))
    files = render(both, [])
    assert files["en.srt"] == files["srt"] == b""
    assert json.loads(files["json"])["translation"] == {"text": "", "language": "en", "segments": []}


@pytest.mark.parametrize("task", ["both", "translate"])
def test_a_translation_is_spelled_as_english(task: str) -> None:
    options = Options(
        formats=("txt", "json"), task=task, language="de", suppress_words=("also",),
        languages={"en": {"suppress_words": (), "replace": {"harbor": "harbour"}}},
    )  # fmt: skip
    english = [segment("He also left the harbor.", 0.0, 2.0, language="de")]
    german = [segment("Er ging also.", 0.0, 2.0, language="de")]
    files = render(job(options=options), german if task == "both" else english, translation=english)
    name = "en.txt" if task == "both" else "txt"
    assert files[name] == b"He also left the harbour.\n"
    assert task == "translate" or files["txt"] == b"Er ging.\n"
