"""The clip that a model must hear before it is trusted, and what it means if it cannot (runs in the engine child).

Some versions of CTranslate2 load a model on a card and then fail there, in every call or only in those that compute the
times of words. Both show with the clip, so that no recording pays for it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ctranslate2

from daemon.chunk import Word
from daemon.engine.clip import hear_clip
from daemon.engine.whisper import Whisper
from daemon.errors import ANOTHER_CTRANSLATE2, INSTALL_CUBLAS, Unavailable

CARDS = Path("/proc/driver/nvidia/gpus")
"""NVIDIA's driver has a folder for each card here, with its name in the file `information`."""
MISSING_LIBRARY = "cannot be loaded"
OUT_OF_MEMORY = "out of memory"


class Wordless(Whisper):
    """A model that gives no times of words, for a device on which computing them fails."""

    def _words(self, *_: Any) -> dict[int, list[list[Word]]]:
        return {}


@dataclass(frozen=True, slots=True)
class Models:
    """What is loaded for an order."""

    main: Whisper
    others: Mapping[str, Whisper]
    """The models of languages, by their codes."""


@dataclass(frozen=True, slots=True)
class Trusted:
    """Models that work on their device."""

    models: Models
    heard: str
    """The text of the clip."""
    word_fault: str = ""
    """Why they give no times of words, although this engine can; "" if they do."""


def trusted(make: Callable[[type[Whisper]], Models], device: str) -> Trusted:
    """Have models transcribe the clip, with the times of its words, and without them if that fails.

    Args:
        make: Loads the models, of this class.
        device: As `model.device` names it.

    Raises:
        Unavailable: They cannot transcribe on this device.
    """
    models = make(Whisper)
    try:
        return Trusted(models, _heard(models.main, device, words=True))
    except RuntimeError as error:
        why = str(error)
        if MISSING_LIBRARY in why or OUT_OF_MEMORY in why.lower():
            raise fault(device, why) from error
    # Loaded again: after an error of CUDA's, what lies on the card is not to be relied on (docs/facts.md, 9).
    del models
    models = make(Wordless)
    try:
        heard = _heard(models.main, device, words=False)
    except RuntimeError as error:
        raise fault(device, str(error)) from error
    return Trusted(models, heard, f"times of words cannot be computed {_where(device)}: {why}")


def fault(device: str, why: str) -> Unavailable:
    """Return the failure of a model that loads on a device and cannot transcribe there, with the way out."""
    if MISSING_LIBRARY in why:
        hint = INSTALL_CUBLAS
    elif OUT_OF_MEMORY in why.lower():
        hint = "something else may be using the memory; else a smaller model, an int8 compute type, fewer workers"
    else:
        hint = ANOTHER_CTRANSLATE2
    return Unavailable(f"the model is loaded, but cannot transcribe {_where(device)}: {why}", hint)


def cards(folder: Path = CARDS) -> list[str]:
    """Return the names of NVIDIA's cards in this machine, each once, as the driver gives them without being called."""
    found = []
    for file in sorted(folder.glob("*/information")):
        lines = file.read_text("utf-8", "replace").splitlines()
        found += [line.partition(":")[2].strip() for line in lines if line.startswith("Model:")]
    return list(dict.fromkeys(found))


def _where(device: str) -> str:
    """Return on what a model fails: device, card and version of CTranslate2, which is what a report has to say."""
    named = cards() if device != "cpu" else []
    card = f" ({', '.join(named)})" if named else ""
    return f"on {device}{card} with CTranslate2 {ctranslate2.__version__}"


def _heard(model: Whisper, device: str, *, words: bool) -> str:
    return hear_clip(model, full_context=device != "cpu", word_timestamps=words)
