"""The daemon's side of the GPU probe: runs it within its time limit, whatever nvidia-smi does."""

import json
import logging
import os
import select
import shutil
import subprocess
import sys
import time
from contextlib import suppress
from typing import Any

from daemon.monitor.sample import Gpu, Probe
from daemon.processes.environment import environment

log = logging.getLogger(__name__)

OUTPUT_MAX_BYTES = 1_000_000
FOR_THE_PROBE_S = 0.5
"""The part of the time limit that the probe needs to start Python and to report that nvidia-smi hangs."""
GRACE_S = 0.25
"""How long a process may take to end after SIGTERM, and after SIGKILL; one that hangs in the driver is left behind."""


class GpuProbe:
    """Queries the GPUs in a process of its own.

    Args:
        timeout_s: How long an answer may take.
    """

    def __init__(self, timeout_s: float) -> None:
        self._timeout_s = timeout_s
        self._running: subprocess.Popen[bytes] | None = None
        self._stuck: subprocess.Popen[bytes] | None = None
        self._seen = False

    def __call__(self) -> Probe:
        """Return the GPUs as they are; none, without an error, where there is no nvidia-smi and never was.

        This takes at most `timeout_s` + twice GRACE_S.
        """
        if shutil.which("nvidia-smi") is None:
            return Probe(error="nvidia-smi has disappeared") if self._seen else Probe()
        if self._stuck is not None and self._stuck.poll() is None:
            return Probe(error="nvidia-smi hangs in the driver and cannot be ended")
        self._stuck = None
        lines = self._ask()
        if not lines:
            return Probe(error=f"nvidia-smi has not answered within {self._timeout_s:g} s")
        if "gpus" not in lines[0]:
            return Probe(error=str(lines[0].get("error", "the probe failed")))
        extra = lines[1].get("nvml", {}) if len(lines) > 1 else {}
        gpus = tuple(_gpu(figures, extra.get(figures["uuid"], {})) for figures in lines[0]["gpus"])
        self._seen = self._seen or bool(gpus)
        return Probe(gpus)

    def close(self) -> None:
        """End a running probe, which then gives no answer; may be called from any thread."""
        if (process := self._running) is not None:
            process.terminate()

    def _ask(self) -> list[dict[str, Any]]:
        """Run the probe, and return the lines that it has printed in time."""
        until = time.monotonic() + self._timeout_s
        inner_s = max(0.1, self._timeout_s - FOR_THE_PROBE_S)
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "daemon.monitor.nvidia", str(inner_s)],
            # Never written to: when it closes, the probe knows that the daemon has ended, however that happened.
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment(),
            start_new_session=True,
        )
        self._running = process
        assert process.stdout is not None
        with process.stdout as pipe:
            output = _read(pipe.fileno(), until)
        self._running = None
        assert process.stdin is not None
        process.stdin.close()
        # After SIGTERM it takes nvidia-smi with it, unless it hangs in the driver.
        for end in (process.terminate, process.kill):
            end()
            with suppress(subprocess.TimeoutExpired):
                process.wait(GRACE_S)
                break
        else:
            log.warning("the GPU probe %d cannot be ended", process.pid)
            self._stuck = process
        lines = []
        for line in output.splitlines():
            with suppress(ValueError):  # cut short by the end of its time
                lines.append(json.loads(line))
        return lines


def _read(fd: int, until: float) -> bytes:
    """Read until the other end is closed, the time (monotonic) is up or the output is too large."""
    output = b""
    while len(output) < OUTPUT_MAX_BYTES and (left := until - time.monotonic()) > 0:
        if not select.select([fd], [], [], left)[0]:
            break
        if not (more := os.read(fd, 65_536)):
            break
        output += more
    return output


def _gpu(figures: dict[str, Any], extra: dict[str, Any]) -> Gpu:
    return Gpu(**figures, power_w=extra.get("power_w"), throttle=tuple(extra.get("throttle", ())))
