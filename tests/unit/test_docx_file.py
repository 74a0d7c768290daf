"""The document for Word, read back with the library that others read it with."""

from dataclasses import replace
from io import BytesIO
from typing import Any

import pytest
from docx import Document
from docx.oxml.ns import qn

from daemon.chunk import Options, Segment
from daemon.publish.docx_file import docx
from daemon.publish.transcript import Transcript
from daemon.sound import RecordedAt, Sound
from tests.builders import job, segment, transcript


def opened(content: bytes) -> Any:
    return Document(BytesIO(content))


def texts(content: bytes) -> list[str]:
    return [paragraph.text for paragraph in opened(content).paragraphs]


def languages(paragraph: Any) -> list[tuple[str, str]]:
    found = [(run.text, run._r.find(f".//{qn('w:lang')}")) for run in paragraph.runs]
    return [(text, element.get(qn("w:val"))) for text, element in found if element is not None]


def spoken(*segments: Segment, **fields: Any) -> Transcript:
    return Transcript(job(path="talks/board.m4a", **fields), segments, ())


def test_it_says_what_it_is_when_how_long_and_who() -> None:
    sound = Sound(recorded_at=RecordedAt("2026-03-02T09:05:00Z", "container"))
    of = spoken(
        segment("Hello.", 0, 1, channel=1), segment("Good morning.", 1, 2, channel=2),
        duration_s=2471.0, language="en", model="tiny.en", sound=sound,
    )  # fmt: skip
    title, details, *_ = texts(docx(of))
    assert title == "board.m4a"
    assert details == "Recorded 2026-03-02 09:05 · Length 00:41:11 · Language en · Channels 1, 2 · Model tiny.en"
    properties = opened(docx(of)).core_properties
    assert (properties.title, properties.language, properties.author, properties.comments) == (
        "board.m4a", "en-US", "", "",
    )  # fmt: skip


def test_times_stand_in_the_margin_of_each_paragraph_or_not_at_all() -> None:
    of = spoken(segment("One.", 0, 2), segment("Still one.", 2, 4), segment("Two.", 3725, 3730))
    assert texts(docx(of))[2:] == ["00:00:00\tOne. Still one.", "01:02:05\tTwo."]
    assert texts(docx(of, times=False))[2:] == ["One. Still one.", "Two."]
    layout = opened(docx(of)).paragraphs[2].paragraph_format
    assert layout.left_indent == -layout.first_line_indent > 0


def test_channels_are_named_where_another_one_speaks() -> None:
    of = spoken(
        segment("Hello.", 0, 1, channel=1), segment("Who is it?", 1, 2, channel=2), segment("Me.", 2, 3, channel=1)
    )
    assert texts(docx(of, times=False))[2:] == ["Channel 1: Hello.", "Channel 2: Who is it?", "Channel 1: Me."]


def test_each_part_is_checked_in_its_language() -> None:
    of = spoken(segment("Guten Tag.", 0, 1, language="de"), segment("Hello.", 1, 2, language="en"), language="de")
    document = opened(docx(of, times=False))
    assert languages(document.paragraphs[2]) == [("Guten Tag.", "de-DE"), (" Hello.", "en-US")]
    defaults = document.styles.element.find(f".//{qn('w:rPrDefault')}//{qn('w:lang')}")
    assert defaults.get(qn("w:val")) == "de-DE"


def test_a_translation_is_english_whatever_was_spoken() -> None:
    of = spoken(segment("Good day.", 0, 1, language="de"), language="de", options=Options(task="translate"))
    document = opened(docx(of, times=False))
    assert languages(document.paragraphs[2]) == [("Good day.", "en-US")]
    assert "Language de, translated into English" in document.paragraphs[1].text


def test_of_a_job_that_has_both_the_english_text_comes_last() -> None:
    of = spoken(segment("Guten Tag.", 0, 1, language="de"), language="de", options=Options(task="both"))
    both = replace(of, translation=[segment("Good day.", 0, 1, language="en")])
    assert texts(docx(both, times=False))[2:] == ["Guten Tag.", "English", "Good day."]


@pytest.mark.parametrize(("code", "text", "place", "value"), [
    ("ja", "今日は。", "w:eastAsia", "ja-JP"), ("he", "שלום", "w:bidi", "he-IL"), ("sw", "Habari", "w:val", "sw"),
])  # fmt: skip
def test_word_finds_the_language_of_each_script_where_it_looks(code: str, text: str, place: str, value: str) -> None:
    (run,) = opened(docx(spoken(segment(text, language=code)), times=False)).paragraphs[2].runs
    assert run._r.find(f".//{qn('w:lang')}").get(qn(place)) == value


def test_right_to_left_text_runs_from_the_right() -> None:
    hebrew, english = opened(docx(spoken(segment("שלום", 0, 1), segment("Hello.", 9, 10)))).paragraphs[2:]
    assert hebrew._p.find(f".//{qn('w:bidi')}") is not None and hebrew._p.find(f".//{qn('w:rtl')}") is not None
    assert english._p.find(f".//{qn('w:bidi')}") is None and english._p.find(f".//{qn('w:rtl')}") is None


def test_scripts_without_spaces_have_none_between_segments() -> None:
    of = spoken(segment("今日は。", 0, 1, language="ja"), segment("良い天気です。", 1, 2, language="ja"))
    assert texts(docx(of, times=False))[2:] == ["今日は。良い天気です。"]


def test_what_xml_cannot_hold_is_left_out_and_markup_is_text() -> None:
    of = transcript("a\x00b\x1b <w:t>&amp;</w:t> \ufffe\ud800 c")
    assert texts(docx(of, times=False))[2:] == ["ab <w:t>&amp;</w:t>  c"]


def test_a_recording_without_speech_has_its_heading() -> None:
    assert texts(docx(spoken())) == ["board.m4a", "Model tiny.en"]


def test_properties_stand_in_the_order_that_word_asks_for() -> None:
    """Word calls a file damaged whose elements stand in another order than the schema's."""
    (paragraph,) = opened(docx(spoken(segment("שלום", 0, 1, language="he")))).paragraphs[2:]
    assert [element.tag.rpartition("}")[2] for element in paragraph._p.pPr] == ["tabs", "bidi", "ind"]
    said = paragraph.runs[-1]._r
    assert [element.tag.rpartition("}")[2] for element in said.rPr] == ["rtl", "lang"]


def test_who_speaks_is_named_in_bold_where_another_voice_begins() -> None:
    lines = [
        segment("Hello.", 0, 1, speaker="S1"), segment("Good morning.", 1, 2, speaker="S1"),
        segment("Who is it?", 2, 3, speaker="S2"), segment("Late.", 30, 31, speaker="S2"), segment("Me.", 31, 32),
    ]  # fmt: skip
    of = Transcript(job(path="board.m4a"), lines, (), names={"S1": "Ada\x0b"})
    assert texts(docx(of, times=False))[1:] == [
        "Speakers Ada, S2 · Model tiny.en", "Ada: Hello. Good morning.", "S2: Who is it?", "Late.", "Me.",
    ]  # fmt: skip
    bold = [[run.text for run in paragraph.runs if run.bold] for paragraph in opened(docx(of)).paragraphs[2:]]
    assert bold == [["Ada: "], ["S2: "], [], []]


def test_speakers_take_the_place_of_channels() -> None:
    of = spoken(segment("Hello.", 0, 1, channel=1, speaker="S1"), segment("Yes?", 1, 2, channel=2, speaker="S2"))
    assert texts(docx(of, times=False))[2:] == ["S1: Hello.", "S2: Yes?"]
