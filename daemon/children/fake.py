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
from pathlib import Path
from typing import Any

from daemon.children import engine
from daemon.children.protocol import LoadModel, Ready
from daemon.chunk import Chunk, Decoded, Segment
from daemon.errors import Unavailable

POISON = b"\x39\x30" * 8
"""Eight samples of the value 12345 at the start of a chunk: the fake engine dies of it."""


@dataclass(frozen=True)
class Plan:
    """How the fake engine behaves."""

    delay_s: float = 0.0
    poison: str = ""
    """What a poisoned chunk does: `kill` the process, `exit`, `hang`, `raise` an error, answer with what is no message
    (`malformed`), with 100 MB (`flood`) or with too few results (`short`).
    """
    unready_after: int = 0
    """Starts after which the model cannot be loaded any more; they are counted in the file TRANSCRIBED_FAKE_STARTS."""
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
        if any(chunk.audio.startswith(POISON) for chunk in chunks) and (answer := self._suffer()) is not None:
            return answer
        time.sleep(self._plan.delay_s)
        return tuple(_decoded(chunk) for chunk in chunks)

    def _suffer(self) -> tuple[Any, ...] | None:
        match self._plan.poison:
            case "kill":
                os.kill(os.getpid(), signal.SIGKILL)
            case "exit":
                os._exit(0)
            case "hang":
                time.sleep(3600)
            case "raise":
                raise RuntimeError("a poisoned chunk")
            case "short":
                return ()
            case "malformed":
                return (print,)
            case "flood":
                return (bytes(100_000_000),)
        return None


def _decoded(chunk: Chunk) -> Decoded:
    language = "en" if chunk.language == "auto" else chunk.language
    segment = Segment(chunk.start_s, chunk.end_s, text_of(chunk.audio), -0.1, 0.0, 1.0, chunk.temperature, language)
    return Decoded((segment,), -0.1, 0.0, 1.0, chunk.temperature, language, 1.0, chunk.duration_s)


def load(order: LoadModel) -> tuple[FakeModel, Ready]:
    plan = Plan(**json.loads(os.environ.get("TRANSCRIBED_FAKE", "{}")))
    if plan.unready_after:
        _count_start(plan.unready_after)
    ready = Ready(
        model=order.name, device="fake", compute_type="none", workers=plan.workers, cpu_threads=1,
        batch_size=plan.batch_size, devices=1, multilingual=False, load_s=0.0,
    )  # fmt: skip
    return FakeModel(plan), ready


def _count_start(allowed: int) -> None:
    starts = Path(os.environ["TRANSCRIBED_FAKE_STARTS"])
    with starts.open("a") as file:
        file.write("x")
    if allowed < starts.stat().st_size <= allowed + 2:
        raise Unavailable("the device is gone", "wait until it is back")


def main(conn: Connection) -> None:
    """Serve with the fake model."""
    engine.serve(conn, load)
