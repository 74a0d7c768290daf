"""Settings for common machines: what a name in `[model] preset` or `--preset` stands for, and whether it fits. Pure.

The GPU rows follow the article that the project grew from (large-v3 on an RTX 4090 D, an RTX 3090 and an A100), with
two or three workers rather than its four to eight, for batches are filled from many recordings: all that a second
worker does is prepare a batch on the host while another one runs, each takes memory for a batch of its own, and with
eight large-v3 would not fit. The CPU rows are measured (docs/performance.md).
"""

from dataclasses import dataclass
from math import sqrt


@dataclass(frozen=True, slots=True)
class Preset:
    """Values for what the configuration leaves on `auto`; None leaves `auto` in place."""

    device: str
    compute_type: str
    batch_size: int
    workers: int | None
    memory_gb: float
    """Memory of the device; 0 stands for the host's."""
    why: str


PRESETS = {
    "rtx4090": Preset("cuda", "int8_float16", 16, 2, 24, "24 GB; int8 weights, float16 arithmetic"),
    "rtx3090": Preset("cuda", "int8", 16, 2, 24, "24 GB; int8 throughout, as its float16 gains little"),
    "a100": Preset("cuda", "int8_float16", 32, 2, 40, "40 GB; larger batches"),
    "h100": Preset("cuda", "int8_float16", 32, 3, 80, "80 GB; so fast that preparing a batch takes the host as long"),
    "cpu": Preset("cpu", "int8", 4, None, 0, "a worker a core, one thread each; larger batches gain little"),
    "edge": Preset("cpu", "int8", 1, 1, 0, "least memory: one worker, one chunk at a time"),
}

BYTES_PER_WEIGHT = {"float32": 4.0, "int8": 1.0, "int8_float32": 1.0, "int16": 2.0, "float16": 2.0, "bfloat16": 2.0}
"""int8_float16 and int8_bfloat16 count as int8, too; the margin below covers embeddings and norms, which stay wider."""
STORED_BYTES_PER_WEIGHT = 2.0
"""The published models are stored as float16."""
WORK_MB_PER_CHUNK = 60.0
"""Activations and beams of one chunk at full context: measured 45 MB for tiny.en and 55 MB for base in float32."""
LIBRARIES_MB = 250.0
"""Memory of an engine process without a model."""


def needed_mb(model_bytes: int, compute_type: str, workers: int, batch_size: int) -> float:
    """Estimate an engine's memory in MB, to within about a third.

    Args:
        model_bytes: Size of model.bin as published, in float16.
        compute_type: The compute type that the weights are converted to.
        workers: Batches that run at once.
        batch_size: Chunks per batch.
    """
    per_weight = BYTES_PER_WEIGHT.get(compute_type, 1.0)
    weights_mb = model_bytes / STORED_BYTES_PER_WEIGHT * per_weight / 1e6
    # Activations grow with the width of the model, that is, with the square root of the number of its weights.
    width = max(1.0, sqrt(model_bytes / 75e6))
    return LIBRARIES_MB + weights_mb * 1.2 + WORK_MB_PER_CHUNK * width * workers * batch_size


def advice(model_bytes: int, compute_type: str, workers: int, batch_size: int, memory_mb: float) -> str:
    """Say in one sentence whether this fits into the memory, and what to change if it does not."""
    needed = needed_mb(model_bytes, compute_type, workers, batch_size)
    told = f"about {needed:.0f} MB of {memory_mb:.0f} MB"
    if needed <= 0.9 * memory_mb:
        return f"fits: {told}"
    while batch_size > 1 and needed_mb(model_bytes, compute_type, workers, batch_size) > 0.9 * memory_mb:
        batch_size //= 2
    if needed_mb(model_bytes, compute_type, workers, batch_size) <= 0.9 * memory_mb:
        return f"does not fit: {told}; set model.batch_size = {batch_size}"
    if needed_mb(model_bytes, compute_type, 1, 1) <= 0.9 * memory_mb:
        return f"does not fit: {told}; set model.workers = 1 and model.batch_size = 1"
    smaller = "an int8 compute type" if BYTES_PER_WEIGHT.get(compute_type, 1.0) > 1 else "a smaller model"
    return f"does not fit: {told}; use {smaller}"
