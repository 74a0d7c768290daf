"""A child that looks at models and devices for `transcribed doctor`, without loading a model or downloading one."""

import re
from multiprocessing.connection import Connection
from pathlib import Path

import ctranslate2

from daemon.config.engines import ONNX, WHISPER
from daemon.engine.devices import layout
from daemon.engine.generate.model_bin import width_of
from daemon.engine.loader import place
from daemon.engine.model_files import MODEL_FILE, PACKAGES, installed, sha256_of
from daemon.errors import TranscribedError, Unavailable
from daemon.processes.protocol import FindModel, FoundModel, LoadModel, Survey, Surveyed, Unready

BLOB = re.compile(r"[0-9a-f]{64}")
"""The Hugging Face cache names large files by their SHA-256, and links to them."""


def main(conn: Connection) -> None:
    """Answer one question; the end of the connection ends the child."""
    order: FindModel | Survey = conn.recv()
    try:
        conn.send(find(order) if isinstance(order, FindModel) else survey(order.load))
    except TranscribedError as error:
        conn.send(Unready(error.message, error.hint))
    conn.recv()


def find(order: FindModel) -> FoundModel:
    """Look for a model on this machine.

    Raises:
        Unavailable: no model can have this name, or an installed package is not the official model.
    """
    folder, weights = _onnx_weights(order.name) if order.engine == ONNX else _weights(order.name)
    if folder is None:
        return FoundModel(None, 0, "", None)
    sha256 = sha256_of(weights[0]) if order.hashed else ""
    total = sum(each.stat().st_size for each in weights)
    return FoundModel(str(folder), total, sha256, _expected(order.name, weights[0]))


def _weights(name: str) -> tuple[Path | None, list[Path]]:
    folder = installed(name)
    return folder, [] if folder is None else [folder / MODEL_FILE]


def _onnx_weights(name: str) -> tuple[Path | None, list[Path]]:
    # Whether there is a GPU does not matter here: what either would take is the model.
    try:
        from daemon.engine.onnx import files
    except ImportError as error:
        raise Unavailable(
            f"model.engine {ONNX!r} cannot be imported: {error}", "pip install 'transcribed[onnx]'"
        ) from error
    found = files.installed(name, tuple(files.QUANTIZATIONS))
    return (None, []) if found is None else (found.folder, found.weights)


def survey(order: LoadModel) -> Surveyed:
    """Return where an engine would put a model, and what that device says it can do.

    Raises:
        Unavailable: the machine does not have the device, or the device not the compute type.
    """
    at = place(order.device, order.compute_type)
    return Surveyed(
        device=at.name,
        compute_type=at.compute_type,
        compute_types=tuple(sorted(ctranslate2.get_supported_compute_types(at.device, at.index))),
        cuda_devices=ctranslate2.get_cuda_device_count(),
        layout=layout(order, at.device, _width(order)),
    )


def _width(order: LoadModel) -> int | None:
    """Return the width of a Whisper model that is here; where it is missing or wrong, `find` says so."""
    if order.engine != WHISPER or not order.name:
        return None
    try:
        folder = installed(order.name)
    except Unavailable:
        return None
    return None if folder is None else width_of(folder / MODEL_FILE)


def _expected(name: str, weights: Path) -> str | None:
    """Return the SHA-256 that weights should have: that of the hub, or of the package; None for a folder."""
    blob = weights.resolve().name
    if BLOB.fullmatch(blob):
        return blob
    return PACKAGES[name].sha256 if name in PACKAGES else None
