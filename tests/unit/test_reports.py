"""The commands of `transcribed bench`."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from daemon.bench.report import Report
from daemon.cli import bench
from daemon.cli.app import app


@pytest.mark.parametrize(("command", "said"), [("bench", "'transcribed[bench]'"), ("bench peers", "[model]")])
def test_the_help_keeps_what_stands_in_brackets(command: str, said: str) -> None:
    assert said in " ".join(CliRunner().invoke(app, [*command.split(), "--help"]).stdout.split())


def test_the_figures_go_into_a_file_or_to_standard_output_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    report = Report("study", "tiny.en", [])
    bench._show(report, tmp_path / "out.json", None)
    assert json.loads((tmp_path / "out.json").read_text())["study"] == "study"
    assert "GB, GPUs" in capsys.readouterr().out
    bench._show(report, Path("-"), None)
    printed = capsys.readouterr()
    assert json.loads(printed.out)["study"] == "study" and "GB, GPUs" in printed.err
