"""References as files."""

from pathlib import Path

import pytest

from daemon.bench.speakers.rttm import read, write
from daemon.errors import BadRecording
from daemon.voice import Turn


def test_what_was_written_is_read(tmp_path: Path) -> None:
    turns = [Turn(0.5, 2.0, "ada"), Turn(1.75, 4.125, "bob")]
    write(tmp_path / "talk.rttm", turns)
    first = (tmp_path / "talk.rttm").read_text().splitlines()[0]
    assert first == "SPEAKER talk 1 0.500 1.500 <NA> <NA> ada <NA> <NA>"
    assert read(tmp_path / "talk.rttm") == turns


def test_other_lines_are_passed_over_and_turns_sorted(tmp_path: Path) -> None:
    lines = (
        "SPKR-INFO talk 1 <NA> <NA> <NA> unknown ada <NA> <NA>",
        "SPEAKER talk 1 9 1 <NA> <NA> bob <NA> <NA>",
        "",
        "SPEAKER talk 1 2 1.5 <NA> <NA> ada <NA>",
    )
    (tmp_path / "talk.rttm").write_text("\n".join(lines))
    assert read(tmp_path / "talk.rttm") == [Turn(2.0, 3.5, "ada"), Turn(9.0, 10.0, "bob")]


@pytest.mark.parametrize("line", ["SPEAKER talk 1 0.5", "SPEAKER talk 1 x 1 <NA> <NA> ada <NA> <NA>"])
def test_a_line_that_is_no_turn_is_named(line: str, tmp_path: Path) -> None:
    (tmp_path / "talk.rttm").write_text(f"\n{line}\n")
    with pytest.raises(BadRecording, match=r"talk\.rttm, line 2: .* is no turn"):
        read(tmp_path / "talk.rttm")
