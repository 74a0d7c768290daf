"""Finds the module of an engine and checks what it says it can do (runs in the engine child)."""

import importlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Protocol

from daemon.chunk import Chunk, Decoded
from daemon.config.engines import ELSEWHERE_MODULE, ENGINES, POLICIES, module_of, qualified
from daemon.errors import Unavailable
from daemon.processes.protocol import LoadModel, Ready


class FailedElsewhere(Exception):
    """A batch, or the loading of a model, has failed on another machine.

    Args:
        message: What happened.
        hint: What a person can do about it.
        is_away: Whether that machine cannot be used now, whatever it is given.
        wait_s: For how long it asks to be left alone; 0 if it does not.
    """

    def __init__(self, message: str, hint: str = "", *, is_away: bool = False, wait_s: float = 0.0) -> None:
        super().__init__(f"{message}; {hint}" if hint else message)
        self.message, self.hint = message, hint
        self.is_away, self.wait_s = is_away, wait_s


class Runner(Protocol):
    """A loaded model."""

    def run(self, chunks: Sequence[Chunk]) -> tuple[Decoded, ...]:
        """Transcribe chunks of one bucket, on any of `Ready.workers` threads; one result for each, in their order.

        Raises:
            FailedElsewhere: What is computed on another machine has failed there; other errors are this one's.
        """


Load = Callable[[LoadModel], tuple[Runner, Ready]]


def load(order: LoadModel) -> tuple[Runner, Ready]:
    """Load a model with the engine that the order names.

    Raises:
        Unavailable: the engine or the model cannot be loaded, or the daemon cannot work with what the engine can do.
    """
    name = module_of(order.engine) if order.server is None else ELSEWHERE_MODULE
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
