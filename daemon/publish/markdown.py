"""Renders a transcript as Markdown for notes: heading, details, paragraphs with timestamps. Pure."""

import os
import re
from collections.abc import Iterator, Sequence

from daemon.chunk import Segment
from daemon.publish.breaks import CLOSING, SENTENCE_ENDS
from daemon.publish.front_matter import clock, front_matter
from daemon.publish.scripts import columns, joined
from daemon.publish.transcript import Transcript
from daemon.publish.who import changes

PAUSE_S = 2.0
"""A pause of this length after a sentence starts a new paragraph."""
PAUSE_MAX_S = 5.0
"""A pause of this length starts a new paragraph even within a sentence."""
PARAGRAPH_COLUMNS = 500
"""After this much text, 80 to 90 words or some 35 s of speech, a paragraph ends with the next sentence."""
PARAGRAPH_MAX_COLUMNS = 1000
"""After this much text a paragraph ends with the next segment: not every language or model uses full stops."""

SPECIAL = re.compile(r"[\\`*_\[\]<#~$]|==|&(?=#?\w+;)")
"""What Markdown or a common dialect of it may take for markup within a line: code, emphasis, links, HTML, headings
and tags, strike-through, formulas, highlights, entities."""


def markdown(transcript: Transcript) -> str:
    """Render a transcript as Markdown; one without speech has only its heading and details."""
    head = front_matter(transcript) if transcript.job.options.front_matter else ""
    heading = f"{head}# {_escaped(os.path.basename(transcript.job.path))}"
    spoken = list(paragraphs(transcript))
    names = changes(transcript.name_of(paragraph[0]) for paragraph in spoken)
    texts = [_paragraph(name, lines) for name, lines in zip(names, spoken, strict=True)]
    return "\n\n".join([heading, _details(transcript), *texts]) + "\n"


def _paragraph(name: str, lines: Sequence[Segment]) -> str:
    text = _escaped(joined(line.text for line in lines))
    return " ".join([f"**[{clock(lines[0].start_s)}]**", *([f"**{_escaped(name)}:**"] if name else []), text])


def _details(transcript: Transcript) -> str:
    """Return the line with length, language and model, as far as they are known."""
    job = transcript.job
    details = []
    if job.duration_s is not None:
        details.append(f"Length {clock(job.duration_s)}")
    if job.language is not None:
        translated = ", translated into English" if transcript.is_translated else ""
        details.append(f"language {job.language}{translated}")
    details.append(f"model {_escaped(job.model or job.options.model)}")
    line = " · ".join(details)
    return line[0].upper() + line[1:]


def paragraphs(transcript: Transcript) -> Iterator[list[Segment]]:
    """Yield the segments that read as one paragraph, all of one speaker, those without text left out."""
    paragraph: list[Segment] = []
    length = 0
    for segment in transcript.segments:
        if not segment.text.strip():
            continue
        is_other = bool(paragraph) and transcript.name_of(segment) != transcript.name_of(paragraph[-1])
        if is_other or (paragraph and _ends(paragraph[-1], length, segment.start_s - paragraph[-1].end_s)):
            yield paragraph
            paragraph, length = [], 0
        paragraph.append(segment)
        length += columns(segment.text)
    if paragraph:
        yield paragraph


def _ends(last: Segment, length: int, pause_s: float) -> bool:
    """Return whether a paragraph of this many columns ends after its last segment, before a pause."""
    if pause_s >= PAUSE_MAX_S or length >= PARAGRAPH_MAX_COLUMNS:
        return True
    is_sentence = last.text.rstrip().rstrip(CLOSING).endswith(SENTENCE_ENDS)
    return is_sentence and (pause_s >= PAUSE_S or length >= PARAGRAPH_COLUMNS)


def _escaped(text: str) -> str:
    """Put text on one line and escape it, so that Markdown shows it as it is."""
    return SPECIAL.sub(lambda match: "".join(f"\\{char}" for char in match.group()), " ".join(text.split()))
