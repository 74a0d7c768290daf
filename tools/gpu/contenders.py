"""The programs that are compared on a GPU, each loaded once and called by turns on the same samples."""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from daemon.bench import engine_loop
from daemon.chunk import SAMPLE_RATE, Chunk
from daemon.engine.registry import Runner
from daemon.transcribe.batcher import Batcher
from tools.gpu.engine import TOKENS_MAX

Sound = NDArray[np.int16]
Contender = Callable[[Sequence[Sound]], int]
"""Transcribes recordings, and returns how many characters came of it."""
WINDOW_S = 30
FIXED = {"language": "en", "temperature": 0.0, "max_new_tokens": TOKENS_MAX, "condition_on_previous_text": False}


def floats(sound: Sound) -> NDArray[np.float32]:
    """Return samples as faster-whisper and transformers take them."""
    return np.asarray(sound / 32768, dtype=np.float32)


def faster_whisper(model: Any, beam: int) -> Contender:
    """Return faster-whisper's sequential transcription."""

    def run(sounds: Sequence[Sound]) -> int:
        heard = (model.transcribe(floats(sound), beam_size=beam, **FIXED)[0] for sound in sounds)
        return sum(len(segment.text) for segments in heard for segment in segments)

    return run


def faster_whisper_batched(model: Any, beam: int, size: int) -> Contender:
    """Return faster-whisper's batched pipeline, which takes one recording at a time."""
    from faster_whisper import BatchedInferencePipeline

    pipeline = BatchedInferencePipeline(model)

    def run(sounds: Sequence[Sound]) -> int:
        heard = (pipeline.transcribe(floats(each), beam_size=beam, batch_size=size, **FIXED)[0] for each in sounds)
        return sum(len(segment.text) for segments in heard for segment in segments)

    return run


def transformers_batched(folder: Path, mels: int, device: str, size: int) -> Contender:
    """Return transformers with batches across recordings, in windows of 30 s, greedily, as it is fastest."""
    import torch
    from transformers import WhisperFeatureExtractor, WhisperForConditionalGeneration

    from tools.gpu.models import tell_tokens

    kind = torch.float16 if device == "cuda" else torch.float32
    model: Any = WhisperForConditionalGeneration.from_pretrained(folder, dtype=kind, attn_implementation="sdpa").to(
        device
    )
    tell_tokens(model.generation_config)
    extractor = WhisperFeatureExtractor(feature_size=mels)

    def run(sounds: Sequence[Sound]) -> int:
        step = WINDOW_S * SAMPLE_RATE
        windows = [floats(sound[at : at + step]) for sound in sounds for at in range(0, len(sound), step)]
        tokens = 0
        for at in range(0, len(windows), size):
            made = extractor(windows[at : at + size], sampling_rate=SAMPLE_RATE, return_tensors="pt", device=device)
            told = model.generate(
                made.input_features.to(device, kind), max_new_tokens=TOKENS_MAX, language="en", task="transcribe",
                num_beams=1, do_sample=False,
            )  # fmt: skip
            tokens += int(told.numel())
        return tokens

    return run


def chunks_of(sounds: Sequence[Sound]) -> list[Chunk]:
    """Cut recordings as the daemon does, with its detection of speech; several at once, as there are cores."""
    with ThreadPoolExecutor(min(16, len(os.sched_getaffinity(0)))) as pool:
        return [
            chunk
            for found in pool.map(partial(engine_loop.chunks_of, language="en"), range(len(sounds)), sounds)
            for chunk in found
        ]


def batches_of(chunks: Sequence[Chunk], size: int, **asked: Any) -> list[list[Chunk]]:
    """Return the daemon's batches of chunks, across recordings; `asked` are fields of the chunks."""
    batcher = Batcher()
    for chunk in chunks:
        batcher.submit(replace(chunk, **asked))
    batches = []
    while len(batcher):
        batches.append(batcher.take(size))
    return batches


def ours(model: Runner, workers: int, batches: Sequence[Sequence[Chunk]]) -> int:
    """Run batches through the daemon's engine as its child does, and return how many characters came of it."""
    with ThreadPoolExecutor(workers) as pool:
        heard = [decoded for results in pool.map(model.run, batches) for decoded in results]
    return sum(len(segment.text) for decoded in heard for segment in decoded.segments)
