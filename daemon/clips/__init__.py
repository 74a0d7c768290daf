"""The short recordings that ship with the project; make.sh says how they were made."""

from pathlib import Path

CLIPS = Path(__file__).parent
CANARY = CLIPS / "memo-11.opus"
"""The shortest (2.6 s): what an engine transcribes before it is trusted."""


def references() -> dict[Path, str]:
    """clip → what is said in it."""
    lines = (CLIPS / "references.tsv").read_text("utf-8").splitlines()
    return {CLIPS / name: text for name, _voice, text in (line.split("\t") for line in lines)}
