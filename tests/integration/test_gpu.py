"""The GPU probe with fake nvidia-smi programs, minute after minute of a fake clock."""

import json
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import TypeVar

import pytest

from daemon.monitor.gpu import GpuProbe
from daemon.monitor.sample import Probe
from tests.integration.monitor_house import GONE, OK_LINE, PROBE, SMI, A, B, Bench, M, T, fails, line, says
from tests.support import alive, children_of, wait_until

TICKS = 30
Program = TypeVar("Program", bound=str | None)


@pytest.fixture
def once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Run each program for the first look only; what it says after that is known."""
    real, said = GpuProbe.__call__, dict[bytes, Probe]()

    def look(probe: GpuProbe) -> Probe:
        program = shutil.which(SMI)
        if program is None:
            return real(probe)
        text = Path(program).read_bytes()
        if text not in said:
            said[text] = real(probe)
        return said[text]

    monkeypatch.setattr(GpuProbe, "__call__", look)


def between(first: int, last: int, inside: Program, outside: Program) -> Callable[[int], Program]:
    return lambda tick: inside if first <= tick < last else outside


SILENT = [(5, T, A, "unknown"), (5, M, A, "unknown"), (5, GONE, A, "unknown"), (5, PROBE, A, "unknown")]


SPEAKS = [(15, T, A, "ok"), (15, M, A, "ok"), (15, GONE, A, "ok"), (15, PROBE, A, "ok")]


LOST = [
    (5, PROBE, SMI, "pending"), *SILENT, (7, PROBE, SMI, "firing"), (15, PROBE, SMI, "resolved"), *SPEAKS,
]  # fmt: skip


NEVER = [(0, PROBE, SMI, "pending"), (2, PROBE, SMI, "firing")]


FROM_A_SENSOR_LOST = [
    (5, T, A, "unknown"), (5, PROBE, A, "pending"), (7, PROBE, A, "firing"), (15, T, A, "ok"), (15, PROBE, A, "resolved"),
]  # fmt: skip


NO_DRIVER = "NVIDIA-SMI has failed because it could not communicate with the NVIDIA driver."


CASES: dict[str, tuple[Callable[[int], str | bytes | None], list[tuple[int, str, str, str]]]] = {
    "cool": (lambda _: OK_LINE, []),
    "hot": (lambda _: says(line(90)), [(0, T, A, "pending"), (2, T, A, "firing")]),
    "hot for ten minutes": (
        between(5, 15, says(line(90)), OK_LINE),
        [(5, T, A, "pending"), (7, T, A, "firing"), (15, T, A, "resolved")],
    ),
    "hot for a minute": (between(5, 6, says(line(90)), OK_LINE), [(5, T, A, "pending"), (6, T, A, "ok")]),
    "oscillating": (
        lambda tick: says(line(84 + 2 * (tick % 2) if tick < 28 else 70)),
        [(1, T, A, "pending"), (3, T, A, "firing"), (28, T, A, "resolved")],
    ),
    "[N/A]": (lambda _: says(line("[N/A]")), [(0, T, A, "unknown")]),
    "[N/A] after a while": (between(5, 15, says(line("[N/A]")), OK_LINE), FROM_A_SENSOR_LOST),
    "[Unknown Error]": (between(5, 15, says(line("[Unknown Error]")), OK_LINE), FROM_A_SENSOR_LOST),
    "hot, then [N/A]": (
        lambda tick: says(line(90 if tick < 5 else "[N/A]")),
        [(0, T, A, "pending"), (2, T, A, "firing"), (5, T, A, "unknown"), (5, PROBE, A, "pending"), (7, PROBE, A, "firing")],
    ),
    "driver lost, exit 9": (between(5, 15, fails(9, NO_DRIVER), OK_LINE), LOST),
    "driver lost, exit 15": (between(5, 15, fails(15, "Unable to determine the device handle"), OK_LINE), LOST),
    "driver lost from the start": (lambda _: fails(9, NO_DRIVER), NEVER),
    "empty, exit 255": (between(5, 15, fails(255), OK_LINE), LOST),
    "empty, exit 0": (between(5, 15, "#!/bin/sh\n", OK_LINE), LOST),
    "not a program": (between(5, 15, "", OK_LINE), LOST),
    "a comma in the name": (
        lambda _: says(line(90, name="RTX, 4090")), [(0, T, A, "pending"), (2, T, A, "firing")],
    ),
    "total memory 0": (lambda _: says(line(total=0)), [(0, M, A, "unknown")]),
    "missing": (lambda _: None, []),
    "missing after a while": (between(5, 15, None, OK_LINE), LOST),
    "no devices": (lambda _: fails(6, "No devices were found"), []),
    "10 MB of output": (lambda _: "#!/bin/sh\nyes nvidia | head -c 10000000\n", NEVER),
    "not UTF-8": (
        lambda _: b"#!/bin/sh\nprintf '" + line(90, name="RTX 4090").encode().replace(b", Disabled,", b", \\377\\376,", 1) + b"\\n'\n",
        [(0, T, A, "pending"), (2, T, A, "firing")],
    ),
    "two GPUs of which one disappears": (
        between(10, 20, OK_LINE, says(line(), line(gpu="b"))),
        [
            (10, GONE, B, "pending"), (10, T, B, "unknown"), (10, M, B, "unknown"), (10, PROBE, B, "unknown"),
            (12, GONE, B, "firing"),
            (20, GONE, B, "resolved"), (20, T, B, "ok"), (20, M, B, "ok"), (20, PROBE, B, "ok"),
        ],
    ),
}  # fmt: skip


@pytest.mark.guarantee(27)
@pytest.mark.parametrize("case", CASES)
@pytest.mark.usefixtures("once")
def test_fake_nvidia_smi(case: str, bench: Callable[..., Bench]) -> None:
    program, expected = CASES[case]
    here: Bench = bench()
    found = []
    for tick in range(TICKS):
        here.program(program(tick))
        found += [(tick, *event) for event in here.tick()]
    assert sorted(found) == sorted(expected)
    assert here.query("SELECT count(*) FROM samples") == [(TICKS,)]
    firing = {(rule, subject) for _, rule, subject, state in expected if state == "firing"}
    over = {(rule, subject) for _, rule, subject, state in expected if state == "resolved"}
    rows = here.query("SELECT rule, subject, resolved_at FROM alerts WHERE fired_at IS NOT NULL")
    assert {(rule, subject) for rule, subject, _ in rows} == firing and len(rows) == len(firing)
    assert {(rule, subject) for rule, subject, end in rows if end} == over
    assert len((here.folder / "var" / "service_metrics.log").read_text().splitlines()) == TICKS


@pytest.mark.guarantee(27)
@pytest.mark.parametrize("program", ["sleep 1000", "trap '' TERM INT HUP\nsleep 1000", "sleep 1000 &\nwait"])
def test_an_nvidia_smi_that_hangs(program: str, bench: Callable[..., Bench]) -> None:
    timeout_s = 0.5
    here: Bench = bench(probe_s=timeout_s)
    here.program(f"#!/bin/sh\necho $$ >> {here.folder}/pids\n{program}\n")
    found, took_s = [], []
    for tick in range(10):
        began = time.monotonic()
        found += [(tick, *event) for event in here.tick()]
        took_s.append(time.monotonic() - began)
    # One look in so many may fall into a second in which the machine is busy with something else.
    assert median(took_s) < timeout_s + 1.0 and max(took_s) < timeout_s + 10.0, "the monitor hung with it"
    assert found == NEVER
    assert [pid for pid in children_of(os.getpid()) if not alive(pid)] == [], "zombies are left"
    pids = [int(pid) for pid in (here.folder / "pids").read_text().split()]
    assert pids
    wait_until(lambda: not [pid for pid in pids if alive(pid)], what="every nvidia-smi to be gone")


def test_figures_of_two_gpus(bench: Callable[..., Bench]) -> None:
    here: Bench = bench()
    here.program(says(line(71), line(64, gpu="b", name="Tesla, P40")))
    gpus = GpuProbe(10.0)().gpus
    assert [(gpu.index, gpu.name, gpu.temperature_c, gpu.load_percent) for gpu in gpus] == [
        (0, "RTX 4090", 71.0, 45.0), (1, "Tesla P40", 64.0, 45.0),
    ]  # fmt: skip
    here.tick()
    ((temperature, memory, detail),) = here.query("SELECT gpu_temperature_c, gpu_memory_percent, detail FROM samples")
    assert temperature == 71.0 and memory == pytest.approx(100 * 12000 / 24564, abs=0.01)
    assert [gpu["uuid"][:12] for gpu in json.loads(detail)["gpus"]] == ["GPU-aaaaaaaa", "GPU-bbbbbbbb"]
