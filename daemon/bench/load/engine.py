"""An engine of a set speed, for `bench daemon`: it says made-up words at the pace of speech (runs in the engine child).

It takes no time of a processor but for its messages, so that a machine carries many more of it than of real ones.
"""

import json
import os
import random
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass

from daemon.chunk import Chunk, Decoded, Segment
from daemon.processes.protocol import LoadModel, Ready

PLAN = "TRANSCRIBED_BENCH_ENGINE"
"""The environment variable with the fields of `Plan` as JSON."""
LINE_S = 5.0
WORDS_PER_S = 2.5
SYLLABLES = [consonant + vowel for consonant in "bdfgklmnprstvw" for vowel in "aeiou"]
WORDS = [first + second for first in SYLLABLES for second in SYLLABLES]
"""4900, of which the first is said twice as often as the second, and so on, as in any language (Zipf)."""


@dataclass(frozen=True)
class Plan:
    """How the engine behaves."""

    chunks_per_s: float
    """What the device computes, however many batches wait for it."""
    workers: int
    batch_size: int


class PacedModel:
    """Takes as long for its batches, one after another, as its plan says."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._device = threading.Lock()

    def run(self, chunks: Sequence[Chunk]) -> tuple[Decoded, ...]:
        """Wait for the device, and for what it is to do."""
        results = tuple(map(decoded, chunks))
        with self._device:
            time.sleep(len(chunks) / self._plan.chunks_per_s)
        return results


def load(order: LoadModel) -> tuple[PacedModel, Ready]:
    """Take the plan from the environment."""
    plan = Plan(**json.loads(os.environ[PLAN]))
    ready = Ready(
        model=order.name, device=order.device, compute_type="none", workers=plan.workers, cpu_threads=1,
        batch_size=plan.batch_size, devices=1, languages=("en", "de"), tasks=("transcribe",), word_times=False,
        cut_context=True, policy="whisper", load_s=0.0, canary="the words of a clip",
    )  # fmt: skip
    return PacedModel(plan), ready


def decoded(chunk: Chunk) -> Decoded:
    """Return lines with as many words as somebody would say in the time, always the same for a chunk."""
    chance = random.Random(chunk.job_id << 20 | chunk.idx)
    lines = []
    for number in range(max(1, round(chunk.duration_s / LINE_S))):
        start_s = chunk.start_s + number * LINE_S
        end_s = min(start_s + LINE_S, chunk.end_s)
        said = (WORDS[int(len(WORDS) ** chance.random()) - 1] for _ in range(round(WORDS_PER_S * (end_s - start_s))))
        lines.append(Segment(start_s, end_s, " ".join(said), -0.3, 0.01, 1.5, chunk.temperature, "en"))
    return Decoded(tuple(lines), -0.3, 0.01, 1.5, chunk.temperature, "en", 0.99, chunk.duration_s)
