"""Renders who speaks when as RTTM, the format of tools that compare and score speakers. Pure."""

import os
import re

from daemon.publish.transcript import Transcript

MILLISECONDS = 1000
NOTHING = "<NA>"
"""Stands in a field that nothing is known of."""
GAPS = re.compile(r"[\s\0-\x1f\x7f]+")
"""What separates fields and lines, and so may be in none of them."""


def rttm(transcript: Transcript) -> str:
    """Render a row for each line whose speaker is known; without any, there is none."""
    recording = _field(os.path.splitext(os.path.basename(transcript.job.path))[0])
    rows = []
    for line in transcript.segments:
        if name := transcript.name_of(line):
            start, end = (round(time_s * MILLISECONDS) for time_s in (line.start_s, line.end_s))
            times = f"{start / MILLISECONDS:.3f} {(end - start) / MILLISECONDS:.3f}"
            # Of a recording whose channels were mixed there is one.
            rows.append(
                f"SPEAKER {recording} {max(1, line.channel)} {times} "
                f"{NOTHING} {NOTHING} {_field(name)} {NOTHING} {NOTHING}\n"
            )
    return "".join(rows)


def _field(text: str) -> str:
    return GAPS.sub("_", text) or NOTHING
