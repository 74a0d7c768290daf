"""Reads the weights of a CTranslate2 model (runs in the engine child, and in benchmarks).

The layout of `model.bin` is that of CTranslate2's `Model.save` (version 6 of its binary format).
"""

import mmap
import struct
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from daemon.errors import Unavailable

DTYPES = {0: np.float32, 1: np.int8, 2: np.int16, 3: np.int32, 4: np.float16}
BINARY_VERSION = 6
LARGEST = 127
"""Of 8 bits with a sign; CTranslate2 leaves out -128."""
ROWS = 256
"""Rows that are quantized at a time, so that they stay in the cache."""
Weights = dict[str, NDArray[Any]]


def read_weights(file: Path) -> Weights:
    """Return the arrays of a `model.bin` by name, as stored; they are read from the file when they are looked at.

    Raises:
        Unavailable: The file has another version of the format, or arrays of a kind that NumPy does not have.
    """
    return _read(file)[0]


def read_all(file: Path) -> Weights:
    """Return the same, and under their names those that are stored once because they are equal.

    Raises:
        Unavailable: As for `read_weights`.
    """
    weights, others = _read(file)
    return weights | {name: weights[stored] for name, stored in others}


def width_of(file: Path) -> int | None:
    """Return the width (`d_model`) of the Whisper model in a `model.bin`; None if the file does not tell."""
    try:
        return int(read_weights(file)["decoder/embeddings/weight"].shape[1])
    except Exception:  # what is wrong with a file is told when it is loaded
        return None


def _read(file: Path) -> tuple[Weights, list[tuple[str, str]]]:
    """Return the arrays, and which names stand for which others."""
    with file.open("rb") as stream:
        reader = _Reader(file, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ))
    version = reader.number("<I")
    if version != BINARY_VERSION:
        raise Unavailable(f"{file} has version {version} of CTranslate2's format, not {BINARY_VERSION}")
    reader.text()
    reader.number("<I")
    weights = dict(reader.variable() for _ in range(reader.number("<I")))
    return weights, [(reader.text(), reader.text()) for _ in range(reader.number("<I"))]


def let_go(weights: Weights) -> None:
    """Give back the memory of what was looked at; it is read from the file again when it is looked at again."""
    for mapped in {
        id(owner): owner for array in weights.values() if isinstance(owner := _owner(array), mmap.mmap)
    }.values():
        mapped.madvise(mmap.MADV_DONTNEED)


def layers(weights: Weights, side: str) -> int:
    """Return how many layers the `encoder` or the `decoder` has."""
    return len({name.split("/")[1] for name in weights if name.startswith(f"{side}/layer_")} - {"layer_norm"})


def quantized(weights: Weights, name: str) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """Return a matrix as 8 bits, and what each row is multiplied with: as CTranslate2 quantizes it when it loads it."""
    stored = weights[f"{name}/weight"]
    if stored.dtype == np.int8:
        return stored, (1.0 / weights[f"{name}/weight_scale"].reshape(-1)).astype(np.float32)
    small = np.empty(stored.shape, np.int8, order="F")  # as products with rows want it: column by column
    scales = np.empty(len(stored), np.float32)
    for at in range(0, len(stored), ROWS):
        part = stored[at : at + ROWS].astype(np.float32)
        largest = np.maximum(part.max(axis=1), -part.min(axis=1))
        largest[largest == 0] = LARGEST
        part *= (LARGEST / largest)[:, None]
        small[at : at + ROWS] = np.rint(part, out=part)
        scales[at : at + ROWS] = largest / LARGEST
    return small, scales


def _owner(array: Any) -> Any:
    while isinstance(array, np.ndarray):
        array = array.base
    return array.obj if isinstance(array, memoryview) else array


class _Reader:
    def __init__(self, path: Path, data: mmap.mmap) -> None:
        self._path = path
        self._data = data
        self._at = 0

    def number(self, form: str) -> int:
        (value,) = struct.unpack(form, self._take(struct.calcsize(form)))
        return int(value)

    def text(self) -> str:
        return self._take(self.number("<H")).rstrip(b"\0").decode()

    def variable(self) -> tuple[str, NDArray[Any]]:
        name = self.text()
        shape = [self.number("<I") for _ in range(self.number("<B"))]
        number = self.number("<B")
        if number not in DTYPES:
            raise Unavailable(f"{name} in {self._path} has CTranslate2's type {number}, which NumPy does not have")
        dtype = np.dtype(DTYPES[number])
        size = self.number("<I")
        self._at += size
        return name, np.frombuffer(self._data, dtype, size // dtype.itemsize, self._at - size).reshape(shape)

    def _take(self, size: int) -> bytes:
        self._at += size
        return self._data[self._at - size : self._at]
