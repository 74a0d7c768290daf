"""The studies: which contenders run on which workloads, and what the table says about them."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from daemon.bench import workload as workloads
from daemon.bench.contenders import Run, daemon, peer
from daemon.bench.peers import PEERS, folder_of
from daemon.bench.report import Report, median
from daemon.bench.scoring import agreement
from daemon.bench.workload import Workload
from daemon.config.settings import Model
from daemon.errors import Unavailable
from daemon.processes.load_order import load_order

COMPUTE_TYPES = (
    "float32", "bfloat16", "float16", "int16", "int8_float32", "int8_float16", "int8_bfloat16", "int8",
)  # fmt: skip
BATCH_SIZES = (1, 2, 4, 8, 16)
LENGTHS_S = (30.0, 300.0, 1800.0)
OURS = "transcribed"

Step = tuple[str, Workload, Callable[[], Run]]
"""(contender, workload, the function that runs it)."""
Progress = Callable[[Sequence[Step]], Iterator[Step]]
"""Yields the steps and shows the progress."""


@dataclass(frozen=True, slots=True)
class Bench:
    """What the studies have in common.

    Args:
        model: Keys of the table [model] that hold for all contenders.
        folder: Where recordings for the study are written.
        repeats: Runs of each contender, alternating with the others; the table gives medians.
        progress: Shows how far the study is.
    """

    model: dict[str, Any]
    folder: Path
    repeats: int
    progress: Progress

    def run(self, report: Report, steps: Sequence[Step], yardstick: str = "") -> dict[str, str]:
        """Run all steps in order, `repeats` times over, and keep the runs in the report.

        Args:
            report: Where runs go, and a note for each contender that could not run.
            steps: What runs in each round.
            yardstick: The contender with which the others are compared, if there is one.

        Returns:
            Why contenders could not run, by their names.

        Raises:
            Unavailable: The yardstick could not run.
        """
        refused: dict[str, str] = {}
        for contender, workload, start in self.progress([step for _ in range(self.repeats) for step in steps]):
            if contender in refused:
                continue
            try:
                report.add_run(contender, workload, start())
            except Unavailable as error:
                refused[contender] = error.message
        report.notes += [f"{contender}: {reason}" for contender, reason in refused.items()]
        if yardstick in refused:
            raise Unavailable(
                f"{yardstick}, with which the others are compared, cannot run: {refused[yardstick]}",
                "free memory or the device, or choose another with --model or model.device",
            )
        return refused


def quantization(bench: Bench, count: int) -> Report:
    """Compare the compute types: load time, wall time, memory, errors, and the accuracy kept of float32's."""
    load = workloads.memos(bench.folder, count)
    report = Report("quantization", bench.model["name"], [load])
    report.columns = [
        "compute type", "load s", "wall s", "real-time factor", "peak MB", "GPU MB", "characters", "WER %",
        "accuracy kept %", "words as float32 %", "speed-up",
    ]  # fmt: skip
    texts: dict[str, tuple[str, ...]] = {}

    def started(compute_type: str) -> Run:
        run = daemon(load, {**bench.model, "compute_type": compute_type})
        texts.setdefault(compute_type, run.texts)
        return run

    refused = bench.run(report, [(kind, load, partial(started, kind)) for kind in COMPUTE_TYPES], "float32")
    whole = report.of("float32", load)
    for kind in COMPUTE_TYPES:
        if kind in refused:
            continue
        runs = report.of(kind, load)
        wer = runs[0]["wer_percent"]
        report.rows.append(
            {
                "compute type": kind,
                "load s": _load_s(runs),
                **_figures(runs, load),
                "characters": runs[0]["characters"],
                "WER %": wer,
                "accuracy kept %": round(100 * (100 - wer) / (100 - whole[0]["wer_percent"]), 2),
                "words as float32 %": round(agreement(texts["float32"], texts[kind]), 2),
                "speed-up": round(median(whole, "wall_s") / median(runs, "wall_s"), 2),
            }
        )
    return report


def batching(bench: Bench, count: int, cores: int) -> Report:
    """Compare serial work with batches of 2, 4, 8 and 16, on one worker and on one per core."""
    load = workloads.memos(bench.folder, count)
    report = Report("batching", bench.model["name"], [load])
    report.columns = [
        "batch", "workers", "wall s", "files/h", "audio h/h", "device use %", "batch fill %", "WER %", "speed-up",
    ]  # fmt: skip
    layouts = [(size, workers) for workers in sorted({1, cores}) for size in BATCH_SIZES]

    def named(size: int, workers: int) -> str:
        return f"batch {size}, {workers} workers"

    def started(size: int, workers: int) -> Run:
        return daemon(load, {**bench.model, "batch_size": size, "workers": workers, "cpu_threads": 1})

    steps = [(named(*layout), load, partial(started, *layout)) for layout in layouts]
    refused = bench.run(report, steps, named(1, 1))
    serial = median(report.of(named(1, 1), load), "wall_s")
    for size, workers in layouts:
        if named(size, workers) in refused:
            continue
        runs = report.of(named(size, workers), load)
        wall_s = median(runs, "wall_s")
        report.rows.append(
            {
                "batch": size,
                "workers": workers,
                "wall s": round(wall_s, 2),
                "files/h": round(len(load.items) / wall_s * 3600),
                "audio h/h": round(load.audio_s / wall_s, 1),
                "device use %": _device_use(runs, cores),
                "batch fill %": round(100 * median(runs, "fill")),
                "WER %": runs[0]["wer_percent"],
                "speed-up": round(serial / wall_s, 2),
            }
        )
    return report


