"""How long a GPU would wait for the host: `python -m tools.gpu.overlap`, in the project's virtual environment.

A real daemon, with its decoders, batcher and engine child, works with an engine whose device is simulated: features and
ends of batches take host time, encoder and decoder take the device, which does one thing at a time. What is printed is
the share of the time in which the device had nothing to do although work was waiting. It needs no GPU and no model.
"""

import argparse
import json
import os
import random
import sys
import tempfile
import threading
import time
import wave
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from daemon.bench import measure
from daemon.bench.contenders import config_text
from daemon.chunk import SAMPLE_RATE, Chunk, Decoded, Segment
from daemon.processes.protocol import LoadModel, Ready

VARIABLE = "TRANSCRIBED_SIMULATED"
"""In the environment of the engine child: the plan as JSON, and the file for what the device did."""
ENGINE = "tools.gpu.overlap"
ROOT = Path(__file__).parent.parent.parent


@dataclass(frozen=True, slots=True)
class Plan:
    """What a batch takes, in seconds, whatever is in it, and how many run at once."""

    features_s: float = 0.2
    """On the host, before the device has anything to do."""
    encode_s: float = 0.1
    generate_s: float = 0.3
    after_s: float = 0.05
    """On the host, once the device is done with it."""
    workers: int = 2
    batch_size: int = 16

    @property
    def device_s(self) -> float:
        """How long the device works on a batch."""
        return self.encode_s + self.generate_s


@dataclass(frozen=True, slots=True)
class Found:
    """What the device did."""

    batches: int
    busy_s: float
    window_s: float
    """From when it first had something to do until it began with the last batch."""
    waits_max_s: float
    """The longest time that it had nothing to do."""

    @property
    def idle_percent(self) -> float:
        """The share of the window in which it had nothing to do, while at least the last batch was still to come."""
        return 100 * (1 - self.busy_s / self.window_s)


class Device:
    """Does one thing at a time, and writes down when."""

    def __init__(self, notes: Path) -> None:
        self._turn = threading.Lock()
        self._notes = notes

    def use(self, what: str, seconds: float) -> None:
        """Occupy the device for so long."""
        with self._turn:
            began = time.monotonic()
            time.sleep(seconds)
            with self._notes.open("a") as file:
                file.write(json.dumps({"what": what, "began": began, "ended": time.monotonic()}) + "\n")


class Simulated:
    """A model that hears nothing in particular, and takes the time that its plan says."""

    def __init__(self, plan: Plan, device: Device) -> None:
        self._plan = plan
        self._device = device

    def run(self, chunks: Sequence[Chunk]) -> tuple[Decoded, ...]:
        """Take a batch through host and device."""
        time.sleep(self._plan.features_s)
        self._device.use("encode", self._plan.encode_s)
        self._device.use("generate", self._plan.generate_s)
        time.sleep(self._plan.after_s)
        return tuple(map(_decoded, chunks))


def _decoded(chunk: Chunk) -> Decoded:
    line = Segment(chunk.start_s, chunk.end_s, "so many words", -0.1, 0.0, 1.0, chunk.temperature, "en")
    return Decoded((line,), -0.1, 0.0, 1.0, chunk.temperature, "en", 1.0, chunk.duration_s)


def load(order: LoadModel) -> tuple[Simulated, Ready]:
    """Load what the environment says: this module is an engine, too."""
    asked = json.loads(os.environ[VARIABLE])
    plan = Plan(**asked["plan"])
    return Simulated(plan, Device(Path(asked["notes"]))), Ready(
        model=order.name, device="simulated", compute_type="none", workers=plan.workers, cpu_threads=1,
        batch_size=plan.batch_size, devices=1, languages=("en",), tasks=("transcribe",), word_times=False,
        cut_context=False, policy="accept", load_s=0.0, canary="so many words",
    )  # fmt: skip


def measured(plan: Plan, recordings: int, minutes: float) -> Found:
    """Have a daemon work through recordings, and return what the device did."""
    with tempfile.TemporaryDirectory(prefix="transcribed-overlap-") as name:
        folder = Path(name)
        (folder / "inbox").mkdir()
        for number in range(recordings):
            _write(folder / "inbox" / f"{number:03}.wav", 60 * minutes, number)
        layout = {"workers": plan.workers, "cpu_threads": 1, "batch_size": plan.batch_size}
        model = {"name": "simulated", "engine": ENGINE, **layout}
        text = f"{config_text(folder, model, language='en')}[vad]\nenabled = false\n"
        (folder / "config.toml").write_text(text)
        notes = folder / "device.jsonl"
        environment = {
            VARIABLE: json.dumps({"plan": asdict(plan), "notes": str(notes)}),
            "PYTHONPATH": os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH", "")])),
        }
        usage = measure.run([sys.executable, "-m", "daemon", "run", "--once", "-c", "config.toml"], folder, environment)
        if usage.exit_code != 0:
            raise RuntimeError(f"the daemon ended with {usage.exit_code}: {usage.errors[-2000:]}")
        return judged([json.loads(line) for line in notes.read_text().splitlines()])


def judged(notes: Sequence[dict[str, Any]]) -> Found:
    """Return what the device's notes come to, in the order in which it wrote them.

    Args:
        notes: With `what` it did, `encode` or `generate`, and when it `began` and `ended`.
    """
    last = max(each["began"] for each in notes if each["what"] == "encode")
    inside = [each for each in notes if each["began"] < last]
    waits = [after["began"] - before["ended"] for before, after in pairwise(notes)]
    return Found(
        batches=sum(each["what"] == "encode" for each in notes),
        busy_s=sum(each["ended"] - each["began"] for each in inside),
        window_s=last - notes[0]["began"],
        waits_max_s=max(waits[: len(inside)]),
    )


def _write(path: Path, length_s: float, seed: int) -> None:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(SAMPLE_RATE)
        file.writeframes(random.Random(seed).randbytes(round(length_s * SAMPLE_RATE) * 2))


def main() -> None:
    """Print a line of JSON for each plan: host time from a quarter of the device's up to twice as much."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--device-s", type=float, default=0.5, help="seconds that the device takes for a batch")
    parser.add_argument("--host", type=float, nargs="+", default=[0.25, 0.5, 0.9], help="host time beside it")
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--recordings", type=int, default=10)
    parser.add_argument("--minutes", type=float, default=24.0, help="length of a recording")
    asked = parser.parse_args()
    with suppress(KeyboardInterrupt):
        for workers in asked.workers:
            for share in asked.host:
                host_s = share * asked.device_s
                plan = Plan(
                    0.8 * host_s, 0.25 * asked.device_s, 0.75 * asked.device_s, 0.2 * host_s, workers, asked.batch
                )
                found = measured(plan, asked.recordings, asked.minutes)
                line = {"workers": workers, "host / device": share, "idle %": round(found.idle_percent, 1)}
                print(
                    json.dumps({**line, **{key: round(value, 3) for key, value in asdict(found).items()}}), flush=True
                )


if __name__ == "__main__":
    main()
