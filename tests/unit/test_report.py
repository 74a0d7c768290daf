"""The outcome of a benchmark."""

import hashlib
import json
from pathlib import Path

import pytest

from daemon.bench import report as module
from daemon.bench.contenders import Run
from daemon.bench.measure import Usage
from daemon.bench.report import Report, machine, median, score, versions
from daemon.bench.workload import Item, Workload

KNOWN = Workload("known", (Item(Path("a"), "two chairs", 3.0),), "sha")
UNKNOWN = Workload("unknown", (*KNOWN.items, Item(Path("b"), None, 4.0)), "sha")


def run(*texts: str, wall_s: float = 1.0) -> Run:
    return Run(Usage(0, wall_s, 0.5, 100.0, None, None, "a long log"), texts, {"fill": 0.9})


def test_errors_are_counted_only_where_all_that_is_said_is_known() -> None:
    assert score(KNOWN, ["Two chairs."]) == 0.0 and score(KNOWN, ["two tables"]) == 50.0
    assert score(UNKNOWN, ["two chairs", "x"]) is None


def test_a_run_is_kept_with_its_figures_and_without_its_log_and_texts() -> None:
    report = Report("study", "tiny.en", [KNOWN])
    report.add_run("ours", KNOWN, run("two chairs", wall_s=2.0))
    report.add_run("theirs", KNOWN, run("two chairs"))
    (kept,) = report.of("ours", KNOWN)
    assert (kept["wall_s"], kept["wer_percent"], kept["fill"], kept["characters"]) == (2.0, 0.0, 0.9, 10)
    assert kept["texts_sha256"] == report.of("theirs", KNOWN)[0]["texts_sha256"]
    assert "a long log" not in json.dumps(kept) and report.of("ours", UNKNOWN) == []


def test_the_median_is_that_of_the_figure() -> None:
    assert median([{"wall_s": wall_s} for wall_s in (9.0, 1.0, 2.0)], "wall_s") == 2.0


def test_the_document_tells_models_and_workloads_apart(tmp_path: Path) -> None:
    (tmp_path / "model.bin").write_bytes(b"weights")
    document = json.loads(Report("study", "tiny.en", [KNOWN], finished_at="then").to_json(tmp_path / "model.bin"))
    assert document["model"] == {"name": "tiny.en", "sha256": hashlib.sha256(b"weights").hexdigest()}
    assert document["finished_at"] == "then"
    assert document["workloads"] == [{"name": "known", "recordings": 1, "audio_s": 3.0, "sha256": "sha"}]


def test_the_machine_has_the_gpus_that_nvidia_smi_lists(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "nvidia-smi"
    monkeypatch.setattr(module, "NVIDIA_SMI", (str(program),))
    assert machine()["gpus"] == []
    for text, gpus in (
        ("echo 'A, 570, 1'; echo; echo 'B, 570, 2'", ["A, 570, 1", "B, 570, 2"]),
        ("exit 9", ["nvidia-smi does not answer"]),
    ):
        program.write_text(f"#!/bin/sh\n{text}\n")
        program.chmod(0o755)
        assert machine()["gpus"] == gpus
    assert machine()["memory_gb"] > 0 and versions()["ctranslate2"]
