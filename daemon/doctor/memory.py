"""Memory: how much there is for the engine, beside what its model needs with this batch size."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil

from daemon.config.presets import advice
from daemon.doctor.findings import Finding, ok, warning
from daemon.errors import Unavailable
from daemon.processes.limits import check_limits
from daemon.processes.protocol import Surveyed

SUBJECT = "memory"
CGROUPS = Path("/sys/fs/cgroup")


def host_mb(pid: int | None) -> float:
    """Return the memory in MB that the daemon may use: what is free and what it has, within its control group's limit.

    Args:
        pid: Of the daemon, if it runs.
    """
    free = float(psutil.virtual_memory().available)
    if pid is not None:
        with suppress(psutil.Error):
            daemon = psutil.Process(pid)
            free += sum(each.memory_info().rss for each in (daemon, *daemon.children(recursive=True)))
    return min(free, _group_bytes(pid)) / 1e6


def _group_bytes(pid: int | None) -> float:
    """Return the limit of a process's control groups, from its own up to the root; infinite where there is none."""
    least = float("inf")
    with suppress(OSError, ValueError):
        lines = Path(f"/proc/{pid or 'self'}/cgroup").read_text().splitlines()
        group = next((line.removeprefix("0::/") for line in lines if line.startswith("0::")), "")
        for folder in (CGROUPS / group, *(CGROUPS / group).parents):
            if folder.is_relative_to(CGROUPS) and (limit := _limit(folder)) is not None:
                least = min(least, limit)
    return least


def _limit(folder: Path) -> int | None:
    try:
        return int((folder / "memory.max").read_text())
    except (OSError, ValueError):  # `max`, or no such file
        return None


def limits() -> Iterator[Finding]:
    """Judge the limits of this process, which a daemon started from here has, too."""
    try:
        check_limits()
    except Unavailable as error:
        yield warning(SUBJECT, f"in this shell {error.message}", error.hint)


def findings(model_bytes: int, surveyed: Surveyed, memory_mb: float) -> Iterator[Finding]:
    """Judge whether the model fits with its workers and batches, and say what to change if it does not.

    Args:
        model_bytes: Size of all weights that are loaded, as stored.
        surveyed: Where they go, and what runs there.
        memory_mb: What there is, of the machine or of the GPU.
    """
    layout = surveyed.layout
    told = advice(model_bytes, surveyed.compute_type, layout.workers, layout.batch_size, memory_mb)
    verdict, _, cure = told.partition("; ")
    at = f"on {surveyed.device}: {surveyed.compute_type}, workers: {layout.workers}, batch size: {layout.batch_size}"
    yield warning(SUBJECT, f"{verdict} ({at})", cure) if cure else ok(SUBJECT, f"{verdict} ({at})")
