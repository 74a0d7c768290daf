"""What a step of `tools.gpu.check` is told, and how it measures."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from daemon.chunk import SAMPLE_RATE
from tools.gpu.watch import Watch

Row = dict[str, Any]
REAL = "tiny.en"
"""The model with real weights; all others are random, and what they say is noise."""


class Lacking(Exception):
    """This machine lacks what the step is about."""


@dataclass(frozen=True, slots=True)
class Order:
    """What a step is to do."""

    step: str
    argument: str
    """The model, where the step is about one: REAL, or the shape of a random one."""
    rows: str
    work: str
    """Where models and recordings are made, and found by later steps."""
    model: str
    """A model with real weights: a folder, or a name that is installed."""
    tokenizer: str
    """The folder with the files of a multilingual tokenizer."""
    cuda: bool
    small: bool
    """Whether to try everything on little work."""
    seconds: float
    """When this much time is used up, no further row is begun."""

    @property
    def device(self) -> str:
        """As CTranslate2 and torch name it."""
        return "cuda" if self.cuda else "cpu"

    @property
    def types(self) -> tuple[str, ...]:
        """The compute types, the most promising first."""
        return ("float16", "int8_float16", "int8") if self.cuda else ("int8",)

    @property
    def folder(self) -> Path:
        """The folder of the model, as CTranslate2 reads it."""
        if self.argument == REAL:
            from daemon.engine.model_files import resolve

            return resolve(self.model)
        made = Path(self.work) / self.argument
        if not (made / "model.bin").is_file():
            raise Lacking(f"the step models has not made {self.argument}")
        return made


def timed(sounds: Sequence[Any], work: Callable[[], int]) -> Row:
    """Run something, and return how fast it was and what the GPU had to do."""
    seconds = sum(len(sound) for sound in sounds) / SAMPLE_RATE
    with Watch() as watch:
        began = time.monotonic()
        characters = work()
        wall_s = time.monotonic() - began
    told = {"audio_s": round(seconds, 1), "wall_s": round(wall_s, 3), "x_real_time": round(seconds / wall_s, 1)}
    return {**told, "characters": characters, **watch.figures}
