"""The probe of the GPUs: a program that prints what GPUtil and NVML report, and exits. See `daemon.monitor.gpu`.

It is a process of its own because nvidia-smi may hang for ever and NVML may crash. It prints two lines of JSON: first
what nvidia-smi reports, through GPUtil, then power and throttling if NVML gives them. The reader uses what it has got
when time is up.
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
"""nvidia-smi prints a line for each GPU; a program that prints more than this is not nvidia-smi."""
COLUMNS = 12
"""The columns that GPUtil queries: index, uuid, load, memory (total, used, free), driver, name, serial, two of the
display, temperature."""
NAME, AFTER_NAME = 7, 4
MEMORY_TOTAL = 3
NO_GPU = "No devices were found"
GRACE_S = 1.0
"""How long ending nvidia-smi may take once the daemon is gone."""
THROTTLE = {
    0x4: "power cap",
    0x8: "hardware slowdown",
    0x20: "software thermal slowdown",
    0x40: "hardware thermal slowdown",
    0x80: "power brake",
}
"""From nvmlClocksEventReasons (nvml.h); idle and user-set clocks are not throttling."""


class ProbeError(Exception):
    """nvidia-smi gave no usable answer."""


def main(timeout_s: float) -> None:
    """Print the two lines; the first is {"gpus": [...]} or {"error": "..."}."""
    try:
        gpus = [_figures(gpu) for gpu in gpus_of(_nvidia_smi(timeout_s))]
    except ProbeError as error:
        print(json.dumps({"error": str(error)}), flush=True)
        return
    print(json.dumps({"gpus": gpus}), flush=True)
    if gpus:
        with suppress(Exception):  # NVML is optional: however it fails, the figures above are valid
            print(json.dumps({"nvml": _nvml()}), flush=True)


def gpus_of(output: bytes) -> list[Any]:
    """Have GPUtil parse what nvidia-smi printed, after repairing lines that it cannot parse.

    Raises:
        ProbeError: The output is no answer to GPUtil's query.
    """
    text = output.decode("utf-8", errors="replace")
    if text.strip() == NO_GPU:
        return []
    lines = [_mended(line) for line in text.splitlines() if line.strip()]
    if not lines:
        raise ProbeError("nvidia-smi printed nothing")
    answer = "".join(line + "\n" for line in lines).encode()
    GPUtil.Popen = lambda *_args, **_options: _Answered(answer)
    try:
        return list(GPUtil.getGPUs())
    except (ValueError, IndexError, ArithmeticError) as error:
        raise ProbeError(f"nvidia-smi says: {lines[0][:200]}") from error


def _nvidia_smi(timeout_s: float) -> bytes:
    """Run GPUtil's query within limits of time and size, and return the output.

    Raises:
        ProbeError: nvidia-smi hangs, fails, or does not stop printing.
    """
    process: subprocess.Popen[bytes] | None = None
    overdue = threading.Event()
    # Not an Event: a second signal during its `set` would wait for the first one for ever.
    told_to_end = False

    def give_up() -> None:
        overdue.set()
        kill()

    def kill() -> None:
        if process is not None:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)

    def terminated(_number: int, _frame: FrameType | None) -> None:
        nonlocal told_to_end
        told_to_end = True
        if process is not None:
            kill()
            os._exit(1)

    # Before nvidia-smi starts: a process that runs but is not yet known here would be left behind.
    signal.signal(signal.SIGTERM, terminated)
    process = _started(_query())
    if told_to_end:
        kill()
        os._exit(1)
    timer = threading.Timer(timeout_s, give_up)
    timer.daemon = True
    timer.start()
    assert process.stdout is not None
    output = process.stdout.read(OUTPUT_MAX_BYTES + 1)
    if len(output) > OUTPUT_MAX_BYTES:
        kill()
    code = process.wait()
    timer.cancel()
    if overdue.is_set():
        raise ProbeError(f"nvidia-smi has not answered within {timeout_s:g} s")
    _check(output, code)
    return output


def _started(command: list[str]) -> subprocess.Popen[bytes]:
    try:
        # A process group of its own, so that whatever it starts, and may hold our pipe, ends with it.
        return subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, process_group=0
        )
    except OSError as error:
        raise ProbeError(f"nvidia-smi cannot be run: {error.strerror}") from error


def _query() -> list[str]:
    """Return the command that GPUtil runs, from GPUtil itself."""
    command: list[str] = []

    class Noted(Exception):
        pass

    def note(asked: list[str], **_options: Any) -> None:
        command.extend(asked)
        raise Noted

    GPUtil.Popen = note
    GPUtil.getGPUs()
    return command


def _check(output: bytes, code: int) -> None:
    """Raise ProbeError if nvidia-smi printed too much, or failed for another reason than that there is no GPU."""
    if len(output) > OUTPUT_MAX_BYTES:
        raise ProbeError("nvidia-smi printed more than a megabyte")
    if code and NO_GPU.encode() not in output:
        said = " ".join(output.decode("utf-8", errors="replace").split())[:200]
        raise ProbeError(f"nvidia-smi failed with exit code {code}: {said or 'it printed nothing'}")


class _Answered:
    """Stands in for the nvidia-smi process that GPUtil would run, with an answer that is already here."""

    def __init__(self, answer: bytes) -> None:
        self._answer = answer

    def communicate(self) -> tuple[bytes, None]:
        return self._answer, None


def _mended(line: str) -> str:
    """Repair a line so that GPUtil can parse it: no comma in the name, and no total of 0, by which it divides."""
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
    """Return None for nan, GPUtil's `[N/A]`: no comparison with nan is true, so it must not get any further."""
    return value if math.isfinite(value) else None


def _nvml() -> dict[str, Any]:
    """Return power in watts and the reasons for throttling, by UUID."""
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
    """Terminate this process once nobody holds the other end of its standard input any more."""
    poll = select.poll()
    poll.register(sys.stdin.fileno(), 0)
    poll.poll()
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(GRACE_S)
    # The main thread hangs in the driver and does not see the signal.
    os._exit(1)


if __name__ == "__main__":
    threading.Thread(target=_end_with_the_daemon, daemon=True).start()
    main(float(sys.argv[1]))
