"""The probe of the GPUs: a program that prints what GPUtil and NVML say, and ends. See `daemon.monitor.gpu`.

A process of its own, because nvidia-smi may hang for ever and NVML may crash. Two JSON lines: what nvidia-smi says,
through GPUtil, at once; then power and throttling, where NVML gives them. Whoever reads takes what has come by then.
"""

import json
import math
import os
import select
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from types import FrameType, ModuleType
from typing import Any

# GPUtil imports distutils.spawn, for Windows. Python has none since 3.12, and that of setuptools takes longer to load
# than nvidia-smi to answer.
sys.modules["distutils"] = ModuleType("distutils")
sys.modules["distutils"].spawn = None  # type: ignore[attr-defined]

from GPUtil import GPUtil  # noqa: E402

OUTPUT_MAX_BYTES = 1_000_000
"""nvidia-smi says a line for each GPU; what says more than this is not nvidia-smi."""
COLUMNS = 12
"""Of GPUtil's question: index, uuid, load, memory (total, used, free), driver, name, serial, two of the display,
temperature."""
NAME, AFTER_NAME = 7, 4
MEMORY_TOTAL = 3
NO_GPU = "No devices were found"
GRACE_S = 1.0
"""For nvidia-smi to be ended in order when the daemon is gone."""
THROTTLE = {
    0x4: "power cap",
    0x8: "hardware slowdown",
    0x20: "software thermal slowdown",
    0x40: "hardware thermal slowdown",
    0x80: "power brake",
}
"""Of nvmlClocksEventReasons (nvml.h); idle and user-set clocks are not throttling."""


class ProbeError(Exception):
    """nvidia-smi gave no answer that can be used."""


def main(timeout_s: float) -> None:
    """Print the two lines; the first is {"gpus": [...]} or {"error": "..."}."""
    try:
        gpus = [_figures(gpu) for gpu in gpus_of(_nvidia_smi(timeout_s))]
    except ProbeError as error:
        print(json.dumps({"error": str(error)}), flush=True)
        return
    print(json.dumps({"gpus": gpus}), flush=True)
    if gpus:
        with suppress(Exception):  # NVML is an extra: whatever it fails of, the figures above stand
            print(json.dumps({"nvml": _nvml()}), flush=True)


def gpus_of(output: bytes) -> list[Any]:
    """GPUtil's reading of what nvidia-smi printed, with the lines mended that it cannot read.

    Raises:
        ProbeError: it is no answer to GPUtil's question.
    """
    text = output.decode("utf-8", errors="replace")
    if text.strip() == NO_GPU:
        return []
    lines = [_mended(line) for line in text.splitlines() if line.strip()]
    if not lines:
        raise ProbeError("nvidia-smi says nothing")
    answer = "".join(line + "\n" for line in lines).encode()
    GPUtil.Popen = lambda *_args, **_options: _Answered(answer)
    try:
        return list(GPUtil.getGPUs())
    except (ValueError, IndexError, ArithmeticError) as error:
        raise ProbeError(f"nvidia-smi says: {lines[0][:200]}") from error


