"""Who speaks in a transcript, as the pages show it. Pure."""

import json
from collections.abc import Sequence
from typing import Any

from daemon.chunk import Segment
from daemon.publish.transcript import Transcript
from daemon.publish.who import changes


def speaking(whole: Transcript, english: Sequence[Segment]) -> dict[str, Any]:
    """Return what a page is told of the lines of a transcript and of its translation, and of who says them."""
    names = {line.speaker: whole.name_of(line) for line in (*whole.segments, *english) if line.speaker}
    # One colour for each name, from 1.
    numbers = {name: number for number, name in enumerate(dict.fromkeys(names.values()), 1)}
    speakers = {speaker: (name, numbers[name]) for speaker, name in names.items()}
    return {
        "lines": whole.segments,
        "names": list(changes(map(whole.name_of, whole.segments))),
        "translation": english,
        "english_names": list(changes(map(whole.name_of, english))),
        "speakers": speakers,
        "recognized": list(dict.fromkeys(name for label, name in names.items() if label in whole.recognized)),
        "speakers_json": json.dumps(speakers, ensure_ascii=False),
        "channels": not speakers and len({line.channel for line in whole.segments}) > 1,
    }
