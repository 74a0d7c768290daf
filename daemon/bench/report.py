"""The outcome of a benchmark: a table for people, JSON with everything that was measured."""

import hashlib
import json
import os
import platform
import shutil
import statistics
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from daemon import __version__
from daemon.bench.contenders import Run
from daemon.bench.scoring import wer
from daemon.bench.workload import Workload
from daemon.config.parallelism import machine_name
from daemon.store.records import timestamp

PACKAGES = (
    "faster-whisper", "ctranslate2", "av", "onnxruntime", "numpy", "openai-whisper", "torch", "pywhispercpp", "budoux",
    "whisper-ctranslate2", "stable-ts", "onnx", "openvino", "nncf", "openvino-genai", "sherpa-onnx",
    "fastcluster", "kaldi-native-fbank", "pyannote-metrics", "Resemblyzer", "spectralcluster", "ray",
)  # fmt: skip
NVIDIA_SMI = ("nvidia-smi", "--query-gpu=name,driver_version,memory.total", "--format=csv,noheader")


@dataclass(slots=True)
class Report:
    """One study. Rows are for the table and the plot; `runs` holds every single run behind them."""

    study: str
    model: str
    workloads: list[Workload]
    columns: list[str] = field(default_factory=list)
    rows: list[dict[str, Any]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    runs: list[dict[str, Any]] = field(default_factory=list)
    finished_at: str = ""

    def add_run(self, contender: str, workload: Workload, run: Run) -> None:
        """Keep a run, with its error rate if what is said is known."""
        usage = {key: value for key, value in asdict(run.usage).items() if key != "errors"}
        self.runs.append(
            {
                "contender": contender,
                "workload": workload.name,
                **usage,
                "wer_percent": score(workload, run.texts),
                "characters": sum(map(len, run.texts)),
                "texts_sha256": hashlib.sha256("\n".join(run.texts).encode()).hexdigest(),
                **run.facts,
            }
        )

    def of(self, contender: str, workload: Workload) -> list[dict[str, Any]]:
        """Return the runs of a contender on a workload."""
        return [run for run in self.runs if (run["contender"], run["workload"]) == (contender, workload.name)]

    def to_json(self, model_file: Path | None) -> str:
        """Return everything that was measured as JSON."""
        document = {
            "study": self.study,
            "finished_at": self.finished_at or timestamp(),
            "machine": machine(),
            "versions": versions(),
            "model": {"name": self.model, "sha256": _sha256(model_file) if model_file else None},
            "workloads": [
                {"name": w.name, "recordings": len(w.items), "audio_s": round(w.audio_s, 1), "sha256": w.sha256}
                for w in self.workloads
            ],
            "table": self.rows,
            "notes": self.notes,
            "runs": self.runs,
        }
        return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


def score(workload: Workload, texts: Sequence[str]) -> float | None:
    """Return the word error rate in percent, or None where it is not known what is said."""
    if not workload.has_references:
        return None
    return round(wer([item.text or "" for item in workload.items], texts), 2)


def median(runs: Iterable[dict[str, Any]], key: str) -> float:
    """Return the median of a figure over runs."""
    return float(statistics.median(run[key] for run in runs))


def machine() -> dict[str, Any]:
    """Describe the machine that ran the benchmark."""
    gpus: list[str] = []
    if shutil.which(NVIDIA_SMI[0]):
        try:
            told = subprocess.run(NVIDIA_SMI, capture_output=True, text=True, timeout=10, check=True).stdout
            gpus = [line.strip() for line in told.splitlines() if line.strip()]
        except (subprocess.SubprocessError, OSError):
            gpus = ["nvidia-smi does not answer"]
    pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return {
        "processor": machine_name(),
        "memory_gb": round(pages / 1e9, 1),
        "gpus": gpus,
        "system": platform.platform(),
    }


def versions() -> dict[str, str]:
    """Return the versions of those installed packages that matter for speed."""
    found = {"transcribed": __version__, "python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def _sha256(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()
