"""Renders who speaks when as RTTM, the format of tools that compare and score speakers. Pure."""

import os
import re

from daemon.publish.transcript import Transcript
from daemon.voice import TURNS

MILLISECONDS = 1000
NOTHING = "<NA>"
"""Stands in a field that nothing is known of."""
GAPS = re.compile(r"[\s\0-\x1f\x7f]+")
"""What separates fields and lines, and so may be in none of them."""


def rttm(transcript: Transcript) -> str:
    """Render a row for each turn, or, where turns are not known, for each line; without anybody who is known, none."""
    recording = _field(os.path.splitext(os.path.basename(transcript.job.path))[0])
    turns = transcript.stages.get(TURNS, ())
    channels = {line.speaker: line.channel for line in transcript.segments}
    spoken = [
        (turn["start_s"], turn["end_s"], channels.get(turn["speaker"], 0), transcript.called(turn["speaker"]))
        for turn in turns
    ]
    spoken = spoken or [
        (line.start_s, line.end_s, line.channel, transcript.name_of(line)) for line in transcript.segments
    ]
    rows = []
    for start_s, end_s, channel, name in spoken:
        if name:
            start, end = (round(time_s * MILLISECONDS) for time_s in (start_s, end_s))
            times = f"{start / MILLISECONDS:.3f} {(end - start) / MILLISECONDS:.3f}"
            # Of a recording whose channels were mixed there is one.
            rows.append(
                f"SPEAKER {recording} {max(1, channel)} {times} "
                f"{NOTHING} {NOTHING} {_field(name)} {NOTHING} {NOTHING}\n"
            )
    return "".join(rows)


def _field(text: str) -> str:
    return GAPS.sub("_", text) or NOTHING
