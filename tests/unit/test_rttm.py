"""Who speaks when, for tools that compare and score."""

from dataclasses import replace

import pytest

from daemon.publish.formats import render, transcript_of
from daemon.publish.rttm import rttm
from daemon.publish.transcript import Transcript
from daemon.store.versions import Version
from tests.builders import job, segment
from tests.unit.test_who import JOB, LINES, NAMES


def rows(**names: str) -> list[list[str]]:
    return [row.split(" ") for row in render(JOB, LINES, formats=("rttm",), names=names)["rttm"].decode().splitlines()]


def test_each_line_whose_speaker_is_known_has_a_row_of_ten_fields() -> None:
    assert rows(**NAMES)[2] == ["SPEAKER", "talk", "1", "4.200", "4.800", "<NA>", "<NA>", "S2", "<NA>", "<NA>"]
    assert len(rows()) == 4
    unknown = [replace(line, speaker="") for line in LINES]
    assert render(JOB, unknown, formats=("rttm",))["rttm"] == b""


SPOKEN = [{"start_s": 0.3, "end_s": 1.9, "speaker": "S1"}, {"start_s": 4.4, "end_s": 8.8, "speaker": "S2"}]


def test_where_turns_are_known_each_has_a_row_instead() -> None:
    text = rttm(Transcript(JOB, LINES, (), stages={"turns": SPOKEN}, names=NAMES))
    assert [row.split(" ")[3:8] for row in text.splitlines()] == [
        ["0.300", "1.600", "<NA>", "<NA>", "Ada"],
        ["4.400", "4.400", "<NA>", "<NA>", "S2"],
    ]


def test_what_somebody_has_corrected_has_a_row_for_each_line() -> None:
    version = Version(1, "", "", as_machine=False)
    corrected = transcript_of(JOB, LINES, stages={"turns": SPOKEN}, version=version, names=NAMES)
    assert "turns" not in corrected.stages
    assert len(rttm(corrected).splitlines()) == len(LINES)


@pytest.mark.parametrize("name", ["Ada Lovelace", "Ada\tB", "Ada\n", "Ada\u2003B", "A\0B"])
def test_no_name_has_a_space(name: str) -> None:
    assert {len(row) for row in rows(S1=name)} == {10}


def test_the_recording_has_no_space_and_no_folder_either() -> None:
    moved = replace(JOB, path="a b/my talk, 2.final.mp3", path_bytes=b"-")
    text = render(moved, LINES, formats=("rttm",))["rttm"].decode()
    assert text.startswith("SPEAKER my_talk,_2.final 1 0.000 2.100 ")


def test_what_was_heard_on_one_channel_names_it() -> None:
    lines = [segment("left", 0.0, 1.0, channel=1, speaker="S1"), segment("right", 0.5, 2.0, channel=2, speaker="S2")]
    text = render(job(), lines, formats=("rttm",))["rttm"].decode()
    assert [row.split(" ")[2] for row in text.splitlines()] == ["1", "2"]


def test_turns_have_the_channel_of_who_speaks() -> None:
    lines = [segment("left", 0.0, 9.0, channel=1, speaker="S1"), segment("right", 4.0, 9.0, channel=2, speaker="S2")]
    text = rttm(Transcript(JOB, lines, (), stages={"turns": SPOKEN}))
    assert [row.split(" ")[2:4] for row in text.splitlines()] == [["1", "0.300"], ["2", "4.400"]]


def test_whose_every_line_is_left_out_has_no_row() -> None:
    lines = [segment("well", 0.0, 2.0, channel=1, speaker="S1"), segment("hm", 4.0, 9.0, channel=2, speaker="S2")]
    asked = replace(JOB, options=replace(JOB.options, suppress_words=("hm",)))
    shown = transcript_of(asked, lines, stages={"turns": SPOKEN})
    assert [row.split(" ")[7] for row in rttm(shown).splitlines()] == ["S1"]


def test_times_that_are_rounded_still_end_where_the_line_does() -> None:
    line = segment("short", 0.0004, 1.0006, speaker="S1")
    (row,) = render(job(), [line], formats=("rttm",))["rttm"].decode().splitlines()
    assert row.split(" ")[3:5] == ["0.000", "1.001"]
