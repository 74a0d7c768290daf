"""Finds the module of an engine and checks what it says it can do (runs in the engine child)."""

import importlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Protocol

from daemon.chunk import Chunk, Decoded
from daemon.config.engines import ENGINES, POLICIES, module_of, qualified
from daemon.errors import Unavailable
from daemon.processes.protocol import LoadModel, Ready


class Runner(Protocol):
    """A loaded model."""

    def run(self, chunks: Sequence[Chunk]) -> tuple[Decoded, ...]:
        """Transcribe chunks of one bucket, on any of `Ready.workers` threads; one result for each, in their order."""


Load = Callable[[LoadModel], tuple[Runner, Ready]]


def load(order: LoadModel) -> tuple[Runner, Ready]:
    """Load a model with the engine that the order names.

    Raises:
        Unavailable: the engine or the model cannot be loaded, or the daemon cannot work with what the engine can do.
    """
    name = module_of(order.engine)
    try:
        module = importlib.import_module(name)
    except ImportError as error:
        raise Unavailable(
            f"model.engine {order.engine!r} cannot be imported: {error}",
            f"pip install 'transcribed[{order.engine}]'"
            if order.engine in ENGINES
            else "a module of your own must be on PYTHONPATH or installed beside transcribed",
        ) from error
    engine_load: Load | None = getattr(module, "load", None)
    if engine_load is None:
        raise Unavailable(f"model.engine {order.engine!r} is not an engine: {name} has no function `load`")
    runner, ready = engine_load(order)
    if not ready.languages:
        raise Unavailable(f"model.engine {order.engine!r} knows no language")
    if ready.policy not in POLICIES:
        raise Unavailable(
            f"model.engine {order.engine!r} asks for the policy {ready.policy!r}", f"there are {', '.join(POLICIES)}"
        )
    return runner, replace(ready, model=qualified(ready.model, order.engine))
