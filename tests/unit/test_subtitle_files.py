"""Subtitles say who speaks, each format in its own way."""

import itertools

import pysubs2
import pytest

from daemon.chunk import Options
from daemon.publish.formats import render
from daemon.publish.subtitle_files import COLOURS
from tests.builders import job, segment
from tests.unit.test_who import JOB, LINES, NAMES

HOSTILE = "R&D, {b} <i>\\N --> x"


def events(form: str, name: str) -> pysubs2.SSAFile:
    text = render(JOB, LINES, formats=(form,), names={"S1": name})[form].decode()
    return pysubs2.SSAFile.from_string(text, format_=form)


@pytest.mark.parametrize("form", ["srt", "ass"])
def test_a_name_stands_only_where_the_voice_changes(form: str) -> None:
    starts = [event.plaintext.split()[0] for event in events(form, "Ada")]
    assert starts == ["Ada:", "S2:", "to", "Ada:"]


def test_every_cue_of_vtt_has_a_voice() -> None:
    text = render(JOB, LINES, formats=("vtt",), names=NAMES)["vtt"].decode()
    assert [line.partition(">")[0] for line in text.splitlines() if line.startswith("<")] == [
        "<v Ada",
        "<v S2",
        "<v S2",
        "<v Ada",
    ]
    assert "Ada:" not in text


def test_every_cue_of_ass_has_a_style_of_its_speaker() -> None:
    file = events("ass", "Ada")
    assert [(event.name, event.style) for event in file] == [("Ada", "Ada"), ("S2", "S2"), ("S2", "S2"), ("Ada", "Ada")]
    assert [file.styles[name].primarycolor for name in ("Ada", "S2")] == list(COLOURS[:2])


def test_no_two_of_the_first_eight_have_one_colour_and_all_can_be_read_on_black() -> None:
    assert len(set(map(repr, COLOURS))) == 8
    assert all(0.2126 * c.r + 0.7152 * c.g + 0.0722 * c.b > 150 for c in COLOURS)
    lines = [segment("Yes.", nth * 2.0, nth * 2.0 + 1, speaker=f"S{nth}") for nth in range(20)]
    file = pysubs2.SSAFile.from_string(render(job(duration_s=50.0), lines, formats=("ass",))["ass"].decode())
    assert len({file.styles[event.style].primarycolor.r for event in file}) > 1 and len(file.styles) == 21


@pytest.mark.parametrize("form", ["srt", "vtt", "ass"])
def test_no_name_breaks_a_file(form: str) -> None:
    file = events(form, HOSTILE)
    assert [event.plaintext.split()[-1] for event in file] == [
        event.plaintext.split()[-1] for event in events(form, "R&D")
    ]
    assert all(event.name == "R&D; (b) <i>/N --> x" for event in file if event.name not in ("", "S2"))
    if form == "vtt":
        text = render(JOB, LINES, formats=(form,), names={"S1": HOSTILE})[form].decode()
        assert "<v R&amp;D, (b) &lt;i&gt;/N --&gt; x>Good morning" in text


def test_a_line_with_a_name_is_as_short_as_others() -> None:
    said = "This is what I wanted to say about it, and it is long enough for several lines of a cue or two."
    lines = [segment(said, 0.0, 7.0, speaker="S1"), segment(said, 7.0, 14.0, speaker="S2")]
    for name in ("Ada", "The Chairwoman", "Someone whose name is nearly"):
        text = render(job(duration_s=20.0), lines, formats=("srt",), names={"S1": name})["srt"].decode()
        shown = [line for line in text.splitlines() if line[:1].isalpha()]
        assert f"{name}: This" in text and max(map(len, shown)) <= max(42, 21 + len(f"{name}: ")), shown
        if len(name) <= 19:
            assert max(map(len, shown)) <= 42


def test_the_longest_name_leaves_room_for_words() -> None:
    lines = [segment("This is what I wanted to say.", 0.0, 4.0, speaker="S1")]
    text = render(job(duration_s=20.0), lines, formats=("srt",), names={"S1": "N" * 90})["srt"].decode()
    assert f"{'N' * 90}: This is\nwhat I wanted to say." in text


def test_a_cue_never_has_two_speakers_however_fast_they_change() -> None:
    words = "one two three four five six".split()
    lines = [segment(word, nth * 0.3, nth * 0.3 + 0.3, speaker=f"S{nth % 2 + 1}") for nth, word in enumerate(words)]
    text = render(job(duration_s=20.0), lines, formats=("lrc",))["lrc"].decode()
    assert [line.partition("]")[2] for line in text.splitlines()] == [
        f"S{nth % 2 + 1}: {word}" for nth, word in enumerate(words)
    ]


def test_two_channels_that_take_turns_are_named_each_time_and_have_room_for_it() -> None:
    said = "I have a lot to say about this, and I will say all of it now, whatever you may think of it, believe me."
    lines = [
        segment(said, 0.0, 8.0, channel=1, speaker="S1"),
        segment("Oh no.", 3.0, 3.5, channel=2, speaker="S2"),
        segment("Oh yes.", 5.5, 6.0, channel=2, speaker="S2"),
    ]
    text = render(job(duration_s=20.0), lines, formats=("srt",), names={"S1": "The Chairwoman"})["srt"].decode()
    shown = [line for line in text.splitlines() if line[:1].isalpha()]
    assert all(len(line) <= 42 for line in shown)
    assert text.count("The Chairwoman: ") >= 2
    leads = [line.partition(":")[0] for line in shown if ": " in line]
    assert all(one != other for one, other in itertools.pairwise(leads))


def test_a_name_before_a_text_from_the_right_does_not_turn_it() -> None:
    lines = [segment("שלום לכולם", 0.0, 2.0, speaker="S1", language="he")]
    files = render(job(duration_s=20.0), lines, formats=("srt", "vtt"), names={"S1": "Ada"})
    assert "\u200fAda: שלום לכולם" in files["srt"].decode()
    assert "<v Ada>שלום לכולם" in files["vtt"].decode()


def test_limits_of_the_job_count_for_names() -> None:
    options = Options(formats=("srt",), subtitle_max_lines=1, subtitle_line_columns=30)
    lines = [segment("A sentence of about forty columns is this one.", 0.0, 6.0, speaker="S1")]
    text = render(job(duration_s=20.0, options=options), lines, names={"S1": "Ada Byron"})["srt"].decode()
    shown = [line for line in text.splitlines() if line[:1].isalpha()]
    assert shown[0].startswith("Ada Byron: ") and all(len(line) <= 30 for line in shown)
