"""The table of `bench speakers`."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from daemon.bench.measure import Usage
from daemon.bench.report import Report
from daemon.bench.speakers import cases, peers, study, with_daemon
from daemon.bench.speakers.cases import Plan, Talk
from daemon.bench.speakers.error_rate import Heard
from daemon.bench.speakers.listening import Found
from daemon.bench.speakers.study import DAEMON, ENGINE, Wanted, cost
from daemon.bench.speakers.with_daemon import Published
from daemon.errors import Unavailable
from daemon.voice import Turn

REFERENCE = (Turn(0, 10, "ada"), Turn(10, 20, "bob"))
RIGHT = (Turn(0, 10, "S1"), Turn(10, 20, "S2"))
TWO_WRONG = (Turn(0, 12, "S1"), Turn(12, 20, "S2"))
ALL_ONE = (Turn(0, 20, "S1"),)
STEPS = {"decoding": 9.0, "embeddings": 1.5, "clustering": 0.5}


@pytest.fixture(autouse=True)
def metrics() -> None:
    """Not while tests are collected, which every worker does: it takes seconds to load."""
    pytest.importorskip("pyannote.metrics", reason="needs pip install 'transcribed[bench-speakers]'")


def usage(cpu_s: float, peak_mb: float) -> Usage:
    return Usage(0, 2 * cpu_s, cpu_s, peak_mb, None, None, "")


@pytest.fixture
def given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Talk]:
    """Two conversations of one kind, and one of another; the model finds ada and bob to be one in the last."""
    made = []
    for name, kind in (("one", "2 voices"), ("two", "2 voices"), ("three", "2 voices, overlap")):
        (tmp_path / name).write_bytes(b"sound")
        made.append(Talk(kind, "clean", tmp_path / name, REFERENCE, 20.0, 4.0 if kind == "2 voices" else None))
    found = {"one": RIGHT, "two": TWO_WRONG, "three": ALL_ONE}
    monkeypatch.setattr(study, "talks", lambda *_: (made, ["10 voices: not built"]))
    monkeypatch.setattr(study, "SpeakerModel", lambda _file: None)
    monkeypatch.setattr(study, "listen", lambda path, *_: Found(found[path.name], 9, STEPS))
    monkeypatch.setattr(study, "shipped", list)
    monkeypatch.setattr(peers, "PEERS", {})
    return made


def run(wanted: Wanted, tmp_path: Path) -> Report:
    return study.speakers(wanted, Path("campplus.onnx"), {"name": "tiny.en"}, tmp_path, lambda _: None)


@pytest.mark.usefixtures("given")
def test_a_row_for_each_kind(tmp_path: Path) -> None:
    report = run(Wanted(Plan()), tmp_path)
    first, second = report.rows
    assert (first["conversations"], first["line"], first["program"]) == ("2 voices", "clean", study.WAYS[ENGINE])
    assert (first["people right"], first["within one"]) == ("2 of 2", "2 of 2")
    # 2 s of 40 s, and of what is left with a collar, 1.75 of 38.
    assert (first["error %"], first["confused %"], first["missed %"], first["invented %"]) == (5.0, 5.0, 0.0, 0.0)
    assert (first["collar %"], first["target %"], first["met"]) == (4.6, 4.0, "no")
    assert first["CPU s/min"] == 6.0 and first["words %"] is None
    assert (second["people right"], second["within one"], second["error %"]) == ("0 of 1", "1 of 1", 50.0)
    assert second["met"] is None
    assert list(first) == study.COLUMNS
    assert [run["found"] for run in report.runs] == [2, 2, 1] and report.runs[1]["confusion_s"] == 2.0
    assert report.workloads[0].audio_s == 60 and report.model == "campplus"
    assert "10 voices: not built; --clips DIR takes more" in report.notes and study.BUILT_NOTE in report.notes


def test_what_is_met_with_the_collar_only_is_said(
    given: list[Talk], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    late = (Turn(0, 10.2, "S1"), Turn(10.2, 20, "S2"))
    for turns, met in ((late, "collar"), (RIGHT, "yes")):
        monkeypatch.setattr(study, "listen", lambda *_, turns=turns: Found(turns))
        monkeypatch.setattr(cases, "TARGETS", ())
        given[:] = [Talk("2 voices", "clean", given[0].path, REFERENCE, 20.0, 0.5)]
        assert run(Wanted(Plan()), tmp_path).rows[0]["met"] == met


@pytest.mark.usefixtures("given")
def test_a_peer_that_is_not_installed_has_a_row_that_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(_name: str, _files: Sequence[Path]) -> list[Found]:
        raise Unavailable("not installed: the package resemblyzer")

    monkeypatch.setattr(peers, "PEERS", {"resemblyzer": None, "other": None})
    monkeypatch.setattr(peers, "run", refused)
    report = run(Wanted(Plan(), only=["resem"]), tmp_path)
    assert [row["program"] for row in report.rows[:2]] == [study.WAYS[ENGINE], "resemblyzer (not run)"]
    assert report.rows[1]["error %"] is None
    assert "resemblyzer: not run: not installed: the package resemblyzer" in report.notes


def test_a_peer_is_given_no_hours(given: list[Talk], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given[2] = Talk("1 voice, 60 min", "clean", given[2].path, REFERENCE, 3600.0)
    asked: list[Path] = []

    def found(_name: str, files: Sequence[Path]) -> list[Found]:
        asked.extend(files)
        return [Found(RIGHT, 3, {"embeddings": 1.0}) for _ in files]

    monkeypatch.setattr(peers, "PEERS", {"resemblyzer": None})
    monkeypatch.setattr(peers, "run", found)
    rows = run(Wanted(Plan()), tmp_path).rows
    assert asked == [talk.path for talk in given[:2]]
    assert [(row["conversations"], row["program"]) for row in rows] == [
        ("2 voices", study.WAYS[ENGINE]),
        ("2 voices", "resemblyzer"),
        ("1 voice, 60 min", study.WAYS[ENGINE]),
    ]


@pytest.mark.usefixtures("given")
def test_a_daemon_with_and_without_by_turns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def published(paths: Sequence[Path], model: dict[str, str], speakers: str) -> Published:
        asked.append((model["name"], speakers))
        cpu_s = 10.0 if speakers == "off" else 11.0
        heard = [Heard(5.0, 6, "S1"), Heard(11.0, 2, "S1"), Heard(15.0, 2, "S2")]
        return Published(usage(cpu_s, 300 + cpu_s), {path: list(RIGHT) for path in paths}, dict.fromkeys(paths, heard))

    monkeypatch.setattr(with_daemon, "run", published)
    report = run(Wanted(Plan(), ways=(DAEMON,), repeats=2), tmp_path)
    assert asked == 2 * [("tiny.en", "auto"), ("tiny.en", "off")]
    assert [row["program"] for row in report.rows] == 2 * [study.WAYS[DAEMON]]
    assert report.rows[0]["error %"] == 0.0 and report.rows[0]["met"] == "yes"
    assert report.rows[0]["words %"] == 80.0 and report.rows[0]["CPU s/min"] is None
    assert any("CPU 10.0 and 11.0 s (+10.0 %)" in note and "(+1 MB)" in note for note in report.notes)


@pytest.mark.usefixtures("given")
def test_a_daemon_that_cannot_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object) -> Published:
        raise Unavailable("watch[0].speakers: unknown key")

    monkeypatch.setattr(with_daemon, "run", refused)
    report = run(Wanted(Plan(), ways=(DAEMON,)), tmp_path)
    assert report.rows[0]["program"] == f"{study.WAYS[DAEMON]} (not run)"
    assert any("unknown key" in note for note in report.notes)


def test_recordings_without_a_transcript_are_named(
    given: list[Talk], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    failed = Usage(1, 1.0, 1.0, 1.0, None, None, "rejected one: a symbolic link")
    nothing: dict[Path, list[Turn]] = {talk.path: [] for talk in given}
    published = Published(failed, nothing, {talk.path: [] for talk in given}, (given[0].path,))
    monkeypatch.setattr(with_daemon, "run", lambda *_: published)
    report = run(Wanted(Plan(), ways=(DAEMON,)), tmp_path)
    assert any("no transcript of one; the last that it said: rejected one: a symbolic" in note for note in report.notes)


def test_costs_are_medians() -> None:
    def runs(*cpu_s: float) -> list[Published]:
        return [Published(usage(each, 100.0), {}, {}) for each in cpu_s]

    assert "CPU 2.0 and 3.0 s (+50.0 %)" in cost("base", runs(1, 2, 9), runs(3, 3, 8))
