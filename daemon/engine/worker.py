"""An engine child: one model on one device, batch → segments, several batches at once on shared weights."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from multiprocessing.connection import Connection
from typing import Protocol

from daemon.chunk import Chunk, Decoded
from daemon.errors import TranscribedError
from daemon.processes.protocol import BatchDone, BatchFailed, LoadModel, Ready, RunBatch, Unready


class Runner(Protocol):
    """A loaded model."""

    def run(self, chunks: tuple[Chunk, ...]) -> tuple[Decoded, ...]: ...


Load = Callable[[LoadModel], tuple[Runner, Ready]]


def serve(conn: Connection, load: Load) -> None:
    """Load the model that the daemon names, say so, and run its batches until it closes the connection."""
    try:
        runner, ready = load(conn.recv())
    except (TranscribedError, RuntimeError, ValueError, OSError) as error:
        hint = error.hint if isinstance(error, TranscribedError) else ""
        conn.send(Unready(getattr(error, "message", str(error)), hint))
        return
    conn.send(ready)
    answering = threading.Lock()

    def run(order: RunBatch) -> None:
        began = time.monotonic()
        answer: BatchDone | BatchFailed
        try:
            results = runner.run(order.chunks)
            answer = BatchDone(order.batch_id, results, time.monotonic() - began)
        except (RuntimeError, ValueError, MemoryError) as error:
            out_of_memory = isinstance(error, MemoryError) or "out of memory" in str(error).lower()
            answer = BatchFailed(order.batch_id, str(error), out_of_memory)
        with answering, suppress(BrokenPipeError):
            conn.send(answer)

    with ThreadPoolExecutor(ready.workers) as pool:
        while True:
            pool.submit(run, conn.recv())


def main(conn: Connection) -> None:
    """Serve with the real model."""
    from daemon.engine.loader import load

    serve(conn, load)
