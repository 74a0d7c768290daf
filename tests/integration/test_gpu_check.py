"""The script for a machine with a GPU, run for real on the processor, and what it does where something is amiss."""

import json
import os
import time
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest

from tools.gpu import check as gpu_check
from tools.gpu.check import (
    CUBLAS,
    NEXT_CUBLAS,
    PLAN_B,
    SMALL,
    Check,
    Place,
    introduce,
    library_path,
    main,
    plan_b,
    summary,
)
from tools.gpu.steps import STEPS

pytestmark = [pytest.mark.model, pytest.mark.timeout(300)]


def results(out: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((out / "results.json").read_text())
    return found


def test_on_a_processor_it_does_all_that_needs_no_gpu(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    asked = ["environment", "trust", "matrix", "daemon", "memory"]
    carried = ["--carried", str(tmp_path / "nothing"), "--out", str(tmp_path / "out"), "--work", str(tmp_path / "work")]
    assert main([*carried, "--cpu", "--only", *asked]) == 0
    steps = results(tmp_path / "out")["steps"]
    assert {name.split()[0] for name in steps} == set(asked)
    assert steps["environment"]["rows"][0]["versions"]["ctranslate2"]
    (heard,) = steps["trust"]["rows"]
    assert heard["works"] and "station" in heard["hears"] and heard["word_fault"] == ""
    for beam, row in zip((5, 1), steps["matrix tiny.en"]["rows"], strict=True):
        assert row["beam"] == beam and row["x_real_time"] > 0 and row["characters"] > 100 and row["gpu_mb"] is None
    (run,) = steps["daemon tiny.en"]["rows"]
    assert run["exit_code"] == 0 and run["done"] == 2 and run["wer_percent"] < 20
    assert steps["memory tiny.en"]["status"] == "lacking" and "needs CUDA" in steps["memory tiny.en"]["why"]
    shown = capsys.readouterr().out
    assert "x_real_time" in shown and shown.strip().splitlines()[-1] in (tmp_path / "out" / "summary.txt").read_text()


def check(folder: Path, seconds: float = 100.0, cuda: bool = False) -> Check:
    place = Place(folder / "carried", folder / "work", folder / "out")
    place.work.mkdir()
    place.out.mkdir()
    variables = {**os.environ, "PYTHONPATH": str(gpu_check.ROOT)}
    return Check(place, cuda, True, time.monotonic() + seconds, variables)


def test_a_step_that_fails_or_runs_out_of_time_is_a_line_and_the_next_one_goes_on(tmp_path: Path) -> None:
    here = check(tmp_path)
    assert here.step("nonsense", "", 60)["status"] == "failed"
    late = here.step("trust", "", 15)
    assert late["status"] in ("ok", "timed out", "cut short")
    here.until = time.monotonic() + 5
    assert here.step("environment", "", 60) == {"status": "skipped", "why": "no time is left", "rows": []}
    assert list(results(tmp_path / "out")["steps"]) == ["nonsense", "trust", "environment"]


def test_a_cublas_of_the_next_version_gets_the_name_that_is_opened(tmp_path: Path) -> None:
    old, new, links = tmp_path / "cu12", tmp_path / "cu13", tmp_path / "links"
    for folder, name in ((old, CUBLAS), (new, NEXT_CUBLAS)):
        folder.mkdir()
        (folder / name).write_text(name)
    path, told = library_path([new], links)
    assert path == [str(links), str(new)] and (links / CUBLAS).read_text() == NEXT_CUBLAS and "->" in told
    assert library_path([new, old], links) == ([str(old)], str(old / CUBLAS))
    assert library_path([tmp_path], links)[0] == []


@pytest.mark.parametrize(("works", "again"), [(False, True), (True, False)])
def test_an_older_version_is_tried_where_the_card_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, works: bool, again: bool
) -> None:
    here = check(tmp_path, cuda=True)
    (tmp_path / "carried" / "3" / PLAN_B).mkdir(parents=True)
    (tmp_path / "carried" / "3" / PLAN_B / "ctranslate2-4.6.3-x.whl").touch()
    here.results = {"preparation": {}, "steps": {"trust": {"rows": [{"works": works}]}}}
    installed: list[object] = []
    tried: list[object] = []

    def install(wheels: list[str], _into: Path) -> str:
        installed.append(wheels)
        return ""

    monkeypatch.setattr(gpu_check, "install", install)
    monkeypatch.setattr(Check, "step", lambda *asked: tried.append(asked[1:]))
    plan_b(here)
    assert bool(installed) == again and tried == ([("trust", "", 90, "trust, plan b")] if again else [])
    assert here.variables["PYTHONPATH"].startswith(str(tmp_path / "work" / "site-b")) == again


def test_a_checkout_that_is_not_installed_is_known_by_its_version(tmp_path: Path) -> None:
    introduce(tmp_path)
    (found,) = metadata.distributions(path=[str(tmp_path)])
    assert (found.name, found.version) == ("transcribed", metadata.version("transcribed"))


def test_every_step_that_is_planned_exists() -> None:
    assert {step for step, *_ in (*SMALL, *gpu_check.FULL)} == set(STEPS)
    assert sum(limit_s for *_, limit_s in gpu_check.FULL) < 2 * 600, "most would never have their turn"


def test_the_table_has_what_has_a_speed() -> None:
    steps = {
        "trust": {"status": "ok", "why": "", "rows": [{"works": True}]},
        "turns x": {"status": "failed", "why": "it died", "rows": [{"contender": "ours", "x_real_time": 310.0}]},
    }
    lines = list(summary({"steps": steps}))
    assert "it died" in lines[1] and "ours" in lines[3] and "310.0" in lines[3] and len(lines) == 4
