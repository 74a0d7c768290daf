"""Reads the weights of a PyTorch checkpoint without PyTorch.

A checkpoint is a ZIP archive: a pickle that names the tensors, and a file of plain numbers for each. A pickle can name
any function of any module, to be called while it is read; here only those may be named that a tensor consists of.
"""

import pickle
import zipfile
from collections import OrderedDict
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

Weights = dict[str, NDArray[Any]]

STORAGES = {("torch", "FloatStorage"): "<f4", ("torch", "LongStorage"): "<i8"}
"""Kinds of numbers that a checkpoint may hold, by the names of PyTorch's classes."""


class BadCheckpoint(Exception):
    """The file is no checkpoint that holds nothing but tensors."""


def read(file: Path | IO[bytes]) -> Weights:
    """Return the tensors of a checkpoint by name.

    Raises:
        BadCheckpoint: It is none, is damaged, or holds something else.
    """
    try:
        with zipfile.ZipFile(file) as archive:
            return _read(archive)
    except (zipfile.BadZipFile, pickle.UnpicklingError, EOFError, OSError) as error:
        raise BadCheckpoint(str(error) or type(error).__name__) from error
    except (AttributeError, IndexError, KeyError, MemoryError, TypeError, ValueError) as error:
        # A pickle is a program: one that is not what it should be fails in any of these ways.
        raise BadCheckpoint(f"it cannot be read: {error}") from error


def _read(archive: zipfile.ZipFile) -> Weights:
    indexes = [name for name in archive.namelist() if name.endswith("/data.pkl")]
    if len(indexes) != 1:
        raise BadCheckpoint("it has no data.pkl")
    folder = indexes[0].removesuffix("data.pkl")
    found = _Unpickler(archive, folder, archive.read(indexes[0])).load()
    if not isinstance(found, dict):
        raise BadCheckpoint("it holds something else than named tensors")
    return {_name(name): _tensor(name, value) for name, value in found.items()}


def _name(name: Any) -> str:
    if not isinstance(name, str):
        raise BadCheckpoint(f"a tensor has the name {name!r}")
    return name


def _tensor(name: str, value: Any) -> NDArray[Any]:
    if not isinstance(value, np.ndarray):
        raise BadCheckpoint(f"{name} is no tensor")
    return value


class _Unpickler(pickle.Unpickler):
    def __init__(self, archive: zipfile.ZipFile, folder: str, index: bytes) -> None:
        super().__init__(BytesIO(index))
        self._archive = archive
        self._folder = folder

    def find_class(self, module: str, name: str) -> Any:
        """Return what stands for a name in the pickle: one of the few that are allowed."""
        if (module, name) in STORAGES:
            return STORAGES[module, name]
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return _rebuilt
        raise BadCheckpoint(f"it names {module}.{name}, which is no part of a tensor")

    def persistent_load(self, pid: Any) -> NDArray[Any]:
        """Return the numbers of a tensor, from their own file in the archive."""
        kind, dtype, key, _device, count = pid
        if kind != "storage" or dtype not in STORAGES.values():
            raise BadCheckpoint(f"it holds a {kind} of {dtype}")
        numbers = np.frombuffer(self._archive.read(f"{self._folder}data/{key}"), dtype)
        if len(numbers) != count:
            raise BadCheckpoint(f"{key} has {len(numbers)} numbers instead of {count}")
        return numbers


def _rebuilt(
    numbers: NDArray[Any], offset: int, shape: Sequence[int], strides: Sequence[int], *_of_training: Any
) -> NDArray[Any]:
    """Return a tensor; its numbers must lie one after another."""
    count = int(np.prod(shape, dtype=np.int64))
    straight = [int(np.prod(shape[at + 1 :], dtype=np.int64)) for at in range(len(shape))]
    if any(step != wanted for step, wanted, size in zip(strides, straight, shape, strict=True) if size > 1):
        raise BadCheckpoint(f"a tensor of the shape {tuple(shape)} has the strides {tuple(strides)}")
    return numbers[offset : offset + count].reshape(shape)
