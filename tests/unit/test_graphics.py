"""What the doctor says of GPUs and CUDA, by a table; with fake nvidia-smi programs and libraries that abort."""

import os
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from daemon.config.parallelism import Parallelism
from daemon.config.settings import Model, Monitor, Settings
from daemon.doctor import graphics
from daemon.doctor.case import Case
from daemon.doctor.findings import FAILED, OK, WARNING
from daemon.doctor.graphics import (
    DRIVER,
    PACKAGES,
    Graphics,
    cure_of,
    examine,
    findings,
    gpu_mb,
    loads,
    look,
    named_libraries,
    preset_findings,
)
from daemon.monitor.sample import Gpu, Probe
from daemon.processes.asking import NoAnswer
from daemon.processes.protocol import Surveyed

CARD = Gpu(0, "GPU-aaaa", "RTX 4090", memory_used_mb=1_000, memory_total_mb=24_000, temperature_c=60)
LOADED = {DRIVER: "", "libcublas.so.12": ""}
BROKEN = LOADED | {"libcublas.so.12": "cannot open shared object file"}
ONE = Graphics("auto", Probe((CARD,)), 1, LOADED)


@pytest.mark.parametrize(
    ("found", "levels", "said"),
    [
        (Graphics("auto", Probe(), 0), [OK], "none; the model runs on the CPU"),
        (Graphics("cpu", Probe(), None), [OK], "none; the model runs on the CPU"),
        (Graphics("cuda", Probe(), 0, {DRIVER: "no such file"}), [FAILED, FAILED], "model.device is 'cuda'"),
        (Graphics("cuda", Probe(), 1, LOADED), [OK], "can be loaded"),
        (Graphics("none", Probe(), 0), [OK], "none; the engines are elsewhere"),
        (Graphics("auto", Probe(error="nvidia-smi failed"), 0), [WARNING], "nvidia-smi failed"),
        (Graphics("cuda:0", Probe(error="nvidia-smi failed"), 0), [FAILED], "nvidia-smi failed"),
        (ONE, [OK, OK], "0: RTX 4090, 1000 of 24000 MB in use, 60 °C"),
        (replace(ONE, probe=Probe((Gpu(0, "", "Tesla"),))), [OK, OK], "0: Tesla"),
        (replace(ONE, probe=Probe((replace(CARD, temperature_c=85),))), [WARNING, OK], "hotter than"),
        (replace(ONE, probe=Probe((replace(CARD, throttle=("power cap",)),))), [OK, OK], "RTX"),
        (replace(ONE, probe=Probe((replace(CARD, throttle=("power brake",)),))), [WARNING, OK], "power brake"),
        (replace(ONE, libraries=BROKEN), [OK, FAILED], "RTX"),
        (replace(ONE, libraries=BROKEN, visible=0), [OK, WARNING, WARNING], "RTX"),
        (replace(ONE, wanted="cuda", visible=0), [OK, FAILED], "RTX"),
        (replace(ONE, wanted="cpu", visible=0, libraries={}), [OK], "RTX"),
        (replace(ONE, visible=None), [OK, OK], "RTX"),
    ],
)
def test_gpus(found: Graphics, levels: list[str], said: str) -> None:
    told = list(findings(found, 85.0))
    assert [each.level for each in told] == levels and said in told[0].text
    assert all(each.cure for each in told if each.level != OK)


@pytest.mark.parametrize(
    ("device", "pid", "mb"),
    [("cuda:0", None, 23_000), ("cuda:0", 1, 24_000), ("cuda:1", None, None), ("cpu", None, None)],
)
def test_what_is_in_use_is_the_daemons_where_it_runs(device: str, pid: int | None, mb: float | None) -> None:
    assert gpu_mb([CARD], device, pid) == mb
    assert gpu_mb([replace(CARD, memory_total_mb=None)], device, pid) is None


def test_libraries_are_those_that_ctranslate2_names() -> None:
    assert DRIVER in named_libraries() and any(name.startswith("libcublas.so.") for name in named_libraries())


def test_what_is_missing_is_said_with_the_package_that_has_it(tmp_path: Path) -> None:
    assert "driver" in cure_of(DRIVER)
    assert cure_of("libcublas.so.12", [str(tmp_path)]).startswith(
        "pip install nvidia-cublas-cu12, and have LD_LIBRARY_PATH"
    )
    folder = tmp_path / PACKAGES
    folder.mkdir(parents=True)
    (folder / "libcublas.so.13").touch()
    assert "(libcublas.so.13 is of another CUDA)" in cure_of("libcublas.so.12", ["", str(tmp_path)])
    (folder / "libcublas.so.12").touch()
    assert cure_of("libcublas.so.12", [str(tmp_path)]).startswith(f"it is in {folder}, which LD_LIBRARY_PATH must name")
    assert "docs/service.md" in cure_of("libcudnn.so.9", [str(tmp_path)])


def test_cudnn_is_not_needed() -> None:
    assert not [name for name in named_libraries() if "cudnn" in name]


