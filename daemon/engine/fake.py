"""A fake engine for tests: it speaks the engine's protocol, needs no model, and misbehaves on order.

`engine = "fake"` in [model] names it; the environment variable TRANSCRIBED_FAKE is a JSON object with the fields of
`Plan`. The text of a chunk is a digest of its samples, so that a test knows what must come out.
"""

import hashlib
import json
import os
import signal
import textwrap
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from daemon.chunk import Chunk, Decoded, Segment
from daemon.errors import Unavailable
from daemon.processes.protocol import LoadModel, Ready

GARBAGE = "!!!! !!!! !!!!"
TEXT_BYTES = 160
EATEN_BYTES = 1_000_000_000
POISON = b"\x39\x30" * 8
"""Eight samples of the value 12345 at the start of a chunk: the fake engine dies of it."""


@dataclass(frozen=True)
class Plan:
    """How the fake engine behaves."""

    delay_s: float = 0.0
    """How long a batch takes, and `chunk_s` more for each of its chunks."""
    chunk_s: float = 0.0
    poison: str = ""
    """What a poisoned chunk does: `kill` the process, `segv`, `abort`, `exit`, `hang`, `raise` an error, be out of
    memory (`memory`), break the device so that nothing but nonsense comes after it (`sticky`), answer with what is no
    message (`malformed`), with 100 MB (`flood`) or with too few results (`short`), or keep 1 GB of memory (`eat`).
    """
    unready_after: int = 0
    """Starts after which the model cannot be loaded twice; they are counted in the file TRANSCRIBED_FAKE_STARTS."""
    garbage_after: int = 0
    """Starts after which two processes hear nonsense only."""
    memory_chunks: int = 1_000
    """Larger batches run out of memory."""
    leak_bytes: int = 0
    """Memory lost with every chunk."""
    device: str = "fake"
    deaf_to_term: bool = False
    """Whether SIGTERM is ignored."""
    workers: int = 2
    batch_size: int = 4


def text_of(audio: bytes) -> str:
    """Return the text that the fake engine gives for a chunk's samples: as much as somebody would say in 20 s."""
    return " ".join(["samples", *textwrap.wrap(hashlib.shake_256(audio).hexdigest(TEXT_BYTES // 2), 16)])


class FakeModel:
    """Hears a digest of the samples, or what its plan says."""

    def __init__(self, plan: Plan, garbage: bool) -> None:
        self._plan = plan
        self._garbage = garbage
        self._lost: list[bytes] = []

    def run(self, chunks: Sequence[Chunk]) -> tuple[Decoded, ...]:
        """Transcribe chunks, unless the plan has something else in store for them."""
        if self._plan.leak_bytes:
            self._lost += [os.urandom(1 << 20) * (self._plan.leak_bytes >> 20) for _ in chunks]
        if len(chunks) > self._plan.memory_chunks:
            raise RuntimeError("CUDA failed with error out of memory")
        if any(chunk.audio.startswith(POISON) for chunk in chunks) and (answer := self._suffer()) is not None:
            return answer
        time.sleep(self._plan.delay_s + self._plan.chunk_s * len(chunks))
        return tuple(_decoded(chunk, GARBAGE if self._garbage else text_of(chunk.audio)) for chunk in chunks)

    def _suffer(self) -> tuple[Any, ...] | None:
        match self._plan.poison:
            case "kill" | "segv":
                os.kill(os.getpid(), signal.SIGKILL if self._plan.poison == "kill" else signal.SIGSEGV)
                time.sleep(3600)  # Another thread may be the one that the signal ends first.
            case "abort":
                os.abort()
            case "exit":
                os._exit(0)
            case "hang":
                time.sleep(3600)
            case "raise":
                raise RuntimeError("a poisoned chunk")
            case "memory":
                raise RuntimeError("CUDA failed with error out of memory")
            case "sticky":
                self._garbage = True
                raise RuntimeError("CUDA failed with error an illegal memory access was encountered")
            case "short":
                return ()
            case "malformed":
                return (print,)
            case "flood":
                return (bytes(100_000_000),)
            case "eat":
                self._lost.append(b"\x01" * EATEN_BYTES)
        return None


def _decoded(chunk: Chunk, text: str) -> Decoded:
    language = "en" if chunk.language == "auto" else chunk.language
    segment = Segment(chunk.start_s, chunk.end_s, text, -0.1, 0.0, 1.0, chunk.temperature, language)
    return Decoded((segment,), -0.1, 0.0, 1.0, chunk.temperature, language, 1.0, chunk.duration_s)


def load(order: LoadModel) -> tuple[FakeModel, Ready]:
    """Load the plan from the environment.

    Raises:
        Unavailable: the plan says that the model cannot be loaded this time.
    """
    plan = Plan(**json.loads(os.environ.get("TRANSCRIBED_FAKE", "{}")))
    if plan.deaf_to_term:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    starts = _count_start() if plan.unready_after or plan.garbage_after else 0
    if plan.unready_after and _is_next(starts, plan.unready_after):
        raise Unavailable("the device is gone", "wait until it is back")
    garbage = bool(plan.garbage_after) and _is_next(starts, plan.garbage_after)
    ready = Ready(
        model=order.name, device=plan.device, compute_type="none", workers=plan.workers, cpu_threads=1,
        batch_size=plan.batch_size, devices=1, languages=("en",),
        tasks=("transcribe", "translate"), word_times=False, cut_context=True,
        policy="whisper", load_s=0.0,
        canary=GARBAGE if garbage else "the words of a clip",
    )  # fmt: skip
    return FakeModel(plan, garbage), ready


def _count_start() -> int:
    starts = Path(os.environ["TRANSCRIBED_FAKE_STARTS"])
    with starts.open("a") as file:
        file.write("x")
    return starts.stat().st_size


def _is_next(start: int, allowed: int) -> bool:
    return allowed < start <= allowed + 2
