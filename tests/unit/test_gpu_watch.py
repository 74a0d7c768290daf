"""What is seen of a GPU while something runs, with an NVML of the test's own."""

import sys
import time
from types import SimpleNamespace

import pytest

from tools.gpu.watch import Watch, nvml_figures


def test_without_a_gpu_nothing_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_driver() -> None:
        raise OSError("no driver")

    monkeypatch.setitem(sys.modules, "pynvml", SimpleNamespace(nvmlInit=no_driver))
    with Watch() as watch:
        pass
    assert watch.figures == {"busy_percent": None, "gpu_mb": None}


def test_the_mean_of_what_it_does_and_the_most_of_its_memory_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    looks = [(100, 3 << 20), (50, 7 << 20), (0, 5 << 20)]
    left = list(looks)

    def rates(_device: object) -> SimpleNamespace:
        return SimpleNamespace(gpu=left[0][0] if left else looks[-1][0])

    def memory(_device: object) -> SimpleNamespace:
        return SimpleNamespace(used=left.pop(0)[1] if left else looks[-1][1], total=10 << 20)

    nvml = SimpleNamespace(
        nvmlInit=lambda: None, nvmlDeviceGetHandleByIndex=lambda _index: "gpu", nvmlDeviceGetUtilizationRates=rates,
        nvmlDeviceGetMemoryInfo=memory, nvmlDeviceGetName=lambda _device: "H200", NVML_TEMPERATURE_GPU=0,
        nvmlDeviceGetTemperature=lambda *_: 40, nvmlDeviceGetPowerUsage=lambda _device: 700_000,
    )  # fmt: skip
    monkeypatch.setitem(sys.modules, "pynvml", nvml)
    with Watch() as watch:
        until = time.monotonic() + 10
        while left and time.monotonic() < until:
            time.sleep(0.01)
    figures = watch.figures
    assert figures["gpu_mb"] == 7 and figures["busy_percent"] is not None and 0 < figures["busy_percent"] <= 50
    assert nvml_figures()["power_w"] == 700.0 and nvml_figures()["memory_total_mb"] == 10
