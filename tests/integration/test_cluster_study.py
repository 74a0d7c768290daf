"""The benchmark of a cluster: small runs with a real one. Nothing of it is left."""

import json
import os
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

pytest.importorskip("ray", reason="Ray is not installed: pip install 'transcribed[cluster]'")

from typer.testing import CliRunner

from daemon.bench.cluster import overhead, study
from daemon.bench.workload import BUILDERS, memos
from daemon.cli.app import app


def left() -> list[list[str]]:
    """The command lines of what this process has started of a cluster and not ended."""
    found = []
    for child in psutil.Process(os.getpid()).children(recursive=True):
        with suppress(psutil.Error):  # it has just ended
            found += [line] if "ray" in " ".join(line := child.cmdline()) else []
    return found


@pytest.mark.faults
@pytest.mark.timeout(300)
def test_two_engines_for_a_few_seconds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(study, "WARM_UP_S", 1.0)
    monkeypatch.setattr(study, "IDLE_S", 1.0)
    file, before = tmp_path / "found.json", left()
    arguments = ["--engines", "2", "--chunk-s", "10", "--seconds", "4", "--json", str(file)]
    done = CliRunner().invoke(app, ["bench", "cluster", *arguments])
    assert done.exit_code == 0, done.output
    found = json.loads(file.read_text())
    assert "ray" in found["versions"] and found["machine"]["processor"]
    (row,) = found["table"]
    assert (row["engines"], row["chunk s"]) == (2, 10.0)
    assert 0 < row["chunks/s"] < 1.5 * 20, "no more than the engines do"
    assert all(row[name] > 0 for name in ("daemon ms", "link ms", "raylet ms", "head ms", "nodes ms")), row
    assert all(20 < row[name] < 1000 for name in ("daemon MB", "link MB", "agent MB")), row
    assert row["kB/chunk"] > 160, "half of what the audio alone is: the first chunks have come before the first look"
    assert left() == before


@pytest.mark.faults
@pytest.mark.timeout(300)
def test_the_texts_are_the_same_both_ways(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(BUILDERS, "memos", lambda folder: memos(folder, 4))
    before = left()
    report = overhead.overhead({"name": "tiny.en", "engine": "fake"}, tmp_path, ["memos"], 1, print)
    child, through = report.rows
    assert (child["engine"], through["engine"]) == (overhead.CHILD, overhead.THROUGH_RAY)
    assert child["CPU ratio"] == 1.0 and 0.2 < through["CPU ratio"] < 50
    one, other = report.runs
    assert one["texts_sha256"] == other["texts_sha256"]
    assert {"daemon", "engines"} <= one["cpu_s_of"].keys() and "link" not in one["cpu_s_of"]
    assert {"daemon", "engines", "link", "raylet", "head", "agents"} <= other["cpu_s_of"].keys()
    assert left() == before
