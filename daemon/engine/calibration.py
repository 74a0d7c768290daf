"""A child that tries how a model runs fastest here, with real speech; it may be ended at any moment."""

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields, replace
from multiprocessing.connection import Connection

from daemon.chunk import SAMPLE_RATE, Chunk
from daemon.clips import CLIPS
from daemon.config.parallelism import Parallelism, Trial, candidates
from daemon.decode.media import samples
from daemon.engine.registry import Runner, load
from daemon.errors import Unavailable
from daemon.processes.protocol import Calibrate, Calibrated, LoadModel, Ready

BUDGET_S = 60.0
"""Nothing more is tried after this long; a large model on a slow machine has had its usual parallelism measured."""
ROUNDS = 2
"""Batches for each worker in a trial."""


def main(conn: Connection) -> None:
    """Try one parallelism after another until the time is used up, and answer."""
    order: Calibrate = conn.recv()
    conn.send(Calibrated(tuple(_trials(order))))
    conn.recv()


def _trials(order: Calibrate) -> list[Trial]:
    began = time.monotonic()
    speech = _speech()
    trials: list[Trial] = []
    on_cpu = not order.load.device.startswith("cuda")
    settled = [field.name for field in fields(Parallelism) if getattr(order.load, field.name) is not None]
    for layout in candidates(order.usual, order.cores, on_cpu=on_cpu, settled=settled):
        try:
            trials.append(Trial(layout, _speed(order.load, layout, speech)))
        except (RuntimeError, MemoryError, Unavailable):
            if not trials:
                raise
        if time.monotonic() - began > BUDGET_S:
            break
    return trials


def _speed(usual: LoadModel, layout: Parallelism, speech: list[Chunk]) -> float:
    """Return seconds of audio per second with a parallelism, the loading of the model not counted."""
    order = replace(usual, workers=layout.workers, cpu_threads=layout.cpu_threads, batch_size=layout.batch_size)
    model, ready = load(order)
    speech = [_asked(chunk, ready) for chunk in speech]
    batches = [
        [speech[(first + at) % len(speech)] for at in range(layout.batch_size)]
        for first in range(layout.workers * ROUNDS)
    ]
    with ThreadPoolExecutor(layout.workers) as pool:
        _run(model, pool, batches[: layout.workers])
        began = time.monotonic()
        _run(model, pool, batches)
        took_s = time.monotonic() - began
    return sum(chunk.duration_s for batch in batches for chunk in batch) / took_s


def _run(model: Runner, pool: ThreadPoolExecutor, batches: Sequence[list[Chunk]]) -> None:
    for _ in pool.map(model.run, batches):
        pass


def _asked(chunk: Chunk, ready: Ready) -> Chunk:
    """The chunk as the daemon would ask for it of an engine that can do this."""
    language = chunk.language if chunk.language in ready.languages else ready.languages[0]
    return replace(chunk, language=language, full_context=not ready.cut_context)


def _speech() -> list[Chunk]:
    """Return the shipped memos of about one length, which share a bucket, as chunks."""
    chunks: list[Chunk] = []
    for path in sorted(CLIPS.glob("memo-*.opus")):
        audio = samples(path)
        length_s = len(audio) / 2 / SAMPLE_RATE
        chunks.append(Chunk(0, len(chunks), ((0.0, length_s),), audio, language="en", full_context=False))
    buckets: dict[object, list[Chunk]] = {}
    for chunk in chunks:
        buckets.setdefault(chunk.bucket, []).append(chunk)
    return max(buckets.values(), key=len)
