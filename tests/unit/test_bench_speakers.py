"""The command `transcribed bench speakers`."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from daemon.bench.report import Report
from daemon.bench.speakers import names, study
from daemon.bench.speakers.cases import Plan
from daemon.bench.speakers.lines import LINES
from daemon.bench.speakers.study import Wanted
from daemon.cli import bench_speakers
from daemon.cli.app import app
from daemon.errors import Unavailable


def test_the_lines_that_can_be_chosen_are_those_that_there_are() -> None:
    assert [each.value for each in bench_speakers.Line] == list(LINES)
    assert [each.value for each in bench_speakers.Way] == list(study.WAYS)


def test_what_is_asked_for_is_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[Wanted, Path, str, Path]] = []

    def run(wanted: Wanted, model: Path, whisper: dict[str, str], folder: Path, _tell: object) -> Report:
        asked.append((wanted, model, whisper["name"], folder))
        return Report("speakers", "cam", [], ["a"], [{"a": "b"}])

    monkeypatch.setattr(study, "speakers", run)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "cam.onnx").touch()
    options = "--speaker-model cam.onnx --voices 3 --voices 5 --line opus --minutes 4 --overlap 10 --way daemon"
    more = "--only resem --keep kept --model tiny.en --repeats 2 --conversations 7 --speakers 2-6 --json out.json"
    done = CliRunner().invoke(app, ["bench", "speakers", *options.split(), *more.split()])
    assert done.exit_code == 0, done.output
    ((wanted, model, whisper, folder),) = asked
    assert wanted == Wanted(Plan([3, 5], ["opus"], [4.0], 10.0, 7), None, None, "2-6", ["daemon"], ["resem"], 2)
    assert (model, whisper, folder) == (Path("cam.onnx"), "tiny.en", Path("kept"))
    assert folder.is_dir() and '"name": "cam"' in (tmp_path / "out.json").read_text()
    assert CliRunner().invoke(app, ["bench", "speakers", "--speaker-model", "cam.onnx"]).exit_code == 0
    assert asked[1][0] == Wanted(Plan((), list(LINES), (2.0,), 0.0, 2), ways=["engine"])
    assert not asked[1][3].exists(), "nothing is left behind"


def test_names_are_measured_instead(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[Path | None, list[str], Path]] = []

    def run(clips: Path | None, lines: list[str], model: Path, _folder: Path, _tell: object) -> Report:
        asked.append((clips, lines, model))
        return Report("speakers-names", "cam", [], ["a"], [{"a": "b"}])

    monkeypatch.setattr(names, "names", run)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "cam.onnx").touch()
    command = ["bench", "speakers", "--names", "--speaker-model", "cam.onnx"]
    assert CliRunner().invoke(app, [*command, "--clips", ".", "--line", "opus"]).exit_code == 0
    assert asked == [(Path(), ["opus"], Path("cam.onnx"))]
    refused = CliRunner().invoke(app, [*command, "--folder", "."])
    assert refused.exit_code == 2 and "--clips" in refused.output


def test_without_a_model_it_says_where_one_comes_from(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench_speakers, "campplus", lambda: tmp_path / "none.onnx")
    done = CliRunner().invoke(app, ["bench", "speakers"])
    assert isinstance(done.exception, Unavailable) and "speakers install" in done.exception.hint
