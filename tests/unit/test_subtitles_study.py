"""The comparison of subtitles: made-up transcripts, other programs, and the promise that ours break the fewest rules."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from daemon.bench.subtitles import study
from daemon.bench.subtitles.rules import RULES
from daemon.bench.subtitles.study import MAKERS, OURS, count_breaches, subtitles
from daemon.bench.subtitles.texts import examples, sentences
from daemon.cli.app import app
from daemon.errors import Unavailable
from daemon.publish.subtitles import Cue


def test_the_transcripts_are_in_twelve_languages_and_always_the_same() -> None:
    made = list(examples(24))
    assert {example.language for example in made} == set(sentences()) and len(sentences()) == 12
    assert made == list(examples(24))
    for example in made:
        assert example.segments[-1].end_s <= example.duration_s
        for segment in example.segments:
            assert segment.words and segment.text.split() == "".join(word.word for word in segment.words).split()


def test_no_rule_is_broken_more_often_than_by_the_segments_themselves() -> None:
    made = list(examples(36))
    ours, theirs = (count_breaches(MAKERS[program], made) for program in (OURS, "faster-whisper's segments"))
    assert all(ours[rule] <= theirs[rule] for rule in RULES)
    for rule in ("lines", "width", "short", "long", "gap", "overlap", "lonely", "cut", "changed", "direction"):
        assert ours[rule] == 0, rule


def test_a_program_that_is_not_installed_is_left_out_with_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(_example: object) -> list[Cue]:
        raise ModuleNotFoundError("No module named 'stable_whisper'", name="stable_whisper")

    monkeypatch.setattr(study, "MAKERS", {OURS: MAKERS[OURS], "stable-ts": absent})
    report = subtitles(12, None, "tiny.en")
    assert [row["program"] for row in report.rows] == [OURS]
    assert report.notes == ["stable-ts: needs the package stable_whisper: pip install 'transcribed[peers]'"]


def test_what_other_programs_write_is_read_back() -> None:
    text = "1\n00:00:01,500 --> 01:00:02,000\nTwo\nlines\n\n2\n01:00:03,000 --> 01:00:04,250\nOne 12\n\n"
    assert study._from_srt(text) == [Cue(1.5, 3602.0, "Two\nlines"), Cue(3603.0, 3604.25, "One 12")]


def test_a_folder_without_recordings_is_said(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="no recordings"):
        subtitles(12, tmp_path, "tiny.en")


def test_the_command_prints_a_table_and_writes_what_was_counted(tmp_path: Path) -> None:
    file = tmp_path / "report.json"
    done = CliRunner().invoke(app, ["bench", "subtitles", "--transcripts", "12", "--json", str(file)])
    assert done.exit_code == 0 and OURS in done.stdout and "top-heavy" in done.stdout
    rows = json.loads(file.read_text("utf-8"))["table"]
    assert rows[0]["program"] == OURS and rows[0]["cues"] > 12
