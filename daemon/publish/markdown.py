"""A transcript as one would paste it into notes: heading, facts, paragraphs with the time at which they begin."""

import os
import re
from collections.abc import Iterator, Sequence

from daemon.chunk import Segment
from daemon.config.languages import WITHOUT_SPACES
from daemon.store.records import Job, readable

PAUSE_S = 2.0
"""A longer pause begins a new paragraph."""
PARAGRAPH_S = 60.0
"""So does the next sentence once a paragraph has lasted this long."""
SENTENCE_ENDS = (".", "!", "?", "…", "。", "！", "？")
CONTROL = re.compile(r"([\\`*_\[\]<>#|~&])")
"""What Markdown might take for its own, within a line; no line begins with the text itself."""


def markdown(job: Job, segments: Sequence[Segment]) -> str:
    """Render a transcript as Markdown."""
    name = os.path.splitext(os.path.basename(job.path_bytes))[0]
    facts = [f"length {clock(job.duration_s or 0.0)}"]
    facts += [
        f"{what} {_escaped(value)}" for what, value in (("language", job.language), ("model", job.model)) if value
    ]
    lines = [f"# {_escaped(readable(name))}", f"*{', '.join(facts)}*"]
    lines += [f"**[{clock(spoken[0].start_s)}]** {_escaped(_text(spoken))}" for spoken in paragraphs(segments)]
    return "\n\n".join(lines) + "\n"


def paragraphs(segments: Sequence[Segment]) -> Iterator[list[Segment]]:
    """Group segments: a new paragraph after a pause, in another language, or after PARAGRAPH_S at a sentence's end."""
    spoken: list[Segment] = []
    for segment in segments:
        if spoken and _ends(spoken, segment):
            yield spoken
            spoken = []
        spoken.append(segment)
    if spoken:
        yield spoken


def clock(seconds: float) -> str:
    """Return a time in the recording as HH:MM:SS."""
    whole = int(seconds)
    return f"{whole // 3600:02}:{whole // 60 % 60:02}:{whole % 60:02}"


def _ends(spoken: Sequence[Segment], following: Segment) -> bool:
    first, last = spoken[0], spoken[-1]
    if following.start_s - last.end_s > PAUSE_S or following.language != last.language:
        return True
    return last.end_s - first.start_s > PARAGRAPH_S and last.text.rstrip().endswith(SENTENCE_ENDS)


def _text(spoken: Sequence[Segment]) -> str:
    between = "" if spoken[0].language in WITHOUT_SPACES else " "
    return " ".join(between.join(segment.text.strip() for segment in spoken).split())


def _escaped(text: str) -> str:
    return CONTROL.sub(r"\\\1", text)
