"""Runs one program as a process of its own and measures wall time, processor time and peak memory of its tree."""

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from daemon.errors import Unavailable

SAMPLE_S = 0.05
"""The time between two looks at the process tree; processes that live shorter may be missed."""
GPU_QUERY = ("nvidia-smi", "--query-gpu=memory.used,utilization.gpu", "--format=csv,noheader,nounits")
GPU_TIMEOUT_S = 5.0
ERRORS_KEPT = 1_000_000
"""How many bytes of a program's standard error are kept, from the end."""
GPU_EVERY = 10
"""The GPU is queried at every tenth look, because nvidia-smi takes a tenth of a second itself."""


@dataclass(frozen=True, slots=True)
class Usage:
    """The resources that a run took. `gpu_mb` and `gpu_percent` are None without an NVIDIA GPU."""

    exit_code: int
    wall_s: float
    cpu_s: float
    peak_mb: float
    """Resident set sizes of all processes of the tree, added up, at the moment of the largest sum."""
    gpu_mb: float | None
    gpu_percent: float | None
    errors: str
    """The end of its standard error."""


def run(command: Sequence[str], folder: Path, environment: Mapping[str, str] | None = None) -> Usage:
    """Run a command to its end.

    Raises:
        Unavailable: The extra `bench` is not installed.
    """
    psutil = psutil_or_refuse()
    with tempfile.TemporaryFile() as errors:
        began = time.monotonic()
        process = subprocess.Popen(
            command, cwd=folder, env={**os.environ, **(environment or {})}, stdout=subprocess.DEVNULL, stderr=errors
        )
        root = psutil.Process(process.pid)
        peak_mb, cpu_s, looks = 0.0, dict[int, float](), 0
        gpu: list[tuple[float, float]] = []
        while process.poll() is None:
            peak_mb = max(peak_mb, _look(psutil, root, cpu_s))
            if looks % GPU_EVERY == 0 and (seen := _gpu()):
                gpu.append(seen)
            looks += 1
            time.sleep(SAMPLE_S)
        wall_s = time.monotonic() - began
        errors.seek(max(0, errors.seek(0, os.SEEK_END) - ERRORS_KEPT))
        told = errors.read().decode("utf-8", "replace")
    return Usage(
        process.returncode,
        wall_s,
        sum(cpu_s.values()),
        peak_mb,
        max((mb for mb, _ in gpu), default=None),
        sum(percent for _, percent in gpu) / len(gpu) if gpu else None,
        told,
    )


def _look(psutil: Any, root: Any, cpu_s: dict[int, float]) -> float:
    """Return the memory of the tree now in MB, and put the processor seconds of each process into `cpu_s`."""
    total = 0.0
    try:
        tree = [root, *root.children(recursive=True)]
    except psutil.Error:
        return 0.0
    for process in tree:
        try:
            total += process.memory_info().rss / 1e6
            times = process.cpu_times()
        except psutil.Error:
            continue
        cpu_s[process.pid] = times.user + times.system
    return total


def _gpu() -> tuple[float, float] | None:
    """Return (MB in use, mean utilization in percent) of all GPUs, or None if there are none."""
    if shutil.which(GPU_QUERY[0]) is None:
        return None
    try:
        told = subprocess.run(GPU_QUERY, capture_output=True, text=True, timeout=GPU_TIMEOUT_S, check=True).stdout
        rows = [[float(cell) for cell in line.split(",")] for line in told.splitlines() if line.strip()]
    except (subprocess.SubprocessError, OSError, ValueError):
        return None
    return (sum(row[0] for row in rows), sum(row[1] for row in rows) / len(rows)) if rows else None


def psutil_or_refuse() -> Any:
    """Return the package psutil.

    Raises:
        Unavailable: The extra `bench` is not installed.
    """
    try:
        import psutil
    except ImportError as error:
        raise Unavailable("measuring needs the package psutil", "pip install 'transcribed[bench]'") from error
    return psutil
