"""Every format names who speaks, where that changes; where nobody is known, it is as it always was."""

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from daemon import __version__
from daemon.chunk import Options, Segment
from daemon.config.formats import FORMATS
from daemon.publish.formats import render, transcript_of
from daemon.publish.front_matter import front_matter
from daemon.publish.who import changes, lead, shares
from tests import builders
from tests.builders import segment
from tests.support import ROOT

GOLDEN = ROOT / "tests" / "unit" / "golden_speakers"
JOB = builders.job(
    path="talk.mp3", path_bytes=b"talk.mp3", content_hash="ab", language="en", duration_s=64.0, model="tiny.en",
    options=Options(formats=FORMATS, speakers="auto"),
)  # fmt: skip
LINES = [
    segment("Good morning, and welcome.", 0.0, 2.1, speaker="S1"),
    segment("We begin with the minutes.", 2.1, 4.0, speaker="S1"),
    segment(
        "Thank you. I have two points that I would like to make before we go on to the budget.", 4.2, 9.0, speaker="S2"
    ),
    segment("Please.", 9.1, 9.9, speaker="S1"),
]
NAMES = {"S1": "Ada"}


def rendered(form: str, lines: Sequence[Segment] = LINES, **fields: Any) -> str:
    return render(replace(JOB, **fields), lines, formats=(form,), names=NAMES)[form].decode()


@pytest.mark.parametrize("form", FORMATS)
def test_a_conversation_in_this_format_is_exactly_this(form: str) -> None:
    found = rendered(form).replace(json.dumps(__version__), '"VERSION"')
    if form == "json":
        document = json.loads(found)
        document["provenance"]["options"] = "OPTIONS"
        found = json.dumps(document, ensure_ascii=False, indent=1) + "\n"
    assert found == (GOLDEN / f"talk.{form}").read_text("utf-8")


def test_two_voices_of_one_name_are_one_person() -> None:
    lines = [segment("Yes.", 0.0, 1.0, speaker="S1"), segment("No.", 1.0, 2.0, speaker="S3")]
    assert render(JOB, lines, formats=("txt",), names={"S1": "Ada", "S3": " Ada\n"})["txt"] == b"Ada: Yes.\nNo.\n"


def test_who_is_not_known_has_no_name_and_the_next_one_has() -> None:
    lines = [LINES[0], replace(LINES[1], speaker=""), LINES[3]]
    assert rendered("txt", lines).splitlines() == [
        "Ada: Good morning, and welcome.",
        "We begin with the minutes.",
        "Ada: Please.",
    ]
    assert [each.get("speaker") for each in json.loads(rendered("json", lines))["segments"]] == ["S1", None, "S1"]
    assert rendered("tsv", lines).splitlines()[2].split("\t") == ["2100", "4000", "We begin with the minutes.", ""]


@pytest.mark.parametrize("form", FORMATS)
def test_a_name_that_nobody_has_changes_nothing(form: str) -> None:
    unknown = [replace(line, speaker="") for line in LINES]
    assert render(JOB, unknown, formats=(form,), names=NAMES) == render(JOB, unknown, formats=(form,))


def test_a_translation_says_who_speaks_too() -> None:
    both = replace(JOB, options=Options(formats=("txt", "srt", "rttm", "json"), task="both", speakers="auto"))
    english = [segment("Good day.", 0.0, 2.0, speaker="S1", language="de"), segment("Hi.", 2.0, 3.0, speaker="S2")]
    files = render(both, [replace(line, language="de") for line in LINES], translation=english, names=NAMES)
    assert list(files) == ["txt", "en.txt", "srt", "en.srt", "rttm", "json"]
    assert files["en.txt"] == b"Ada: Good day.\nS2: Hi.\n"
    assert b"\nAda: Good day.\n" in files["en.srt"]
    assert [each["speaker"] for each in json.loads(files["json"])["translation"]["segments"]] == ["S1", "S2"]


def test_the_share_of_who_speaks_is_that_of_all_that_is_said() -> None:
    told = json.loads(rendered("json"))["speakers"]
    assert told == [
        {"speaker": "S1", "name": "Ada", "seconds": 4.8, "share": 0.5},
        {"speaker": "S2", "name": "S2", "seconds": 4.8, "share": 0.5},
    ]
    assert shares([segment("nobody is known")], [""]) == []


def test_a_name_is_said_only_where_it_changes() -> None:
    assert list(changes(["Ada", "Ada", "", "Ada", "Ben", "Ben"])) == ["Ada", "", "", "Ada", "Ben", ""]
    assert lead("Ada") == "Ada: " and lead("") == ""


def test_the_properties_of_a_note_list_who_speaks() -> None:
    assert 'speakers: ["Ada", "S2"]' in front_matter(transcript_of(JOB, LINES, names=NAMES))
    assert "speakers" not in front_matter(transcript_of(JOB, [replace(line, speaker="") for line in LINES]))


def test_a_name_means_nothing_to_markdown() -> None:
    text = render(JOB, LINES, formats=("md",), names={"S1": "*A* <b>"})["md"].decode()
    assert r"**[00:00:00]** **\*A\* \<b>:** Good" in text
