"""The steps of `tools.gpu.check` that compare programs, and ways to run our engine, in one process on one sound."""

import pickle
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from daemon.chunk import SAMPLE_RATE
from tools.gpu.order import REAL, Order, Row, timed


def _sounds(order: Order) -> dict[str, list[Any]]:
    """Return the samples of memos and of long recordings, made once from the shipped clips."""
    import numpy as np

    from daemon.bench import workload as workloads
    from daemon.decode.media import samples

    folder = Path(order.work) / "sounds"
    folder.mkdir(exist_ok=True)
    count, length_s = (1, 20.0) if order.small else (4, 900.0)
    memos = workloads.memos(folder, 2 if order.small else 240).items
    long = [workloads.meeting(folder, length_s, f"long-{number}").items[0] for number in range(count)]
    read = {item.path: np.frombuffer(samples(item.path), dtype="<i2") for item in (*memos, *long)}
    return {"memos": [read[item.path] for item in memos], "long": [read[item.path] for item in long]}


def _chunks(order: Order, sounds: dict[str, list[Any]]) -> dict[str, list[Any]]:
    """Return the recordings as the daemon cuts them; what an earlier step has cut is kept, for the VAD takes long."""
    from tools.gpu.contenders import chunks_of

    kept = Path(order.work) / "chunks.pickle"
    if not kept.is_file():
        kept.write_bytes(pickle.dumps({name: chunks_of(some) for name, some in sounds.items()}))
    found: dict[str, list[Any]] = pickle.loads(kept.read_bytes())
    return found


def turns(order: Order) -> Iterator[Row]:
    """Compare the programs by turns on the same samples, the models loaded before; our chunks are cut before, too."""
    from faster_whisper import WhisperModel

    from daemon.engine.loader import load
    from daemon.processes.protocol import LoadModel
    from tools.gpu import contenders
    from tools.gpu.engine import limit
    from tools.gpu.models import SHAPES

    if order.argument != REAL:
        limit()
    sounds, kind = _sounds(order), order.types[0]
    whisper = WhisperModel(str(order.folder), device=order.device, compute_type=kind)
    # Programs that take one recording at a time are given fewer; the sequential one hears three minutes of a long one.
    some = {"memos": sounds["memos"][:16], "long": sounds["long"][:1]}
    start = {"memos": some["memos"], "long": [some["long"][0][: 180 * SAMPLE_RATE]]}
    runs: list[tuple[str, dict[str, list[Any]], Callable[[str], int]]] = []

    def add(name: str, heard: dict[str, list[Any]], contender: contenders.Contender) -> None:
        runs.append((name, heard, lambda workload: contender(heard[workload])))

    model, ready = load(LoadModel(str(order.folder), order.device, kind, None, None, None))
    chunks = _chunks(order, sounds)
    for beam in (5, 1):
        cut = {name: contenders.batches_of(each, ready.batch_size, beam_size=beam) for name, each in chunks.items()}
        ours = partial(_ours, model, ready.workers, cut)
        runs.append((f"our engine {ready.batch_size} x {ready.workers}, beam {beam}", sounds, ours))
    hugging = Path(order.work) / f"{order.argument}-hf"
    if hugging.is_dir():
        size = 8 if order.small else 32
        run = contenders.transformers_batched(hugging, SHAPES[order.argument].mels, order.device, size)
        add(f"transformers batched {size}, greedy", sounds, run)
    for beam, size in ((5, 8),) if order.small else ((5, 16), (1, 16), (5, 24), (5, 8)):
        add(f"faster-whisper batched {size}, beam {beam}", some, contenders.faster_whisper_batched(whisper, beam, size))
    add("faster-whisper, beam 5", start, contenders.faster_whisper(whisper, 5))
    for turn in range(1 if order.small else 2):
        for name, heard, work in runs:
            for workload in heard:
                row = timed(heard[workload], partial(work, workload))
                yield {"contender": name, "workload": workload, "turn": turn, "compute_type": kind, **row}


def _ours(model: Any, workers: int, batches: dict[str, Any], workload: str) -> int:
    from tools.gpu.contenders import ours

    return ours(model, workers, batches[workload])


def matrix(order: Order) -> Iterator[Row]:
    """Try our engine's compute types, batch sizes, workers and searches on the long recording."""
    from daemon.engine.loader import load
    from daemon.processes.protocol import LoadModel
    from tools.gpu.contenders import batches_of, ours
    from tools.gpu.engine import limit

    if order.argument != REAL:
        limit()
    sounds = _sounds(order)
    long, chunks = sounds["long"], _chunks(order, sounds)["long"]
    layouts = [(8, 1)] if order.small else [(16, 2), (16, 1), (16, 3), (32, 2), (64, 2), (8, 2), (32, 1), (64, 1)]
    for kind in order.types:
        for size, workers in layouts:
            model, _ = load(LoadModel(str(order.folder), order.device, kind, workers, None, size))
            for beam in (5, 1):
                batches = batches_of(chunks, size, beam_size=beam)
                row = timed(long, partial(ours, model, workers, batches))
                yield {"compute_type": kind, "batch": size, "workers": workers, "beam": beam, "workload": "long", **row}
            del model
