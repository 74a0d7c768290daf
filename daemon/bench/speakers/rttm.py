"""Who speaks when, as a file that all tools for it read and write: NIST's Rich Transcription Time Marked."""

from collections.abc import Iterable
from pathlib import Path

from daemon.errors import BadRecording
from daemon.voice import Turn

SPEAKER = "SPEAKER"


def read(path: Path) -> list[Turn]:
    """Return the turns of a file, in the order of time.

    Raises:
        BadRecording: It has a line that is no turn.
    """
    turns: list[Turn] = []
    for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
        fields = line.split()
        if not fields or fields[0] != SPEAKER:
            continue
        try:
            start_s, length_s, name = float(fields[3]), float(fields[4]), fields[7]
        except (ValueError, IndexError):
            raise BadRecording(
                f"{path}, line {number}: {line!r} is no turn", "SPEAKER FILE 1 START LENGTH <NA> <NA> NAME <NA> <NA>"
            ) from None
        turns.append(Turn(start_s, start_s + length_s, name))
    return sorted(turns, key=lambda turn: (turn.start_s, turn.end_s))


def write(path: Path, turns: Iterable[Turn]) -> None:
    """Write turns; the names must have no spaces."""
    lines = []
    for turn in turns:
        times = f"{turn.start_s:.3f} {turn.end_s - turn.start_s:.3f}"
        lines.append(f"{SPEAKER} {path.stem} 1 {times} <NA> <NA> {turn.speaker} <NA> <NA>\n")
    path.write_text("".join(lines), "utf-8")