def lengths(bench: Bench, lengths_s: Sequence[float] = LENGTHS_S) -> Report:
    """Transcribe recordings of 30 s, 5 min and 30 min: time must grow with the length, memory must not."""
    made = [workloads.meeting(bench.folder, length_s, f"length-{length_s:g}") for length_s in lengths_s]
    report = Report("lengths", bench.model["name"], made)
    report.columns = ["length s", "wall s", "real-time factor", "peak MB", "GPU MB", "WER %"]
    bench.run(report, [(OURS, load, partial(daemon, load, bench.model)) for load in made])
    for load in made:
        if runs := report.of(OURS, load):
            row = {"length s": round(load.audio_s, 1), **_figures(runs, load), "WER %": runs[0]["wer_percent"]}
            report.rows.append(row)
    return report


def peers(bench: Bench, made: Sequence[Workload], only: Sequence[str]) -> Report:
    """Compare the daemon with its peers, run alternately: medians, ratios, errors."""
    report = Report("peers", bench.model["name"], list(made))
    report.columns = ["workload", "program", "wall s", "x real time", "peak MB", "WER %", "transcribed is faster by"]
    names = [name for name in PEERS if not only or any(part in name for part in only)]
    order = load_order(Model(**bench.model))
    converted = bench.folder / "converted"
    steps: list[Step] = []
    for load in made:
        steps.append((OURS, load, partial(daemon, load, bench.model)))
        steps += [(name, load, partial(peer, name, load, order, folder_of(name, converted))) for name in names]
    bench.run(report, steps)
    for load in made:
        ours = report.of(OURS, load)
        for name in (OURS, *names):
            runs = report.of(name, load)
            if not runs or not ours:
                continue
            wall_s = median(runs, "wall_s")
            report.rows.append(
                {
                    "workload": load.name,
                    "program": name,
                    "wall s": round(wall_s, 2),
                    "x real time": round(load.audio_s / wall_s, 1),
                    "peak MB": round(median(runs, "peak_mb")),
                    "WER %": runs[0]["wer_percent"],
                    "transcribed is faster by": f"{wall_s / median(ours, 'wall_s'):.2f}x",
                }
            )
    return report


def folder(bench: Bench, source: Path, presets: Sequence[str], language: str) -> Report:
    """Transcribe the user's own recordings, as configured and with presets; language "auto" detects it for each."""
    load = workloads.of_user(source, bench.folder)
    report = Report("folder", bench.model["name"], [load])
    report.columns = ["settings", "wall s", "real-time factor", "peak MB", "GPU MB", "WER %", "speed-up"]
    kept = {key: value for key, value in bench.model.items() if key in ("name", "engine")}
    settings = {
        "as configured": bench.model,
        **{name: {**kept, "preset": name} for name in presets},
    }
    steps = [(name, load, partial(daemon, load, model, language)) for name, model in settings.items()]
    bench.run(report, steps)
    first = report.of("as configured", load)
    for name in settings:
        if runs := report.of(name, load):
            report.rows.append(
                {
                    "settings": name,
                    **_figures(runs, load),
                    "WER %": runs[0]["wer_percent"],
                    "speed-up": round(median(first, "wall_s") / median(runs, "wall_s"), 2) if first else None,
                }
            )
    return report


def _figures(runs: Sequence[dict[str, Any]], load: Workload) -> dict[str, Any]:
    wall_s = median(runs, "wall_s")
    return {
        "wall s": round(wall_s, 2),
        "real-time factor": round(wall_s / load.audio_s, 4),
        "peak MB": round(median(runs, "peak_mb")),
        "GPU MB": None if runs[0]["gpu_mb"] is None else round(median(runs, "gpu_mb")),
    }


def _load_s(runs: Sequence[dict[str, Any]]) -> float | None:
    """Return the mean seconds to load the model, from the engine's own line in the log."""
    told = [float(run["layout"].rsplit("loaded in ", 1)[1].removesuffix(" s")) for run in runs if run["layout"]]
    return round(sum(told) / len(told), 2) if told else None


def _device_use(runs: Sequence[dict[str, Any]], cores: int) -> float:
    """Return the use of the GPU in percent, as nvidia-smi reports it, or of the cores where there is no GPU."""
    if runs[0]["gpu_percent"] is not None:
        return round(median(runs, "gpu_percent"), 1)
    return round(float(100 * sum(run["cpu_s"] / (run["wall_s"] * cores) for run in runs) / len(runs)), 1)
