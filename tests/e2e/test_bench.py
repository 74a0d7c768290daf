"""The benchmarks and the trial of layouts, for real."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from daemon.bench import latency, studies
from daemon.cli.app import app
from daemon.clips import CLIPS, references
from tests.support import Daemon, MakeDaemon, wait_until

pytestmark = [pytest.mark.model, pytest.mark.timeout(400)]


def transcribed(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "daemon", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300)


@pytest.mark.faults
def test_quantization_is_measured_against_float32(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = ("float32", "int8", "float16", "int8_float16")
    monkeypatch.setattr(studies, "COMPUTE_TYPES", asked)
    monkeypatch.chdir(tmp_path)
    command = ["bench", "quantization", "--memos", "2", "--repeats", "1", "--json", "q.json", "--plot", "q.png"]
    done = CliRunner().invoke(app, command)
    assert done.exit_code == 0, done.output
    document = json.loads((tmp_path / "q.json").read_text())
    rows = {row["compute type"]: row for row in document["table"]}
    assert rows["float32"]["accuracy kept %"] == 100.0 and rows["int8"]["accuracy kept %"] > 80
    assert all(row["wall s"] > 0 and row["peak MB"] > 100 and row["load s"] > 0 for row in rows.values())
    refused = {note.split(":")[0] for note in document["notes"]}
    assert set(rows) | refused == set(asked)
    assert all("not supported" in note for note in document["notes"])
    assert document["model"]["sha256"].startswith("1a5afae06a4db91c")
    assert (tmp_path / "q.png").read_bytes().startswith(b"\x89PNG")
    assert "real-time factor" in done.stdout


@pytest.mark.faults
def test_the_users_folder_is_measured_and_left_alone(tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    mine.mkdir()
    shutil.copy(CLIPS / "memo-1.opus", mine)
    (mine / "memo-1.ref.txt").write_text(
        "Please remember to call the plumber on Monday morning about the kitchen sink."
    )
    before = sorted(mine.iterdir())
    done = transcribed(tmp_path, "bench", "folder", "mine", "--preset", "edge", "--json", "f.json")
    assert done.returncode == 0, done.stderr
    assert sorted(mine.iterdir()) == before
    document = json.loads((tmp_path / "f.json").read_text())
    assert [row["settings"] for row in document["table"]] == ["as configured", "edge"]
    assert all(row["WER %"] == 0.0 for row in document["table"])
    layouts = [run["layout"] for run in document["runs"]]
    assert "1 workers x 1 threads, batches of 1," in layouts[1]
    assert any(note.startswith("preset edge") and "fits" in note for note in document["notes"])
    refused = transcribed(tmp_path, "bench", "folder", "mine", "--preset", "cpu", "--language", "klingon")
    assert refused.returncode == 1 and "unknown language 'klingon'" in " ".join(refused.stdout.split())


@pytest.mark.faults
def test_peers_on_the_users_folder(tmp_path: Path) -> None:
    mine = tmp_path / "calls [en]"
    mine.mkdir()
    shutil.copy(CLIPS / "memo-1.opus", mine)
    names = ["faster-whisper batched", "the engine alone"]
    only = [word for name in names for word in ("--only", name)]
    done = transcribed(tmp_path, "bench", "peers", "--folder", mine.name, *only, "--repeats", "1", "--json", "p.json")
    assert done.returncode == 0, done.stderr
    assert "calls [en]: 1 recordings" in done.stdout
    document = json.loads((tmp_path / "p.json").read_text())
    assert [row["program"] for row in document["table"]] == ["transcribed", *names]
    assert {row["workload"] for row in document["table"]} == {"calls [en]: 1 recordings"}
    assert all(row["WER %"] is None and row["wall s"] > 0 for row in document["table"]), "nothing says what is said"
    # Three programs on the same weights: each has the whole sentence.
    assert {run["characters"] // 10 for run in document["runs"]} == {7}, document["runs"]


@pytest.mark.faults
def test_verify_keeps_its_result(make_daemon: MakeDaemon) -> None:
    daemon: Daemon = make_daemon()
    assert daemon.once() == 0
    mine = daemon.folder / "mine"
    mine.mkdir()
    for clip, text in list(references().items())[:3]:
        shutil.copy(clip, mine)
        (mine / f"{clip.stem}.ref.txt").write_text(text)
    done = daemon.run("verify", "--folder", "mine")
    assert done.returncode == 0, done.stdout + done.stderr
    ((model, compute_type, kept_wer, reference_wer, passed),) = daemon.query(
        "SELECT model, compute_type, wer, reference_wer, passed FROM verifications"
    )
    assert (model, compute_type, passed) == ("tiny.en", "int8", 1)
    assert 0 <= reference_wer < 10 and 0 <= kept_wer < 10


@pytest.mark.faults
def test_the_layout_is_tried_when_idle_gives_way_to_work_and_is_kept(make_daemon: MakeDaemon) -> None:
    soon = "import daemon.transcribe.autotune as autotune; autotune.IDLE_S = 1.0"
    daemon: Daemon = make_daemon(model="batch_size = 4", patch=soon)  # so that batches of other sizes are not tried
    daemon.start().ready()
    wait_until(lambda: "nothing to do: trying" in daemon.log_text(), 60, "the trial")
    shutil.copy(CLIPS / "memo-1.opus", daemon.inbox)
    daemon.wait_for({"memo-1.opus": "done"}, 30)
    wait_until(lambda: daemon.query("SELECT * FROM layouts"), 250, "the layout")
    assert daemon.log_text().count("nothing to do: trying") == 2
    ((workers, threads, batch_size, trials),) = daemon.query(
        "SELECT workers, cpu_threads, batch_size, trials FROM layouts"
    )
    tried = json.loads(trials)
    assert len(tried) >= min(2, len(os.sched_getaffinity(0))) and all(trial["times_real_time"] > 0 for trial in tried)
    assert {trial["layout"]["batch_size"] for trial in tried} == {4}
    assert {"workers": workers, "cpu_threads": threads, "batch_size": batch_size} in [each["layout"] for each in tried]
    assert daemon.stop() == 0
    shutil.copy(CLIPS / "memo-2.opus", daemon.inbox)
    assert daemon.once() == 0
    ready = [line for line in daemon.log_text().splitlines() if "engine ready" in line]
    assert f"{workers} workers x {threads} threads, batches of {batch_size}," in ready[-1]
    status = json.loads(daemon.run("status", "--json").stdout)
    assert status["layouts"][0]["workers"] == workers
    assert "layout: tiny.en" in daemon.run("status").stdout


@pytest.mark.faults
def test_a_memos_wait_is_taken_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(latency, "LONG_S", 30.0)
    report = latency.latency({"name": "tiny.en"}, tmp_path, 1)
    assert [row["memo dropped"] for row in report.rows] == ["on an idle daemon", "while 0.5 minutes are transcribed"]
    for row, run in zip(report.rows, report.runs, strict=True):
        assert 0 < run["engine_s"] < run["wait_s"] - latency.SETTLE_S, row
        parts = row["of it settling"] + row["its share of the engine"] + row["the rest"]
        assert parts == pytest.approx(row["seconds to its transcript"], abs=0.03)
