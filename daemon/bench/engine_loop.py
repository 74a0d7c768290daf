"""The engine called directly, without daemon, database or files: the baseline for the daemon's overhead."""

from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from daemon.chunk import Chunk, Decoded, Options
from daemon.decode.chunker import Chunker
from daemon.decode.media import samples
from daemon.engine.loader import Placement, load
from daemon.processes.protocol import LoadModel
from daemon.transcribe.batcher import Batcher
from daemon.transcribe.quality import judge


def engine_loop(model: str, at: Placement, files: list[str]) -> list[str]:
    """Transcribe files with the daemon's own batches and quality rules, with all chunks cut beforehand."""
    whisper, ready = load(LoadModel(model, at.name, at.compute_type, None, None, None))
    batcher = Batcher()
    language = "auto" if len(ready.languages) > 1 else ready.languages[0]
    for number, file in enumerate(files):
        for chunk in chunks_of(number, np.frombuffer(samples(Path(file)), dtype="<i2"), language):
            batcher.submit(chunk)
    texts: list[dict[tuple[int, int], str]] = [{} for _ in files]
    earlier: dict[tuple[int, int, int], list[Decoded]] = {}
    with ThreadPoolExecutor(ready.workers) as pool:
        running: dict[Future[Any], list[Chunk]] = {}
        while len(batcher) or running:
            while len(batcher) and len(running) < ready.workers:
                batch = batcher.take(ready.batch_size)
                running[pool.submit(whisper.run, batch)] = batch
            for done in wait(running, return_when=FIRST_COMPLETED).done:
                for chunk, result in zip(running.pop(done), done.result(), strict=True):
                    place = (chunk.job_id, chunk.idx, chunk.part)
                    verdict = judge(chunk, result, earlier.setdefault(place, []))
                    if verdict.again is not None:
                        if not verdict.guarded:
                            earlier[place].append(result)
                        batcher.submit(replace(verdict.again, language=result.language), first=True)
                        continue
                    assert verdict.accepted is not None
                    said = " ".join(segment.text for segment in verdict.accepted.segments)
                    texts[chunk.job_id][chunk.idx, chunk.part] = said
                    if verdict.rest is not None:
                        batcher.submit(verdict.rest, first=True)
    return [" ".join(parts[place] for place in sorted(parts)) for parts in texts]


def chunks_of(job_id: int, audio: NDArray[np.int16], language: str) -> list[Chunk]:
    """Cut the samples of a recording as the daemon does, with its detection of speech."""
    chunker = Chunker(Options())
    cuts = [*chunker.feed(audio), *chunker.finish()]
    return [
        Chunk(job_id, idx, spans, cut, language=language, full_context=False, noise_db=noise_db, doubtful=doubtful)
        for idx, (spans, cut, noise_db, doubtful, _) in enumerate(cuts)
    ]
