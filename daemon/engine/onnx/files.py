"""The files of a model for ONNX Runtime: in a folder, in the hub's cache, or downloaded (runs in the engine child)."""

import json
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from onnx_asr.loader import create_asr_resolver
from onnx_asr.utils import ModelLoadingError

from daemon.config.languages import LANGUAGES
from daemon.config.onnx_models import REPOSITORIES, known
from daemon.errors import Unavailable

QUANTIZATIONS = {"int8": "int8", "float16": "fp16", "float32": None}
"""Compute types -> what stands in the names of the files: `encoder-model.int8.onnx`; float32 has no such mark."""
AUTO = {"cpu": ("int8", "float32"), "cuda": ("float16", "float32")}
"""What `auto` takes, by device, in this order: the first that the model has. int8 is slow on a GPU: ONNX Runtime has
no CUDA kernels for the products of weights that are quantized as these are, and does them on the CPU."""
CONFIG = "config.json"
EXAMPLE = "config.json, vocab.txt, encoder-model.int8.onnx, decoder_joint-model.int8.onnx"
COPY = f"copy the folder of an ONNX export here ({EXAMPLE}, or what its kind has) and set model.name to it"


@dataclass(frozen=True, slots=True)
class ModelFiles:
    """A model that is on this machine."""

    folder: Path
    kind: str | None
    """What onnx-asr is told that it is; None: what its config.json says."""
    compute_type: str
    paths: tuple[Path, ...]
    """The files that are loaded; of weights that lie beside their graph, only the graph."""

    @property
    def quantization(self) -> str | None:
        """The compute type as onnx-asr has it."""
        return QUANTIZATIONS[self.compute_type]

    @property
    def weights(self) -> list[Path]:
        """The files with weights, the largest first."""
        graphs = [path for path in self.paths if path.suffix in (".onnx", ".ort")]
        beside = [found for path in graphs for found in self.folder.glob(f"{path.name}?data")]
        return sorted([*graphs, *beside], key=lambda path: path.stat().st_size, reverse=True)


def compute_types(wanted: str, device: str) -> tuple[str, ...]:
    """Return the compute types to look for, the best first.

    Args:
        wanted: What is configured.
        device: `cpu` or `cuda`.

    Raises:
        Unavailable: there are no files of this type.
    """
    if wanted == "auto":
        return AUTO[device]
    if wanted not in QUANTIZATIONS:
        raise Unavailable(
            f"model.compute_type {wanted!r} is for Whisper models",
            f"with engine 'onnx' it is auto or one of {', '.join(QUANTIZATIONS)}: what files the model has",
        )
    return (wanted,)


def resolve(name: str, types: Sequence[str]) -> ModelFiles:
    """Return the files of a model, downloaded if they are not here.

    Args:
        name: A path with a slash in it, a short name, or an id on the hub.
        types: The compute types that will do, the best first.

    Raises:
        Unavailable: it cannot be found, or has no files of these types.
    """
    if found := installed(name, types):
        return found
    from daemon.engine.hub import fetched

    repository = REPOSITORIES.get(name, name)
    folder = fetched(name, repository, (CONFIG,), COPY)
    for compute_type in types:
        folder = fetched(name, repository, _wanted(name, folder, compute_type), COPY)
        if found := _found(name, folder, (compute_type,)):
            return found
    raise _no_files(name, folder, types)


def installed(name: str, types: Sequence[str]) -> ModelFiles | None:
    """Return the files of a model that is on this machine; None if it would have to be downloaded.

    Raises:
        Unavailable: no model can have this name, or a folder has no files of these types.
    """
    folder = Path(name).expanduser()
    if "/" in name and os.path.isdir(folder):
        if found := _found(name, folder, types):
            return found
        raise _no_files(name, folder, types)
    if "/" not in name and name not in REPOSITORIES:
        raise _unknown(name)
    from daemon.engine.hub import snapshot

    repository = REPOSITORIES.get(name, name)
    there = snapshot(name, repository, (CONFIG,))
    if there is not None:
        for compute_type in types:
            whole = snapshot(name, repository, _wanted(name, there, compute_type))
            if whole and (found := _found(name, whole, (compute_type,))):
                return found
    return None


def languages(name: str, folder: Path) -> tuple[str, ...]:
    """Return the codes of what a model knows: as its config.json has it, or as its name tells.

    Raises:
        Unavailable: neither says.
    """
    file = folder / CONFIG
    said = json.loads(file.read_text("utf-8")).get("languages") if file.is_file() else None
    if said is None and (model := known(name)):
        return model.languages
    if not said or not isinstance(said, list) or not set(said) <= LANGUAGES:
        raise Unavailable(
            f"which languages model {name!r} knows, neither its name nor {file} tells",
            f'add a line such as "languages": ["en", "de"] to {file}',
        )
    return tuple(said)


def _found(name: str, folder: Path, types: Iterable[str]) -> ModelFiles | None:
    kind = _kind(name)
    for compute_type in types:
        try:
            paths = create_asr_resolver(kind, folder).resolve_model(quantization=QUANTIZATIONS[compute_type])
        except FileNotFoundError:
            continue
        except (ModelLoadingError, OSError, ValueError, TypeError) as error:
            raise _unfit(name, folder, error) from error
        return ModelFiles(folder, kind, compute_type, tuple(paths.values()))
    return None


def _wanted(name: str, folder: Path, compute_type: str) -> tuple[str, ...]:
    """Return the files that a kind of model has, as patterns; large weights lie beside their graph."""
    try:
        kind = create_asr_resolver(_kind(name), folder).model_type
    except (ModelLoadingError, OSError, ValueError, TypeError) as error:
        raise _unfit(name, folder, error) from error
    files = kind._get_model_files(QUANTIZATIONS[compute_type]).values()
    return (CONFIG, *files, *(f"{file}?data" for file in files))


def _kind(name: str) -> str | None:
    return name if name in REPOSITORIES else None


def _unknown(name: str) -> Unavailable:
    nearest = " or ".join(map(repr, get_close_matches(name.lower(), REPOSITORIES)))
    return Unavailable(
        f"model {name!r} is neither a folder nor a model that engine 'onnx' knows"
        + (f"; did you mean {nearest}?" if nearest else ""),
        f"use a folder, a Hugging Face id (owner/name) or one of {', '.join(REPOSITORIES)}",
    )


def _no_files(name: str, folder: Path, types: Sequence[str]) -> Unavailable:
    if (folder / "model.bin").is_file():
        return Unavailable(f"model {name!r} in {folder} is one for CTranslate2", "set model.engine = 'whisper'")
    there = [each for each in QUANTIZATIONS if each not in types and _found(name, folder, (each,))]
    way_out = f"set model.compute_type = {there[0]!r}, which it has" if there else COPY
    return Unavailable(f"model {name!r} in {folder} is not whole, or has no files in {' or '.join(types)}", way_out)


def _unfit(name: str, folder: Path, error: Exception) -> Unavailable:
    return Unavailable(
        f"model {name!r} in {folder} is none that onnx-asr can load: {error}",
        f'{CONFIG} must name its kind, such as "model_type": "nemo-conformer-tdt"; docs/models.md has them',
    )