def test_the_line_of_a_library_that_is_missing_has_that_cure() -> None:
    told = [each for each in findings(replace(ONE, libraries=BROKEN), 85.0) if each.level == FAILED]
    assert [each.cure for each in told] == [cure_of("libcublas.so.12")]


def test_a_library_that_loads_one_that_is_missing_and_one_that_aborts(tmp_path: Path) -> None:
    assert loads("libc.so.6") == ""
    assert "cannot open shared object file" in loads("libnowhere.so.1")
    (tmp_path / "libtext.so").write_text("no library")
    assert "libtext.so" in loads(str(tmp_path / "libtext.so"))
    if (compiler := shutil.which("cc")) is None:
        pytest.skip("there is no compiler here to make a library that aborts")
    source, library = tmp_path / "abort.c", tmp_path / "libabort.so"
    source.write_text("#include <stdlib.h>\n__attribute__((constructor)) static void f(void) { abort(); }\n")
    assert os.system(f"{compiler} -shared -fPIC -o {library} {source}") == 0
    assert "signal 6" in loads(str(library))


@pytest.mark.parametrize(
    ("program", "wanted", "visible", "error", "tries"),
    [
        (None, "auto", 0, None, False),
        (None, "cuda", 0, None, True),
        ("#!/bin/sh\necho broken\nexit 9\n", "auto", 0, "exit code 9", False),
        ("#!/bin/sh\nexec sleep 60\n", "auto", 0, "has not answered within", False),
        ("#!/bin/sh\necho broken\nexit 9\n", "cpu", 1, "exit code 9", False),
        (None, "none", 1, None, False),
    ],
    ids=["none", "none but wanted", "broken", "hanging", "of no use", "engines elsewhere"],
)
def test_nvidia_smi_may_be_missing_broken_or_hang(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    program: str | None,
    wanted: str,
    visible: int,
    error: str | None,
    tries: bool,
) -> None:
    if program is not None:
        (tmp_path / "nvidia-smi").write_text(program)
        (tmp_path / "nvidia-smi").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    surveyed = Surveyed("cpu", "int8", (), visible, Parallelism(1, 1, 1))
    monkeypatch.setattr(graphics, "ask", lambda *_: surveyed)
    monkeypatch.setattr(graphics, "loads", lambda _name: "")
    found = look(Settings(model=Model(device=wanted), monitor=Monitor(probe_timeout_seconds=1)))
    assert found.visible == visible and bool(found.libraries) is tries
    assert error is None if found.probe.error is None else error is not None and error in found.probe.error


def test_a_survey_that_dies_leaves_open_what_ctranslate2_sees(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(graphics, "ask", lambda *_: NoAnswer("it died (signal 11)"))
    monkeypatch.setattr(graphics, "look_at_gpus", lambda _settings: Probe())
    assert look(Settings()).visible is None


SMALL_CARD = replace(CARD, index=1, memory_total_mb=11_264)


@pytest.mark.parametrize(
    ("preset", "found", "levels", "said"),
    [
        ("none", ONE, [], ""),
        ("cpu", ONE, [], ""),
        ("rtx4090", replace(ONE, wanted="cuda"), [], ""),
        ("rtx4090", replace(ONE, wanted="cuda", probe=Probe((replace(CARD, memory_total_mb=22_731),))), [], ""),
        ("h100", replace(ONE, wanted="cuda"), [WARNING], "is for 80 GB, and 0: RTX 4090 has 25"),
        ("rtx3090", replace(ONE, wanted="cuda", probe=Probe((CARD, SMALL_CARD))), [WARNING], "1: RTX 4090 has 12"),
        ("rtx3090", replace(ONE, wanted="cuda:0", probe=Probe((CARD, SMALL_CARD))), [], ""),
        ("a100", replace(ONE, wanted="cuda", probe=Probe((replace(CARD, memory_total_mb=None),))), [], ""),
        ("a100", Graphics("cuda", Probe(), 0, {}), [FAILED], "needs an NVIDIA GPU"),
        ("a100", Graphics("cuda", Probe(error="it hangs"), None, {}), [], ""),
        ("a100", Graphics("cpu", Probe(), 0, {}), [], ""),
    ],
)
def test_a_preset_for_another_card_is_said(preset: str, found: Graphics, levels: list[str], said: str) -> None:
    told = list(preset_findings(preset, found))
    assert [each.level for each in told] == levels and all(said in each.text and each.cure for each in told)


def test_the_device_of_a_preset_is_the_one_that_is_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(graphics, "ask", lambda *_: NoAnswer("it died"))
    monkeypatch.setattr(graphics, "look_at_gpus", lambda _settings: Probe())
    monkeypatch.setattr(graphics, "loads", lambda _name: "")
    assert look(Settings(model=Model(preset="h100"))).wanted == "cuda"
    case = Case(None, Settings(model=Model(preset="h100")), "", "pat", None)
    assert [each.level for each in examine(case)][:1] == [FAILED] and any(
        "'h100'" in each.text for each in examine(case)
    )
