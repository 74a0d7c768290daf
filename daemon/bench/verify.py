"""Is the quantized model as good as float32? Both transcribe the same recordings through the daemon."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from daemon.bench import workload as workloads
from daemon.bench.contenders import Run, daemon
from daemon.bench.report import Report, score
from daemon.bench.scoring import agreement
from daemon.bench.studies import Progress
from daemon.bench.workload import Workload
from daemon.chunk import BEAM
from daemon.clips import references

REFERENCE = "float32"
CONFIGURED = "as configured"


@dataclass(frozen=True, slots=True)
class Verdict:
    """How the configured model compares with float32."""

    report: Report
    kept_percent: float
    """How much of float32's accuracy it keeps: (100 - WER) / (100 - float32's WER), in percent; where it is not known
    what is said, the share of float32's words that it gives, too."""
    passed: bool
    row: dict[str, Any]
    """The row for the table `verifications`."""


def verify(
    model: dict[str, Any],
    folder: Path,
    source: Path | None,
    least_percent: float,
    progress: Progress,
    language: str = "auto",
) -> Verdict:
    """Transcribe references with the configured model and with float32.

    Args:
        model: Keys of the table [model].
        folder: Where copies of the recordings go.
        source: The user's recordings; the shipped clips if None.
        least_percent: How much of float32's accuracy must be kept.
        progress: Shows how far the runs are.
        language: What is spoken; `auto` if the model is to tell.

    Raises:
        Unavailable: One of the two cannot run here.
    """
    load = workloads.memos(folder, len(references())) if source is None else workloads.of_user(source, folder)
    report = Report("verify", model["name"], [load])
    report.columns = ["model", "wall s", "peak MB", "WER %", "accuracy kept %", "words as float32 %", "speed-up"]
    steps = [
        (REFERENCE, load, lambda: daemon(load, {**model, "compute_type": REFERENCE, "search": BEAM}, language)),
        (CONFIGURED, load, lambda: daemon(load, model, language)),
    ]
    runs = {}
    for contender, _, start in progress(steps):
        runs[contender] = start()
        report.add_run(contender, load, runs[contender])
    reference, configured = runs[REFERENCE], runs[CONFIGURED]
    same = agreement(reference.texts, configured.texts)
    wers = _wers(load, reference.texts, configured.texts)
    kept = same if wers is None else 100 * (100 - wers[1]) / max(1e-9, 100 - wers[0])
    for contender, run in runs.items():
        shown = {
            "model": f"{contender} ({run.facts['compute_type']})",
            "accuracy kept %": 100.0 if run is reference else round(kept, 2),
            "words as float32 %": 100.0 if run is reference else round(same, 2),
        }
        report.rows.append(shown | _figures(load, run, reference))
    passed = kept >= least_percent
    row = {
        "model": model["name"],
        "audio_s": round(load.audio_s, 1),
        "wer": wers[1] if wers else 100.0 - same,
        "reference_wer": wers[0] if wers else 0.0,
        "agreement": round(same, 2),
        "passed": passed,
        **_measured(reference, configured),
    }
    return Verdict(report, kept, passed, row)


def _figures(load: Workload, run: Run, reference: Run) -> dict[str, Any]:
    """Return what a row of the report says of a run itself."""
    return {
        "wall s": round(run.usage.wall_s, 2),
        "peak MB": round(run.usage.peak_mb),
        "WER %": score(load, run.texts),
        "speed-up": round(reference.usage.wall_s / run.usage.wall_s, 2),
    }


def _measured(reference: Run, configured: Run) -> dict[str, Any]:
    """Return what the table `verifications` keeps of the two runs themselves."""
    return {
        "compute_type": configured.facts["compute_type"] or "",
        "device": configured.facts["device"] or "",
        "speed_up": round(reference.usage.wall_s / configured.usage.wall_s, 2),
        "peak_mb": round(configured.usage.peak_mb, 1),
        "reference_peak_mb": round(reference.usage.peak_mb, 1),
    }


def _wers(load: Workload, reference: tuple[str, ...], configured: tuple[str, ...]) -> tuple[float, float] | None:
    found = score(load, reference), score(load, configured)
    return None if found[0] is None or found[1] is None else (found[0], found[1])
