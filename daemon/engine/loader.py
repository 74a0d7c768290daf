"""The engine `whisper`: what `auto` means on this machine, and a warm model (runs in the engine child)."""

import time
from functools import lru_cache

import ctranslate2

from daemon.chunk import BOTH
from daemon.config.parallelism import Parallelism
from daemon.engine.by_language import ByLanguage
from daemon.engine.canary import Models, trusted
from daemon.engine.devices import Placement as Placement
from daemon.engine.devices import device_of, layout, unloadable
from daemon.engine.model_files import resolve
from daemon.engine.whisper import Whisper
from daemon.errors import Unavailable
from daemon.processes.protocol import LoadModel, Ready

COMPUTE_TYPES = {"cpu": ("int8", "float32"), "cuda": ("int8_float16", "int8_float32", "int8", "float16", "float32")}
"""What `auto` tries, in this order; the first one that the device supports is used."""


def place(device: str, compute_type: str) -> Placement:
    """Return where a model goes that is configured for this device and compute type.

    Raises:
        Unavailable: the machine does not have this device, or the device not this compute type.
    """
    name, index = device_of(device)
    return Placement(name, index, _compute_type(compute_type, name, index))


def load(order: LoadModel) -> tuple[Whisper | ByLanguage, Ready]:
    """Find the model, load it on the device, and have it transcribe a clip.

    With the clip, missing libraries and cards that fail show now, and the daemon can tell whether the device still
    computes what it did.

    Raises:
        Unavailable: the model, the device or the compute type is not available.
    """
    began = time.monotonic()
    at = place(order.device, order.compute_type)
    on_cpu = at.device == "cpu"
    runs = layout(order, at.device)
    works = trusted(lambda kind: _models(order, at, runs, kind), at.name)
    model, others = works.models.main, works.models.others
    runs = layout(order, at.device, model.width)
    return (ByLanguage(model, others) if others else model), Ready(
        model=order.models,
        device=at.name,
        compute_type=at.compute_type,
        workers=runs.workers,
        cpu_threads=runs.cpu_threads,
        batch_size=runs.batch_size,
        devices=1 if on_cpu else ctranslate2.get_cuda_device_count(),
        languages=model.languages,
        tasks=("transcribe", "translate", BOTH) if len(model.languages) > 1 else ("transcribe",),
        word_times=not works.word_fault,
        cut_context=True,
        policy="whisper",
        load_s=round(time.monotonic() - began, 2),
        canary=works.heard,
        word_fault=works.word_fault,
        decoder=model.decoder,
    )


def _models(order: LoadModel, at: Placement, runs: Parallelism, kind: type[Whisper]) -> Models:
    made = lru_cache(maxsize=None)(lambda name: _whisper(name, at, runs, kind, order.decoder))
    main, others = made(order.name), {code: made(name) for code, name in order.languages}
    for code, name in order.languages:
        if code not in others[code].languages:
            raise Unavailable(
                f"languages.{code}.model {name!r} knows no {code!r}", "name one that does, or leave it out"
            )
    return Models(main, others)


def _whisper(name: str, at: Placement, runs: Parallelism, kind: type[Whisper], decoder: str) -> Whisper:
    folder = resolve(name)
    try:
        return kind(folder, at.device, at.index, at.compute_type, runs.workers, runs.cpu_threads, decoder)
    except Unavailable:
        raise
    except Exception as error:  # its libraries raise nearly anything for files that are not what they should be
        raise unloadable(name, folder, at, error) from error


def _compute_type(wanted: str, device: str, index: int) -> str:
    supported = ctranslate2.get_supported_compute_types(device, index)
    if wanted == "auto":
        return next(compute_type for compute_type in COMPUTE_TYPES[device] if compute_type in supported)
    if wanted not in supported:
        raise Unavailable(
            f"model.compute_type {wanted!r} is not supported on this {device} device",
            f"it supports {', '.join(sorted(supported))}",
        )
    return wanted
