"""Checkpoints as PyTorch writes them, made without PyTorch."""

import pickle
import sys
import zipfile
from io import BytesIO
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray


class FloatStorage:
    """Stands for PyTorch's class of this name."""


class LongStorage:
    """The same."""


def _rebuild_tensor_v2(*_: Any) -> None:
    """Stands for PyTorch's function of this name."""


KINDS: dict[str, Any] = {"float32": FloatStorage, "int64": LongStorage}


class Stored:
    """A tensor as a checkpoint has it."""

    def __init__(self, array: NDArray[Any], offset: int = 0, strides: tuple[int, ...] | None = None) -> None:
        self.array = array
        self.offset = offset
        self.strides = strides or tuple(step // array.itemsize for step in np.array(array, order="C").strides)

    def __reduce__(self) -> Any:
        arguments: tuple[Any, ...] = (self.array.reshape(-1), self.offset, self.array.shape, self.strides, False, {})
        return _rebuild_tensor_v2, arguments


def checkpoint(path: Path, content: Any, monkeypatch: pytest.MonkeyPatch, count: int | None = None) -> Path:
    """Write a checkpoint.

    Args:
        path: Where.
        content: What it holds; tensors as `Stored`.
        monkeypatch: Hides what stands for PyTorch again after the test.
        count: How many numbers each tensor says that it has, if not as many as it has.
    """
    torch, utils = ModuleType("torch"), ModuleType("torch._utils")
    for kind in KINDS.values():
        monkeypatch.setattr(kind, "__module__", "torch")
        setattr(torch, kind.__name__, kind)
    monkeypatch.setattr(_rebuild_tensor_v2, "__module__", "torch._utils")
    setattr(utils, _rebuild_tensor_v2.__name__, _rebuild_tensor_v2)
    monkeypatch.setitem(sys.modules, "torch", torch)
    monkeypatch.setitem(sys.modules, "torch._utils", utils)
    arrays: list[NDArray[Any]] = []

    class Pickler(pickle.Pickler):
        def persistent_id(self, obj: Any) -> Any:
            if not isinstance(obj, np.ndarray):
                return None
            arrays.append(obj)
            return "storage", KINDS[obj.dtype.name], str(len(arrays) - 1), "cpu", count or len(obj)

    index = BytesIO()
    Pickler(index, protocol=2).dump(content)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", index.getvalue())
        for key, array in enumerate(arrays):
            archive.writestr(f"archive/data/{key}", array.tobytes())
    return path
