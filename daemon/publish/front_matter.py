"""The front matter of a Markdown transcript: what Obsidian and others take for the properties of a note. Pure."""

import json
import os
import re
from typing import Any
from urllib.parse import quote

from daemon.chunk import ENGLISH
from daemon.publish.target import Target
from daemon.publish.transcript import Transcript

NOT_IN_TAG = re.compile(r"[^\w/-]+")
"""What Obsidian does not take in a tag. One that is a number alone is none at all."""
BREAKS = re.compile("[\x7f-\x9f\u2028\u2029\ufeff]")
"""What YAML takes for the end of a line, or not at all, where JSON takes it as it is."""


def front_matter(transcript: Transcript) -> str:
    """Return the properties of a transcript between lines of `---`, with an empty line after them.

    Every value is written as JSON, which YAML reads as it is.
    """
    job = transcript.job
    properties: dict[str, Any] = {
        "title": os.path.basename(job.path),
        "date": job.sound.recorded_at.time or None,
        "length": None if job.duration_s is None else clock(job.duration_s),
        "language": job.language,
        "translated": ENGLISH if transcript.is_translated else None,
        "speakers": transcript.people or None,
        "model": job.model or job.options.model,
        "tags": _tags(job.path),
        "audio": _link(Target(job.root, job.path_bytes, job.options.output)),
    }
    lines = (f"{key}: {_written(value)}" for key, value in properties.items() if value is not None)
    return "\n".join(["---", *lines, "---"]) + "\n\n"


def _written(value: Any) -> str:
    return BREAKS.sub(lambda match: f"\\u{ord(match[0]):04x}", json.dumps(value, ensure_ascii=False))


def clock(moment_s: float) -> str:
    """Return a time within a recording as 01:02:03."""
    minutes, seconds = divmod(int(moment_s), 60)
    return f"{minutes // 60:02}:{minutes % 60:02}:{seconds:02}"


def _tags(path: str) -> list[str]:
    """Return a tag for each folder between the watched one and the recording."""
    names = (NOT_IN_TAG.sub("-", name).strip("-") for name in os.path.dirname(path).split("/"))
    return list(dict.fromkeys(name for name in names if name and not name.isdigit()))


def _link(target: Target) -> str:
    """Return the URL of a recording: beside its transcript its name, else the whole path."""
    if target.is_beside:
        return quote(os.path.basename(target.path))
    return "file://" + quote(os.path.join(os.fsencode(target.root), target.path))
