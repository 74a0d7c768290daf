"""The environment variables that children are started with: libraries that are quiet and set up for this machine."""

import os
from functools import cache
from pathlib import Path

NO_TELEMETRY = {"ORT_DISABLE_TELEMETRY": "1", "HF_HUB_DISABLE_TELEMETRY": "1", "DO_NOT_TRACK": "1"}
"""ONNX Runtime, which runs the VAD model, reports every session to its maker since 1.29 unless told not to."""
SPEED = {"OPENBLAS_NUM_THREADS": "1"}
"""NumPy's OpenBLAS keeps a thread for each core, and they spin between the small products of the log-mel features on
the cores that the engine's workers compute on (8 % of the time of 60 memos, docs/design-notes.md)."""
LEAN = {"MALLOC_ARENA_MAX": str(max(1, (os.cpu_count() or 1) // 4))}
"""glibc gives each thread a heap of its own, eight for each core, and what one frees no other one gets: one heap on two
cores saves 45 to 70 MB of the engine and the decoder, in the same time. More cores have more, so as not to wait."""
HUGE_PAGES = {
    "GLIBC_TUNABLES": "glibc.malloc.hugetlb=1:glibc.malloc.mmap_threshold=4194304:glibc.malloc.trim_threshold=67108864"
}
"""On most systems Linux gives pages of 2 MB only to those who ask for them. A step of the decoder goes through 28 MB of
weights, and on a virtual machine it takes a fifth longer to find their 7000 small pages. As a large page takes longer
to clear, what a step has freed is kept for the next one."""
WIDE = {"CT2_FORCE_CPU_ISA": "AVX512"}
"""CTranslate2 takes AVX2 for all but its matrix products unless told otherwise, because AVX-512 slows the clock of
the processors that had it first."""
WIDE_FLAG = "avx512_bf16"
"""What AMD Zen 4, Intel Cooper Lake, Sapphire Rapids and later have, and those first processors have not."""
CPUINFO = Path("/proc/cpuinfo")


def environment() -> dict[str, str]:
    """Return the environment of a child: the daemon's own, with the libraries' telemetry off.

    What makes it fast and small gives way to what the daemon was started with. The place of this package comes first
    on the path, so that a folder named `daemon` does not hide it.
    """
    package = str(Path(__file__).parent.parent.parent)
    rest = os.environ.get("PYTHONPATH")
    path = f"{package}{os.pathsep}{rest}" if rest else package
    ours = {**SPEED, **LEAN, **HUGE_PAGES, **(WIDE if has(WIDE_FLAG) else {})}
    return {**ours, **os.environ, **NO_TELEMETRY, "PYTHONPATH": path}


@cache
def has(flag: str, cpuinfo: Path = CPUINFO) -> bool:
    """Tell whether the flags that Linux lists of each core name this one; False where it does not say."""
    try:
        with cpuinfo.open(encoding="utf-8") as lines:
            return any(line.startswith("flags") and flag in line.split() for line in lines)
    except OSError:
        return False
