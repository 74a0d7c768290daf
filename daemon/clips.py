"""The short recordings that ship with the project: who made them stands in clips/make.sh."""

from pathlib import Path

_INSIDE = Path(__file__).parent / "clips"
CLIPS = _INSIDE if _INSIDE.is_dir() else Path(__file__).parent.parent / "tests" / "clips"
"""The folder of the clips: in the package once installed, else in the checkout."""
CANARY = CLIPS / "memo-11.opus"
"""The shortest (2.6 s): what an engine transcribes before it is trusted."""


def references() -> dict[Path, str]:
    """clip → what is said in it."""
    lines = (CLIPS / "references.tsv").read_text("utf-8").splitlines()
    return {CLIPS / name: text for name, _voice, text in (line.split("\t") for line in lines)}
