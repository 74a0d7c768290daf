"""A fake engine for tests: it speaks the engine's protocol, needs no model, and misbehaves on order.

Run in place of the real one with TRANSCRIBED_ENGINE=daemon.children.fake; TRANSCRIBED_FAKE is a JSON object with
the fields of `Plan`. The text of a chunk is a digest of its samples, so that a test knows what must come out.
"""

import hashlib
import json
import os
import signal
import time
from dataclasses import dataclass
from multiprocessing.connection import Connection

from daemon.children import engine
from daemon.children.protocol import LoadModel, Ready
from daemon.chunk import Chunk, Decoded, Segment

POISON = b"\x39\x30" * 8
"""Eight samples of the value 12345 at the start of a chunk: the fake engine dies of it."""


@dataclass(frozen=True)
class Plan:
    """How the fake engine behaves."""

    delay_s: float = 0.0
    poison: str = ""
    """What a poisoned chunk does: `kill` the process, `exit`, `hang`, or `raise` an error."""
    memory_chunks: int = 1_000
    """Larger batches run out of memory."""
    workers: int = 2
    batch_size: int = 4


def text_of(audio: bytes) -> str:
    """The text that the fake engine gives for a chunk's samples."""
    return f"samples {hashlib.sha256(audio).hexdigest()[:16]}"


class FakeModel:
    def __init__(self, plan: Plan) -> None:
        self._plan = plan

    def run(self, chunks: tuple[Chunk, ...]) -> tuple[Decoded, ...]:
        if len(chunks) > self._plan.memory_chunks:
            raise RuntimeError("CUDA failed with error out of memory")
        if any(chunk.audio.startswith(POISON) for chunk in chunks):
            self._suffer()
        time.sleep(self._plan.delay_s)
        return tuple(_decoded(chunk) for chunk in chunks)

    def _suffer(self) -> None:
        match self._plan.poison:
            case "kill":
                os.kill(os.getpid(), signal.SIGKILL)
            case "exit":
                os._exit(0)
            case "hang":
                time.sleep(3600)
            case "raise":
                raise RuntimeError("a poisoned chunk")


def _decoded(chunk: Chunk) -> Decoded:
    language = "en" if chunk.language == "auto" else chunk.language
    segment = Segment(chunk.start_s, chunk.end_s, text_of(chunk.audio), -0.1, 0.0, 1.0, chunk.temperature, language)
    return Decoded((segment,), -0.1, 0.0, 1.0, chunk.temperature, language, 1.0, chunk.duration_s)


def load(order: LoadModel) -> tuple[FakeModel, Ready]:
    plan = Plan(**json.loads(os.environ.get("TRANSCRIBED_FAKE", "{}")))
    ready = Ready(
        model=order.name, device="fake", compute_type="none", workers=plan.workers, cpu_threads=1,
        batch_size=plan.batch_size, devices=1, multilingual=False, load_s=0.0,
    )  # fmt: skip
    return FakeModel(plan), ready


def main(conn: Connection) -> None:
    """Serve with the fake model."""
    engine.serve(conn, load)
