"""An engine whose device does not end a batch before the host has prepared the next: `engine = "tests.patient_engine"`.

So that a test can tell without a clock whether preparing one batch and computing another overlap: where they do not,
the device waits in vain. PATIENT_ENGINE is a JSON object: workers, batch_size, chunks (that will come), patience_s, and
the file in which a line for each batch says whether the next one was `ready`.
"""

import json
import os
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from daemon.chunk import Chunk, Decoded, Segment
from daemon.processes.protocol import LoadModel, Ready


class PatientModel:
    """A device for one batch at a time, and a host that prepares."""

    def __init__(self, plan: dict[str, Any]) -> None:
        self._plan = plan
        self._prepared = threading.Condition()
        self._waiting = 0
        """Batches that are prepared and wait for the device."""
        self._to_come: int = plan["chunks"]
        self._device = threading.Lock()

    def run(self, chunks: Sequence[Chunk]) -> tuple[Decoded, ...]:
        with self._prepared:
            self._waiting += 1
            self._to_come -= len(chunks)
            self._prepared.notify_all()
        with self._device, self._prepared:
            self._waiting -= 1
            ready = self._to_come == 0 or self._prepared.wait_for(lambda: self._waiting, self._plan["patience_s"])
            with Path(self._plan["notes"]).open("a") as notes:
                notes.write("ready\n" if ready else "alone\n")
        return tuple(map(_decoded, chunks))


def _decoded(chunk: Chunk) -> Decoded:
    line = Segment(chunk.start_s, chunk.end_s, "so many words", -0.1, 0.0, 1.0, chunk.temperature, "en")
    return Decoded((line,), -0.1, 0.0, 1.0, chunk.temperature, "en", 1.0, chunk.duration_s)


def load(order: LoadModel) -> tuple[PatientModel, Ready]:
    plan = json.loads(os.environ["PATIENT_ENGINE"])
    return PatientModel(plan), Ready(
        model=order.name, device="patient", compute_type="none", workers=plan["workers"], cpu_threads=1,
        batch_size=plan["batch_size"], devices=1, languages=("en",), tasks=("transcribe",), word_times=False,
        cut_context=False, policy="accept", load_s=0.0, canary="so many words",
    )  # fmt: skip
