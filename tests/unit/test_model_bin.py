"""Weights of `model.bin`: read as they were stored, quantized as CTranslate2 does it."""

import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from daemon.engine.generate.model_bin import LARGEST, layers, quantized, read_all, read_weights
from daemon.errors import Unavailable


def stored(path: Path, version: int = 6, **arrays: Any) -> Path:
    """Write arrays as CTranslate2 does; `__` in a name stands for a slash."""

    def text(value: str) -> bytes:
        return struct.pack("<H", len(value) + 1) + value.encode() + b"\0"

    numbers = {"float32": 0, "int8": 1, "float16": 4}
    data = struct.pack("<I", version) + text("WhisperSpec") + struct.pack("<II", 3, len(arrays))
    for name, array in arrays.items():
        data += text(name.replace("__", "/")) + struct.pack("<B", array.ndim)
        data += struct.pack(f"<{array.ndim}I", *array.shape)
        data += struct.pack("<BI", numbers[array.dtype.name], array.nbytes) + array.tobytes()
    aliases = {"decoder/same/a": "decoder/layer_0/a"} if "decoder__layer_0__a" in arrays else {}
    data += struct.pack("<I", len(aliases)) + b"".join(text(part) for pair in aliases.items() for part in pair)
    path.write_bytes(data)
    return path


def test_arrays_are_read_as_they_were_stored(tmp_path: Path) -> None:
    half = np.arange(6, dtype=np.float16).reshape(2, 3)
    small = np.array([[-1, 2]], np.int8)
    found = read_weights(stored(tmp_path / "model.bin", decoder__layer_0__a=half, decoder__layer_1__b=small))
    assert list(found) == ["decoder/layer_0/a", "decoder/layer_1/b"]
    expected: Any
    for array, expected in zip(found.values(), (half, small), strict=True):
        assert array.dtype == expected.dtype and np.array_equal(array, expected)
    assert layers(found, "decoder") == 2 and layers(found, "encoder") == 0
    everything = read_all(tmp_path / "model.bin")
    assert everything.keys() - found.keys() == {"decoder/same/a"}
    assert everything["decoder/same/a"] is everything["decoder/layer_0/a"]


def test_another_version_is_named(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="version 5"):
        read_weights(stored(tmp_path / "model.bin", version=5))


def test_floats_are_quantized_row_by_row() -> None:
    matrix = np.random.default_rng(1).normal(size=(600, 48)).astype(np.float16)
    matrix[7] = 0
    small, factors = quantized({"a/weight": matrix}, "a")
    assert small.dtype == np.int8 and np.abs(small).max(axis=1).tolist() == [
        0 if row == 7 else LARGEST for row in range(600)
    ]
    assert np.abs(small * factors[:, None] - matrix).max() <= factors.max() * 0.501


def test_bytes_stay_as_they_are() -> None:
    matrix, scale = np.array([[1, -127], [64, 3]], np.int8), np.array([2.0, 4.0], np.float32)
    small, factors = quantized({"a/weight": matrix, "a/weight_scale": scale}, "a")
    assert small.tolist() == [[1, -127], [64, 3]] and factors.tolist() == [0.5, 0.25]


def test_a_kind_of_number_that_numpy_does_not_have_is_named(tmp_path: Path) -> None:
    path = stored(tmp_path / "model.bin", decoder__b=np.zeros((1, 2), np.float16))
    bfloat16, data = 5, bytearray(path.read_bytes())
    data[data.index(struct.pack("<BI", 4, 4))] = bfloat16
    path.write_bytes(data)
    with pytest.raises(Unavailable, match=r"decoder/b in .* has CTranslate2's type 5"):
        read_weights(path)