def _nvidia_smi(timeout_s: float) -> bytes:
    """Ask what GPUtil asks, within time and size.

    Raises:
        ProbeError: it hangs, fails, or never stops talking.
    """
    asked: list[str] = []

    class Asked(Exception):
        pass

    def note(command: list[str], **_options: Any) -> None:
        asked.extend(command)
        raise Asked

    GPUtil.Popen = note
    GPUtil.getGPUs()
    process: subprocess.Popen[bytes] | None = None
    overdue = threading.Event()
    # Not an Event: a second signal within its `set` would wait for the first one for ever.
    told_to_end = False

    def give_up() -> None:
        overdue.set()
        end()

    def end() -> None:
        if process is not None:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)

    def terminated(_number: int, _frame: FrameType | None) -> None:
        nonlocal told_to_end
        told_to_end = True
        if process is not None:
            end()
            os._exit(1)

    # Before the start of nvidia-smi: one that runs, but is not yet known here, would be left behind.
    signal.signal(signal.SIGTERM, terminated)
    try:
        # A group of its own, so that whatever it starts, and lets hold our pipe, ends with it.
        process = subprocess.Popen(
            asked, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, process_group=0
        )
    except OSError as error:
        raise ProbeError(f"nvidia-smi cannot be run: {error.strerror}") from error
    if told_to_end:
        end()
        os._exit(1)
    timer = threading.Timer(timeout_s, give_up)
    timer.daemon = True
    timer.start()
    assert process.stdout is not None
    output = process.stdout.read(OUTPUT_MAX_BYTES + 1)
    if len(output) > OUTPUT_MAX_BYTES:
        end()
    code = process.wait()
    timer.cancel()
    if overdue.is_set():
        raise ProbeError(f"nvidia-smi has not answered within {timeout_s:g} s")
    if len(output) > OUTPUT_MAX_BYTES:
        raise ProbeError("nvidia-smi says more than a megabyte")
    if code and NO_GPU.encode() not in output:
        said = " ".join(output.decode("utf-8", errors="replace").split())[:200]
        raise ProbeError(f"nvidia-smi fails with exit code {code}: {said or 'without a word'}")
    return output


class _Answered:
    """Stands where GPUtil runs nvidia-smi: the answer is here already."""

    def __init__(self, answer: bytes) -> None:
        self._answer = answer

    def communicate(self) -> tuple[bytes, None]:
        return self._answer, None


def _mended(line: str) -> str:
    """A line that GPUtil reads as it was meant: no comma in the name; no total of 0, by which it divides."""
    values = line.split(", ")
    if len(values) > COLUMNS:
        end = len(values) - AFTER_NAME
        values[NAME:end] = [" ".join(values[NAME:end])]
    if len(values) == COLUMNS and values[MEMORY_TOTAL].strip() == "0":
        values[MEMORY_TOTAL] = "[N/A]"
    return ", ".join(values)


def _figures(gpu: Any) -> dict[str, Any]:
    load = _known(gpu.load)
    return {
        "index": gpu.id,
        "uuid": gpu.uuid,
        "name": gpu.name,
        "load_percent": None if load is None else 100 * load,
        "memory_used_mb": _known(gpu.memoryUsed),
        "memory_total_mb": _known(gpu.memoryTotal),
        "temperature_c": _known(gpu.temperature),
    }


def _known(value: float) -> float | None:
    """GPUtil says nan for `[N/A]`; no comparison with that is ever true, so it must not get further."""
    return value if math.isfinite(value) else None


def _nvml() -> dict[str, Any]:
    """Power in watts and the reasons for throttling, by UUID."""
    import pynvml

    pynvml.nvmlInit()
    found = {}
    for index in range(pynvml.nvmlDeviceGetCount()):
        device = pynvml.nvmlDeviceGetHandleByIndex(index)
        figures: dict[str, Any] = {"power_w": None, "throttle": []}
        with suppress(pynvml.NVMLError):
            figures["power_w"] = pynvml.nvmlDeviceGetPowerUsage(device) / 1000
        with suppress(pynvml.NVMLError):
            reasons = pynvml.nvmlDeviceGetCurrentClocksThrottleReasons(device)
            figures["throttle"] = [name for bit, name in THROTTLE.items() if reasons & bit]
        found[str(pynvml.nvmlDeviceGetUUID(device))] = figures
    return found


def _end_with_the_daemon() -> None:
    """End, as if told to, when nobody holds the other end of our standard input any more."""
    poll = select.poll()
    poll.register(sys.stdin.fileno(), 0)
    poll.poll()
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(GRACE_S)
    # The main thread hangs in the driver, and hears nothing.
    os._exit(1)


if __name__ == "__main__":
    threading.Thread(target=_end_with_the_daemon, daemon=True).start()
    main(float(sys.argv[1]))
