"""Which model tells voices apart, and where it is on the disk."""

import hashlib
import re
from functools import cache
from pathlib import Path

from daemon.config.paths import packaged

USUAL = "campplus"
"""CAM++, which the thresholds were measured with."""
CAMPPLUS_SHA256 = "6f1ad15d94adddb8d329afa8b359d01a663f4146d74e53c47c22508abc6c0ce5"
"""Of the file that `daemon/speakers/campplus.py` builds."""
CAMPPLUS_8_BITS_SHA256 = "9b13b599a073eea3f6f1c8e9740e5a2fef55d53d8da4f5a9396eec44e90c3cd6"
"""Of the same in 8 bits."""
FOR_8_BITS = "avx512_vnni"
"""The flag of processors that add up products of bytes in one instruction; without, the sums may overflow, and 8 bits
gain little."""
CAMPPLUS = "campplus-4ea4598a8669"
"""What `known_as` calls it: the beginning of the SHA-256 of the file that was built first. Later ones compute the same
directions, but for rounding, of the same weights, so that voices that are kept stay comparable; so does that in 8 bits
(a cosine of 0.99)."""
SUFFIX = ".onnx"
ON_HUB = re.compile(r"\w[\w.-]*/\w[\w.-]*", re.ASCII)
"""Names of repositories on the Hugging Face hub: owner/name."""


def campplus() -> Path:
    """Return the file of CAM++, which is there once `transcribed speakers install` has been run."""
    return packaged() / f"{CAMPPLUS}{SUFFIX}"


def in_8_bits(file: Path) -> Path:
    """Return where a model is in 8 bits, if it is: beside it."""
    return file.with_name(f"{file.stem}-8-bits{SUFFIX}")


def speaker_model(name: str) -> Path:
    """Return the file of a model.

    Args:
        name: As `[speakers] model` has it: `campplus`, a file, or a repository of the hub, whose file is there once
            `transcribed speakers install --hub` has been run.
    """
    if name == USUAL:
        return campplus()
    if name.endswith(SUFFIX):
        return Path(name)
    return packaged() / f"{name.replace('/', '--')}{SUFFIX}"


def to_install(name: str) -> str:
    """Return what a person can do if the file of a model is not there."""
    if name == USUAL:
        return "transcribed speakers install"
    return "correct speakers.model" if name.endswith(SUFFIX) else f"transcribed speakers install --hub {name}"


@cache
def known_as(file: Path) -> str:
    """Return which model a voice was heard with: those of two models cannot be compared.

    Raises:
        OSError: The file cannot be read.
    """
    if file == campplus():
        return CAMPPLUS
    with file.open("rb") as content:
        return f"{file.stem}-{hashlib.file_digest(content, 'sha256').hexdigest()[:12]}"
