"""Renders a transcript as a document for Word, LibreOffice and others. Pure, but for the library's template."""

import os
import re
from collections.abc import Iterator
from io import BytesIO
from itertools import groupby
from typing import Any

from docx import Document
from docx.oxml import OxmlElement
from docx.oxml.ns import qn
from docx.shared import Cm, Pt, RGBColor
from docx.text.paragraph import Paragraph

from daemon.chunk import ENGLISH, Segment
from daemon.publish.front_matter import clock
from daemon.publish.markdown import paragraphs
from daemon.publish.scripts import is_right_to_left, space_between
from daemon.publish.transcript import Transcript
from daemon.publish.who import lead

MARGIN_CM = 2.2
"""The times stand in a margin of this width."""
FAINT = RGBColor(0x59, 0x62, 0x6D)
NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that XML cannot hold."""
REGIONS = dict(
    pair.split("=")
    for pair in """
    en=en-US de=de-DE fr=fr-FR es=es-ES it=it-IT pt=pt-PT nl=nl-NL pl=pl-PL ru=ru-RU uk=uk-UA cs=cs-CZ sk=sk-SK da=da-DK
    sv=sv-SE no=nb-NO nn=nn-NO fi=fi-FI hu=hu-HU ro=ro-RO bg=bg-BG el=el-GR tr=tr-TR zh=zh-CN yue=zh-HK ja=ja-JP
    ko=ko-KR ar=ar-SA he=he-IL fa=fa-IR ur=ur-PK hi=hi-IN th=th-TH vi=vi-VN
    """.split()
)
"""The usual region of a language: dictionaries for spelling are named with one."""
EAST_ASIAN = frozenset("zh yue ja ko".split())
COMPLEX = frozenset("ar he fa ur ps sd yi hi bn pa gu ta te kn ml mr ne si th lo km my bo".split())
"""Languages whose scripts Word counts as complex; it keeps their language in a place of its own."""


def docx(transcript: Transcript, *, times: bool = True) -> bytes:
    """Render a transcript as a docx file; of a job that is to have both, the English text comes after the other one.

    Args:
        transcript: The job and what was said.
        times: Whether each paragraph has its time in the margin.
    """
    job = transcript.job
    document = Document()
    language = ENGLISH if transcript.is_translated else job.language
    title = _clean(os.path.basename(job.path))
    _describe(document, title, language)
    document.add_paragraph(title, style="Title")
    details = document.add_paragraph(" · ".join(_details(transcript)))
    details.runs[0].font.color.rgb = FAINT
    _write(document, transcript, times=times)
    if transcript.translation is not None:
        document.add_heading("English", level=1)
        _write(document, transcript.translated, times=times)
    file = BytesIO()
    document.save(file)
    return file.getvalue()


def _describe(document: Any, title: str, language: str | None) -> None:
    """Say what the document is, and in which language: the library's template is an English one of its author."""
    properties = document.core_properties
    properties.title, properties.author, properties.comments = title, "", ""
    if language is not None:
        properties.language = REGIONS.get(language, language)
        defaults = document.styles.element.find(f".//{qn('w:rPrDefault')}/{qn('w:rPr')}")
        _set_language(defaults, language)


def _details(transcript: Transcript) -> Iterator[str]:
    """Yield when it was recorded, its length, language, channels and model, as far as they are known."""
    job = transcript.job
    if recorded_at := job.sound.recorded_at.time:
        yield f"Recorded {recorded_at[:16].replace('T', ' ')}"
    if job.duration_s is not None:
        yield f"Length {clock(job.duration_s)}"
    if job.language is not None:
        yield f"Language {job.language}{', translated into English' if transcript.is_translated else ''}"
    if channels := _channels(transcript):
        yield f"Channels {', '.join(map(str, channels))}"
    if transcript.people:
        yield _clean(f"Speakers {', '.join(transcript.people)}")
    yield _clean(f"Model {job.model or job.options.model}")


def _channels(transcript: Transcript) -> list[int]:
    """Return the channels, if they were transcribed on their own."""
    channels = sorted({segment.channel for segment in transcript.segments})
    return channels if len(channels) > 1 else []


def _write(document: Any, transcript: Transcript, *, times: bool) -> None:
    has_channels = bool(_channels(transcript)) and not transcript.has_speakers
    spoken_before = ""
    for whole in paragraphs(transcript):
        for channel, segments in groupby(whole, key=lambda segment: segment.channel):
            spoken = list(segments)
            paragraph = document.add_paragraph()
            if is_right_to_left("".join(segment.text for segment in spoken)):
                paragraph.paragraph_format.element.get_or_add_pPr().append(OxmlElement("w:bidi"))
            if times:
                _put_time(paragraph, spoken[0].start_s)
            if has_channels:
                paragraph.add_run(f"Channel {channel}: ").bold = True
            name = transcript.name_of(spoken[0])
            if name not in ("", spoken_before):
                paragraph.add_run(_clean(lead(name))).bold = True
            spoken_before = name
            _put_text(paragraph, spoken, is_english=transcript.is_translated)


def _put_time(paragraph: Paragraph, start_s: float) -> None:
    """Put a time into the margin beside a paragraph."""
    layout = paragraph.paragraph_format
    layout.left_indent, layout.first_line_indent = Cm(MARGIN_CM), Cm(-MARGIN_CM)
    layout.tab_stops.add_tab_stop(Cm(MARGIN_CM))
    run = paragraph.add_run(f"{clock(start_s)}\t")
    run.font.color.rgb, run.font.size = FAINT, Pt(9)


def _put_text(paragraph: Paragraph, segments: list[Segment], *, is_english: bool) -> None:
    """Write segments as one text, each part of it in its language."""
    before = ""
    for code, spoken in groupby(segments, key=lambda segment: ENGLISH if is_english else segment.language):
        text = ""
        for segment in spoken:
            said = _clean(" ".join(segment.text.split()))
            text += space_between(before, said) + said
            before = said or before
        properties = paragraph.add_run(text)._r.get_or_add_rPr()
        if is_right_to_left(text):
            properties.append(OxmlElement("w:rtl"))
        if code:
            _set_language(properties, code)


def _set_language(properties: Any, code: str) -> None:
    """Set the language for spell checking; it is the last of these properties that the schema allows for."""
    for known in properties.findall(qn("w:lang")):
        properties.remove(known)
    kind = "w:eastAsia" if code in EAST_ASIAN else "w:bidi" if code in COMPLEX else "w:val"
    element = OxmlElement("w:lang")
    element.set(qn("w:val"), REGIONS.get(code, code))
    if kind != "w:val":
        element.set(qn(kind), REGIONS.get(code, code))
    properties.append(element)


def _clean(text: str) -> str:
    return NOT_XML.sub("", text)
