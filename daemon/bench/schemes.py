"""The schemes of quantization in one table: the same recordings through each runtime, all from the same weights."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from daemon.bench import workload as workloads
from daemon.bench.contenders import daemon, peer
from daemon.bench.peers import BEAM, CTRANSLATE2, LOOP_ALONE, SCHEMES, folder_of
from daemon.bench.report import Report, median
from daemon.bench.runtimes.whisper_loop import FALLBACK_SAMPLES
from daemon.bench.studies import OURS, Bench, Step
from daemon.bench.workload import Workload
from daemon.config.settings import Model
from daemon.processes.load_order import load_order

COLUMNS = ["scheme", "seconds", "real-time factor", "peak MB", "characters", "WER %", "accuracy kept %", "speed-up"]
WHOLE = ("PyTorch float32", "CTranslate2 float32")
"""With which accuracy and speed are compared: the first of them that ran."""
SEARCH = (
    f"Search: beam {BEAM}, {FALLBACK_SAMPLES} samples at temperatures above 0, patience 1, the text before as prompt; "
    "one recording at a time, on all cores. PyTorch, ONNX Runtime and OpenVINO: openai-whisper's own loop, in which "
    "only the networks differ; CTranslate2: faster-whisper's, of the same rules. transcribed: its own batches."
)
STATIC = (
    "Static int8: weights and activations, the ranges of these measured on the shipped clips, which are also what is "
    "transcribed here: its errors on other recordings may be more. On a GPU, ONNX Runtime, OpenVINO and PyTorch's int8 "
    "still run on the CPU."
)


def schemes(bench: Bench, count: int) -> Report:
    """Compare PyTorch, ONNX Runtime, OpenVINO, CTranslate2 and the daemon on the same memos and weights."""
    load = workloads.memos(bench.folder, count)
    report = Report("schemes", bench.model["name"], [load], COLUMNS)
    order = load_order(Model(**bench.model))
    converted = bench.folder / "converted"
    steps: list[Step] = []
    for name in (LOOP_ALONE, *SCHEMES):
        # Those without compute types of CTranslate2's only need one that each device has.
        asked = replace(order, compute_type=CTRANSLATE2.get(name, "float32"))
        steps.append((name, load, partial(peer, name, load, asked, folder_of(name, converted))))
    steps.append((OURS, load, partial(daemon, load, bench.model)))
    refused = bench.run(report, steps, OURS)
    report.rows = rows(report, load)
    report.notes = notes(report, load, refused)
    return report


def rows(report: Report, load: Workload) -> list[dict[str, Any]]:
    """Return the table; those that could not run have a row without figures."""
    whole = next((runs for name in WHOLE if (runs := report.of(name, load))), None)
    return [_row(name, report.of(name, load), whole, load) for name in (*SCHEMES, OURS)]


def notes(report: Report, load: Workload, refused: dict[str, str]) -> list[str]:
    """Return what stands below the table: what could not run and why, and what is the same for all."""
    found = [f"{name}: not run: {reason}" for name, reason in refused.items() if name != LOOP_ALONE]
    if alone := report.of(LOOP_ALONE, load):
        memory = round(median(alone, "peak_mb"))
        found.append(f"Of the memory of PyTorch, ONNX Runtime and OpenVINO, {memory} MB are {LOOP_ALONE}.")
    return [*found, SEARCH, STATIC]


def _row(
    name: str, runs: Sequence[dict[str, Any]], whole: Sequence[dict[str, Any]] | None, load: Workload
) -> dict[str, Any]:
    row: dict[str, Any] = {**dict.fromkeys(COLUMNS), "scheme": name}
    if runs:
        wall_s, wer = median(runs, "wall_s"), runs[0]["wer_percent"]
        row |= {
            "seconds": round(wall_s, 2),
            "real-time factor": round(wall_s / load.audio_s, 4),
            "peak MB": round(median(runs, "peak_mb")),
            "characters": runs[0]["characters"],
            "WER %": wer,
        }
        if whole is not None:
            row["accuracy kept %"] = round(100 * (100 - wer) / (100 - whole[0]["wer_percent"]), 2)
            row["speed-up"] = round(median(whole, "wall_s") / wall_s, 2)
    return row
