"""Studies with runs that are made up: medians, accuracy, and what is told to whom."""

import json
from pathlib import Path

import pytest

from daemon.bench import plots, studies, workload
from daemon.bench.contenders import Run
from daemon.bench.measure import Usage
from daemon.errors import Unavailable
from daemon.processes.protocol import LoadModel


def usage(wall_s: float) -> Usage:
    return Usage(0, wall_s, wall_s, 100.0, None, None, "")


def test_a_study_gives_medians_and_names_what_cannot_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fake(load: workload.Workload, model: dict[str, object]) -> Run:
        if model["compute_type"] in ("int16", "float16"):
            raise Unavailable("not supported on this device")
        texts = tuple(item.text or "" for item in load.items)
        walls.append(10.0 - len(walls))
        return Run(usage(walls[-1]), texts, {"layout": "x, loaded in 0.5 s"})

    walls: list[float] = []
    monkeypatch.setattr(studies, "daemon", fake)
    (tmp_path / "made").mkdir()
    bench = studies.Bench({"name": "tiny.en"}, tmp_path / "made", 1, lambda steps: iter(steps))
    report = studies.quantization(bench, 2)
    rows = {row["compute type"]: row for row in report.rows}
    assert set(rows) == set(studies.COMPUTE_TYPES) - {"int16", "float16"}
    assert rows["float32"]["speed-up"] == 1.0 and rows["int8"]["speed-up"] > 1.5
    assert rows["int8"]["accuracy kept %"] == 100.0 and rows["int8"]["load s"] == 0.5
    assert "int16: not supported on this device" in report.notes
    document = json.loads(report.to_json(None))
    assert document["machine"]["processor"] and document["versions"]["ctranslate2"]
    assert document["workloads"][0]["sha256"] and len(document["runs"]) == len(rows)
    plots.plot(report, tmp_path / "out.png")
    assert (tmp_path / "out.png").read_bytes().startswith(b"\x89PNG")


def test_a_peer_is_told_what_the_daemon_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told = []

    def peer(_name: str, load: workload.Workload, ours: LoadModel, _converted: Path | None) -> Run:
        told.append((ours.device, ours.compute_type))
        return Run(usage(1.0), ("",) * len(load.items))

    monkeypatch.setattr(studies, "peer", peer)
    monkeypatch.setattr(studies, "daemon", lambda load, _: Run(usage(1.0), ("",) * len(load.items)))
    load = workload.memos(tmp_path, 1)
    for keys in ({}, {"preset": "rtx3090"}, {"preset": "rtx3090", "device": "cuda:1", "compute_type": "float16"}):
        bench = studies.Bench({"name": "tiny.en", **keys}, tmp_path, 1, iter)
        studies.peers(bench, [load], ["1x2"])
    assert told == [("auto", "auto"), ("cuda", "int8"), ("cuda:1", "float16")]
