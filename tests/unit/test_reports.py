"""What a benchmark shows."""

import json
from pathlib import Path

import pytest

from daemon.bench.report import Report
from daemon.cli import reports


def test_the_figures_go_into_a_file_or_to_standard_output_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    report = Report("study", "tiny.en", [])
    reports.show(report, tmp_path / "out.json", None)
    assert json.loads((tmp_path / "out.json").read_text())["study"] == "study"
    assert "GB, GPUs" in capsys.readouterr().out
    reports.show(report, Path("-"), None)
    printed = capsys.readouterr()
    assert json.loads(printed.out)["study"] == "study" and "GB, GPUs" in printed.err
