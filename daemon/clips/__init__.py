"""The short recordings that ship with the project; make.sh says how they were made."""

from pathlib import Path

CLIPS = Path(__file__).parent
CANARY = CLIPS / "memo-11.opus"
"""The shortest clip (2.6 s), which an engine must transcribe as before before it is trusted."""


def references() -> dict[Path, str]:
    """Return what is said in each clip, by the clip's path."""
    lines = (CLIPS / "references.tsv").read_text("utf-8").splitlines()
    return {CLIPS / name: text for name, _voice, text in (line.split("\t") for line in lines)}


def voices() -> dict[Path, str]:
    """Return the name of the synthetic voice that speaks in each clip, by the clip's path."""
    lines = (CLIPS / "references.tsv").read_text("utf-8").splitlines()
    return {CLIPS / name: voice for name, voice, _text in (line.split("\t") for line in lines)}
