import json
from pathlib import Path

import pytest

from daemon.bench import peers, plots, studies, workload
from daemon.bench.contenders import Run
from daemon.bench.measure import Usage, run
from daemon.bench.report import Report, score
from daemon.bench.scoring import agreement, wer
from daemon.engine.loader import Placement
from daemon.errors import Unavailable
from daemon.processes.protocol import LoadModel
from tests.support import write_wav


def test_errors_are_counted_on_normalized_words() -> None:
    assert wer(["Two chairs, please."], ["2 chairs please"]) == 0.0
    assert wer(["red green blue grey"], ["red blue grey grey"]) == 50.0
    assert wer(["", "red green"], ["made up", "red green"]) == 100.0
    assert agreement(["a b c d"], ["a b c x"]) == 75.0


def test_a_workload_is_the_same_each_time_and_knows_what_is_said(tmp_path: Path) -> None:
    made = []
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        made.append(workload.meeting(tmp_path / name, 20.0))
    assert made[0].sha256 == made[1].sha256
    assert made[0].audio_s >= 20.0 and made[0].items[0].text
    (tmp_path / "c").mkdir()
    memos = workload.memos(tmp_path / "c", 17)
    assert len(memos.items) == 17 and memos.has_references
    assert memos.items[0].text == memos.items[15].text


def test_the_users_recordings_are_copied_and_references_found(tmp_path: Path) -> None:
    source, copies = tmp_path / "mine", tmp_path / "copies"
    source.mkdir(), copies.mkdir()
    write_wav(source / "a.wav")
    (source / "a.ref.txt").write_text("what is said")
    write_wav(source / "b.wav", seed=1)
    (source / "notes.txt").write_text("no recording")
    (source / "broken.mp3").write_text("no recording either")
    load = workload.of_user(source, copies)
    assert [item.text for item in load.items] == ["what is said", None]
    assert not load.has_references and score(load, ["x", "y"]) is None
    assert all(item.path.parent == copies for item in load.items)
    (tmp_path / "empty").mkdir()
    with pytest.raises(Unavailable, match="no recording below"):
        workload.of_user(tmp_path / "empty", copies)


def test_a_run_is_measured_with_its_children(tmp_path: Path) -> None:
    hungry = "import subprocess,sys,time; x=bytearray(60_000_000); time.sleep(0.6)"
    nested = f"import subprocess,sys; sys.exit(subprocess.call([sys.executable, '-c', {hungry!r}]) or 3)"
    import sys

    usage = run([sys.executable, "-c", nested], tmp_path)
    assert usage.exit_code == 3
    assert usage.wall_s > 0.5 and usage.peak_mb > 65


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
    report.write(tmp_path / "out.json", None)
    document = json.loads((tmp_path / "out.json").read_text())
    assert document["machine"]["processor"] and document["versions"]["ctranslate2"]
    assert document["workloads"][0]["sha256"] and len(document["runs"]) == len(rows)
    plots.plot(report, tmp_path / "out.png")
    assert (tmp_path / "out.png").read_bytes().startswith(b"\x89PNG")


def test_every_study_can_be_drawn(tmp_path: Path) -> None:
    for study, panels in plots.PANELS.items():
        labels = dict.fromkeys(plots.LABELS[study], "transcribed")
        row = {**labels, **dict.fromkeys(panels, 95.0), "workload": "60 memos"}
        plots.plot(Report(study, "tiny.en", [], rows=[row, row]), tmp_path / f"{study}.png")
        assert (tmp_path / f"{study}.png").stat().st_size > 5000


def test_a_peer_computes_where_and_how_the_daemon_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import ctranslate2

    def ordered(peer: object, device: str = "auto", compute_type: str = "auto") -> None:
        order = {"peer": "x", "model": "tiny.en", "device": device, "compute_type": compute_type, "files": ["a"],
                 "out": str(tmp_path / "texts.json")}  # fmt: skip
        monkeypatch.setattr(peers, "PEERS", {"x": peer})
        monkeypatch.setattr("sys.argv", ["peers", json.dumps(order)])
        peers.main()

    seen = []

    def peer(_model: str, at: Placement, files: list[str]) -> list[str]:
        seen.append((at.name, at.compute_type))
        return files

    def lacking(*_: object) -> list[str]:
        raise ModuleNotFoundError("No module named 'torch'", name="torch")

    monkeypatch.setattr(ctranslate2, "get_cuda_device_count", lambda: 0)
    ordered(peer)
    with pytest.raises(SystemExit, match=r"torch: pip install 'transcribed\[peers\]'"):
        ordered(lacking)
    with pytest.raises(SystemExit, match="'cuda' is not there"):
        ordered(peer, "cuda")
    monkeypatch.setattr(ctranslate2, "get_cuda_device_count", lambda: 2)
    monkeypatch.setattr(ctranslate2, "get_supported_compute_types", lambda *_: {"float16", "int8_float16", "int8"})
    ordered(peer)
    ordered(peer, "cuda:1", "float16")
    assert seen == [("cpu", "int8"), ("cuda:0", "int8_float16"), ("cuda:1", "float16")]


def test_a_peer_is_told_what_the_daemon_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told = []

    def peer(_name: str, load: workload.Workload, ours: LoadModel) -> Run:
        told.append((ours.device, ours.compute_type))
        return Run(usage(1.0), ("",) * len(load.items))

    monkeypatch.setattr(studies, "peer", peer)
    monkeypatch.setattr(studies, "daemon", lambda load, _: Run(usage(1.0), ("",) * len(load.items)))
    load = workload.memos(tmp_path, 1)
    for keys in ({}, {"preset": "rtx3090"}, {"preset": "rtx3090", "device": "cuda:1", "compute_type": "float16"}):
        bench = studies.Bench({"name": "tiny.en", **keys}, tmp_path, 1, iter)
        studies.peers(bench, [load], ["1x2"])
    assert told == [("auto", "auto"), ("cuda", "int8"), ("cuda:1", "float16")]


@pytest.mark.parametrize(("command", "said"), [("bench", "'transcribed[bench]'"), ("bench peers", "[model]")])
def test_the_help_keeps_what_stands_in_brackets(command: str, said: str) -> None:
    from typer.testing import CliRunner

    from daemon.cli.app import app

    assert said in " ".join(CliRunner().invoke(app, [*command.split(), "--help"]).stdout.split())


def test_a_model_that_keeps_too_little_fails_the_check(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from typer.testing import CliRunner

    from daemon.bench import verify
    from daemon.cli.app import app
    from daemon.store import migrate

    def fake(load: workload.Workload, model: dict[str, object]) -> Run:
        whole = [item.text or "" for item in load.items]
        half = [" ".join(text.split()[::2]) for text in whole]
        exact = model.get("compute_type") == "float32"
        return Run(
            usage(9.0 if exact else 3.0), tuple(whole if exact else half), {"compute_type": "int8", "device": "x"}
        )

    monkeypatch.setattr(verify, "daemon", fake)
    (tmp_path / "config.toml").write_text("")
    migrate.migrate(tmp_path / "var" / "jobs.db")
    result = CliRunner().invoke(app, ["verify", "--config", str(tmp_path / "config.toml")])
    assert result.exit_code == 1 and "failed: keeps" in result.stdout
    import sqlite3

    connection = sqlite3.connect(tmp_path / "var" / "jobs.db")
    ((passed, agreed, speed_up),) = connection.execute("SELECT passed, agreement, speed_up FROM verifications")
    connection.close()
    assert (passed, speed_up) == (0, 3.0) and 30 < agreed < 70
