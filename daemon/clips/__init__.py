"""The short recordings that ship with the project; make.sh says how they were made."""

from collections.abc import Iterator
from pathlib import Path

CLIPS = Path(__file__).parent
CANARY = CLIPS / "memo-11.opus"
"""The shortest clip (2.6 s), which an engine must transcribe as before before it is trusted."""


def references() -> dict[Path, str]:
    """Return what is said in each clip, by the clip's path."""
    return {clip: text for clip, _voice, text in _rows()}


def voices() -> dict[Path, str]:
    """Return the name of the synthetic voice that speaks in each clip, by the clip's path."""
    return {clip: voice for clip, voice, _text in _rows()}


def _rows() -> Iterator[tuple[Path, str, str]]:
    for line in (CLIPS / "references.tsv").read_text("utf-8").splitlines():
        name, voice, text = line.split("\t")
        yield CLIPS / name, voice, text
