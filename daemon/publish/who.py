"""How a transcript names who speaks: where the voice changes, and nowhere else. Pure."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from daemon.chunk import Segment


def lead(name: str) -> str:
    """Return what stands before what somebody says; nothing if their name is not known, or need not be said again."""
    return f"{name}: " if name else ""


def changes(names: Iterable[str]) -> Iterator[str]:
    """Yield each name where it is another one than before, else an empty text."""
    before = ""
    for name in names:
        yield "" if name == before else name
        before = name


def shares(lines: Sequence[Segment], names: Iterable[str]) -> list[dict[str, Any]]:
    """Return who speaks, and for how long, in the order in which they first speak.

    Args:
        lines: The lines of a transcript.
        names: How the speaker of each of them is called.
    """
    called: dict[str, str] = {}
    seconds: dict[str, float] = {}
    for line, name in zip(lines, names, strict=True):
        if line.speaker:
            called.setdefault(line.speaker, name)
            seconds[line.speaker] = seconds.get(line.speaker, 0.0) + line.end_s - line.start_s
    whole = sum(seconds.values())
    return [
        {"speaker": label, "name": called[label], "seconds": round(lasts, 2), "share": round(lasts / whole, 4)}
        for label, lasts in seconds.items()
    ]
