"""What children are started with: what makes them fast is there, and gives way to what the user set."""

from pathlib import Path

import pytest

from daemon.processes import environment as module
from daemon.processes.environment import WIDE_FLAG, environment, has

ZEN4 = "flags\t\t: fpu avx2 avx512f avx512bw avx512_bf16 avx512_vnni"
SKYLAKE = "flags\t\t: fpu avx2 avx512f avx512bw avx512vl"


def of(monkeypatch: pytest.MonkeyPatch, folder: Path, flags: str, **users: str) -> dict[str, str]:
    """The environment on a processor with these flags, for a user who set some variables."""
    cpuinfo = folder / "cpuinfo"
    cpuinfo.write_text(f"processor\t: 0\nmodel name\t: avx512_bf16\n{flags}\n\n")
    monkeypatch.setattr(module, "has", lambda flag: has(flag, cpuinfo))
    for name in ("CT2_FORCE_CPU_ISA", "OPENBLAS_NUM_THREADS", "GLIBC_TUNABLES"):
        monkeypatch.delenv(name, raising=False)
    for name, value in users.items():
        monkeypatch.setenv(name, value)
    return environment()


def test_wide_registers_are_used_where_they_cost_no_clock(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert of(monkeypatch, tmp_path, ZEN4)["CT2_FORCE_CPU_ISA"] == "AVX512"


def test_and_nowhere_else(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert "CT2_FORCE_CPU_ISA" not in of(monkeypatch, tmp_path, SKYLAKE)
    assert not has(WIDE_FLAG, tmp_path / "missing")


def test_large_pages_are_asked_for(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert "hugetlb=1" in of(monkeypatch, tmp_path, SKYLAKE)["GLIBC_TUNABLES"]
    assert of(monkeypatch, tmp_path, SKYLAKE, GLIBC_TUNABLES="")["GLIBC_TUNABLES"] == ""


def test_the_users_own_settings_win(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    found = of(monkeypatch, tmp_path, ZEN4, CT2_FORCE_CPU_ISA="GENERIC", OPENBLAS_NUM_THREADS="3")
    assert (found["CT2_FORCE_CPU_ISA"], found["OPENBLAS_NUM_THREADS"]) == ("GENERIC", "3")


def test_numpys_own_threads_do_not_compete_with_the_engines(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert of(monkeypatch, tmp_path, SKYLAKE)["OPENBLAS_NUM_THREADS"] == "1"
    assert of(monkeypatch, tmp_path, SKYLAKE, DO_NOT_TRACK="0")["DO_NOT_TRACK"] == "1"
