"""The table of the schemes, with runs that are made up."""

import dataclasses
from pathlib import Path

import pytest

from daemon.bench import plots, schemes, workload
from daemon.bench.contenders import Run
from daemon.bench.measure import Usage
from daemon.bench.peers import LOOP_ALONE, SCHEMES
from daemon.bench.studies import OURS, Bench
from daemon.errors import Unavailable
from daemon.processes.protocol import LoadModel


def made_up(load: workload.Workload, wall_s: float, *, wrong: int = 0, peak_mb: float = 100.0) -> Run:
    texts = [item.text or "" for item in load.items]
    texts[:wrong] = [""] * wrong
    return Run(Usage(0, wall_s, wall_s, peak_mb, None, None, ""), tuple(texts))


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> dict[str, tuple[str, Path | None]]:
    told: dict[str, tuple[str, Path | None]] = {}

    def peer(name: str, load: workload.Workload, ours: LoadModel, converted: Path | None) -> Run:
        told[name] = (ours.compute_type, converted)
        if "OpenVINO" in name:
            raise Unavailable("needs the package openvino: pip install 'transcribed[schemes]'")
        if "PyTorch float32" in name and lacking:
            raise Unavailable("needs the package torch: pip install 'transcribed[peers]'")
        if name == LOOP_ALONE:
            return made_up(load, 1.0, peak_mb=321.0)
        return made_up(load, 8.0, wrong=int("static" in name))

    lacking: list[str] = []
    monkeypatch.setattr(schemes, "peer", peer)
    monkeypatch.setattr(schemes, "daemon", lambda load, _model: made_up(load, 2.0))
    monkeypatch.setitem(told, "lacking", lacking)
    return told


def bench(folder: Path) -> Bench:
    return Bench({"name": "tiny.en"}, folder, 2, iter)


@pytest.mark.usefixtures("told")
def test_every_scheme_has_a_row_and_what_cannot_run_says_why(tmp_path: Path) -> None:
    report = schemes.schemes(bench(tmp_path), 15)
    rows = {row["scheme"]: row for row in report.rows}
    assert list(rows) == [*SCHEMES, OURS] and all(list(row) == report.columns for row in report.rows)
    assert rows[OURS]["speed-up"] == 4.0 and rows[OURS]["accuracy kept %"] == 100.0
    static = rows["ONNX Runtime static int8"]
    assert static["WER %"] > 0 and static["accuracy kept %"] == round(100 - static["WER %"], 2)
    assert rows["OpenVINO static int8"] == {**dict.fromkeys(report.columns), "scheme": "OpenVINO static int8"}
    reason = "not run: needs the package openvino: pip install 'transcribed[schemes]'"
    assert f"OpenVINO int8 weights: {reason}" in report.notes
    assert any("321 MB are openai-whisper's packages alone" in note for note in report.notes)
    assert schemes.SEARCH in report.notes
    plots.plot(report, tmp_path / "out.png")
    assert (tmp_path / "out.png").stat().st_size > 5000


def test_each_gets_its_compute_type_and_its_own_files(told: dict, tmp_path: Path) -> None:
    schemes.schemes(bench(tmp_path), 1)
    assert told["CTranslate2 int8_float16"] == ("int8_float16", None)
    assert told["PyTorch dynamic int8"] == ("float32", None)
    folders = [told[name][1] for name in ("ONNX Runtime static int8", "OpenVINO static int8", "OpenVINO int8 weights")]
    assert len(set(folders)) == 3 and all(folder.parent == tmp_path / "converted" for folder in folders)


def test_without_pytorch_ctranslate2_is_the_yardstick(told: dict, tmp_path: Path) -> None:
    told["lacking"].append("torch")
    report = schemes.schemes(bench(tmp_path), 1)
    rows = {row["scheme"]: row for row in report.rows}
    assert rows["PyTorch float32"]["seconds"] is None
    assert rows["CTranslate2 float32"]["speed-up"] == 1.0 and rows[OURS]["speed-up"] == 4.0


@pytest.mark.usefixtures("told")
def test_without_the_daemon_there_is_no_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> Run:
        raise Unavailable("no such model")

    monkeypatch.setattr(schemes, "daemon", refuse)
    with pytest.raises(Unavailable, match="cannot run: no such model"):
        schemes.schemes(dataclasses.replace(bench(tmp_path), repeats=1), 1)
