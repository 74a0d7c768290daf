"""Devices as engines name them, and how many batches are usual on each (runs in the engine child)."""

import os
from dataclasses import dataclass
from pathlib import Path

import ctranslate2

from daemon.config.parallelism import Parallelism
from daemon.errors import ASK_THE_DOCTOR, Unavailable
from daemon.processes.protocol import LoadModel

BATCH_SIZE = {"cpu": 4, "cuda": 16}
"""Chunks per batch. On a CPU more do not pay with most models (docs/performance.md)."""
NARROW, NARROW_BATCH_SIZE = 384, 6
"""Models as narrow as `tiny` spend most of a step on going through the weights, whether for four chunks or for six:
15 minutes take a tenth less. With `base` that gains 6 % and takes 15 % more memory."""
CUDA_WORKERS = 2
"""One batch prepares and ends on the host while the other keeps the device busy."""


@dataclass(frozen=True, slots=True)
class Placement:
    """A device as CTranslate2 names it, and the compute type on it."""

    device: str
    """cpu or cuda."""
    index: int
    compute_type: str

    @property
    def name(self) -> str:
        """The device as `model.device` names it: cpu, cuda:0, cuda:1 and so on."""
        return self.device if self.device == "cpu" else f"{self.device}:{self.index}"


def device_of(wanted: str) -> tuple[str, int]:
    """Return the kind of device, `cpu` or `cuda`, and its number, for `auto`, `cpu`, `cuda` or `cuda:N`.

    Raises:
        Unavailable: the machine does not have this device.
    """
    count = ctranslate2.get_cuda_device_count()
    if wanted == "cpu" or (wanted == "auto" and not count):
        return "cpu", 0
    index = int(wanted.partition(":")[2] or 0)
    if index >= count:
        raise Unavailable(
            f"model.device {wanted!r} is not there: {count} CUDA devices are visible",
            "check nvidia-smi and the CUDA libraries, or set model.device = 'cpu'",
        )
    return "cuda", index


def layout(order: LoadModel, device: str, width: int | None = None) -> Parallelism:
    """Return what a model runs with: what the order says, else what is usual.

    Args:
        order: What to load.
        device: `cpu` or `cuda`.
        width: The model's `d_model`, if that is known.
    """
    on_cpu = device == "cpu"
    workers = len(os.sched_getaffinity(0)) if on_cpu else CUDA_WORKERS
    batch_size = NARROW_BATCH_SIZE if on_cpu and width and width <= NARROW else BATCH_SIZE[device]
    return Parallelism(order.workers or workers, order.cpu_threads or 1, order.batch_size or batch_size)


def unloadable(name: str, folder: Path, at: Placement, error: Exception) -> Unavailable:
    """Return the failure of a model whose files are here and cannot be loaded."""
    return Unavailable(
        f"model {name!r} in {folder} cannot be loaded on {at.name}: {error}",
        f"{ASK_THE_DOCTOR}: damaged files, too little memory, a missing library",
    )
