"""What the doctor says of memory, by a table; the limits of control groups and of the shell."""

import os
import resource
from pathlib import Path

import psutil
import pytest

from daemon.config.parallelism import Parallelism
from daemon.doctor import memory
from daemon.doctor.findings import OK, WARNING
from daemon.doctor.memory import findings, host_mb, limits
from daemon.processes.protocol import Surveyed


def surveyed(compute_type: str = "int8", workers: int = 2, batch_size: int = 4) -> Surveyed:
    return Surveyed("cpu", compute_type, ("int8", "float32"), 0, Parallelism(workers, 1, batch_size))


@pytest.mark.parametrize(
    ("model_bytes", "at", "memory_mb", "level", "cure"),
    [
        (75_000_000, surveyed(), 8_000, OK, ""),
        (75_000_000, surveyed(workers=8, batch_size=16), 3_000, WARNING, "set model.batch_size = 4"),
        (
            75_000_000,
            surveyed(workers=16, batch_size=4),
            700,
            WARNING,
            "set model.workers = 1 and model.batch_size = 1",
        ),
        (3_000_000_000, surveyed("float32"), 4_000, WARNING, "use an int8 compute type"),
        (3_000_000_000, surveyed(), 1_000, WARNING, "use a smaller model"),
    ],
)
def test_memory(model_bytes: int, at: Surveyed, memory_mb: float, level: str, cure: str) -> None:
    (found,) = findings(model_bytes, at, memory_mb)
    assert (found.level, found.cure) == (level, cure) and f"of {memory_mb:.0f} MB" in found.text


def test_the_least_limit_of_the_control_groups_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    line = next(line for line in Path("/proc/self/cgroup").read_text().splitlines() if line.startswith("0::"))
    group = tmp_path / line.removeprefix("0::/")
    group.mkdir(parents=True, exist_ok=True)
    monkeypatch.setattr(memory, "CGROUPS", tmp_path)
    unlimited = host_mb(None)
    (group / "memory.max").write_text("max\n")
    assert host_mb(None) == pytest.approx(unlimited, rel=0.2)
    (tmp_path / "memory.max").write_text("7000000\n")
    assert host_mb(None) == 7.0


def test_what_the_daemon_has_is_not_taken_from_it() -> None:
    assert host_mb(os.getpid()) * 1e6 > psutil.virtual_memory().available * 0.5
    assert host_mb(2**22 + 1) > 0, "a daemon that has just ended"


def test_limits_of_the_shell(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _limit: (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    assert list(limits()) == []
    monkeypatch.setattr(resource, "getrlimit", lambda _limit: (1 << 28, resource.RLIM_INFINITY))
    (found,) = limits()
    assert found.level == WARNING and "256 MB" in found.text and "ulimit" in found.cure
