"""What NVML says of the first GPU while something runs: how busy it was, and the most memory in use."""

import threading
from contextlib import suppress
from types import TracebackType
from typing import Any

EVERY_S = 0.05
"""NVML averages over a sixth of a second to a second; more often than this tells nothing more."""


class Watch:
    """Looks at the GPU while its block runs; without one, it sees nothing and says None."""

    def __init__(self) -> None:
        self._looks: list[tuple[float, float]] = []
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look_on, daemon=True)

    def __enter__(self) -> "Watch":
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()

    @property
    def figures(self) -> dict[str, float | None]:
        """How busy the GPU was on average, in percent, and the most of its memory in use, in MB."""
        if not self._looks:
            return {"busy_percent": None, "gpu_mb": None}
        busy = sum(busy for busy, _ in self._looks) / len(self._looks)
        return {"busy_percent": round(busy, 1), "gpu_mb": round(max(mb for _, mb in self._looks))}

    def _look_on(self) -> None:
        with suppress(Exception):  # no NVML, no driver, no GPU: nothing is seen
            pynvml, device = first_gpu()
            while not self._over.is_set():
                rates = pynvml.nvmlDeviceGetUtilizationRates(device)
                memory = pynvml.nvmlDeviceGetMemoryInfo(device)
                self._looks.append((float(rates.gpu), memory.used / 2**20))
                self._over.wait(EVERY_S)


def first_gpu() -> tuple[Any, Any]:
    """Return NVML and its handle of the first GPU; what it raises where there is none is its own."""
    import pynvml

    pynvml.nvmlInit()
    return pynvml, pynvml.nvmlDeviceGetHandleByIndex(0)


def nvml_figures() -> dict[str, Any]:
    """Return what NVML says of the first GPU now, under the names that the daemon's probe has."""
    pynvml, device = first_gpu()
    memory, name = pynvml.nvmlDeviceGetMemoryInfo(device), pynvml.nvmlDeviceGetName(device)
    return {
        "name": name if isinstance(name, str) else name.decode(),
        "load_percent": float(pynvml.nvmlDeviceGetUtilizationRates(device).gpu),
        "memory_used_mb": memory.used / 2**20,
        "memory_total_mb": memory.total / 2**20,
        "temperature_c": float(pynvml.nvmlDeviceGetTemperature(device, pynvml.NVML_TEMPERATURE_GPU)),
        "power_w": pynvml.nvmlDeviceGetPowerUsage(device) / 1000,
    }
