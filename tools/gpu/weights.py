"""Half the size of a model, to carry it: a CTranslate2 `model.bin` in float16 → the same in int8_float16.

The matrices of linear layers and embeddings are quantized row by row, as CTranslate2's own converter does; what is
loaded in another compute type is multiplied back, so errors are those of int8 whatever it runs in.
"""

import struct
from pathlib import Path
from typing import BinaryIO

import numpy as np

from daemon.engine.generate import model_bin
from daemon.engine.generate.model_bin import DTYPES, Weights, read_weights

IDS = {np.dtype(kind): number for number, kind in DTYPES.items()}


def quantize(source: Path, target: Path) -> None:
    """Write the weights of one file to another one, in int8."""
    weights = quantized(read_weights(source))
    with source.open("rb") as old, target.open("wb") as new:
        new.write(_head(old))
        new.write(struct.pack("<I", len(weights)))
        for name, value in weights.items():
            _write_text(new, name)
            new.write(struct.pack(f"<B{value.ndim}I", value.ndim, *value.shape))
            new.write(struct.pack("<BI", IDS[value.dtype], value.nbytes))
            new.write(value.tobytes())
        new.write(_aliases(old))


def quantized(weights: Weights) -> Weights:
    """Return weights with the matrices in int8, each with the scale of its rows beside it."""
    made: Weights = {}
    for name, value in weights.items():
        if value.ndim != 2 or not name.endswith("/weight"):
            made[name] = value
            continue
        made[name], factors = model_bin.quantized(weights, name.removesuffix("/weight"))
        made[f"{name}_scale"] = 1 / factors
    return dict(sorted(made.items()))


def _head(stream: BinaryIO) -> bytes:
    """Return the versions and the name of the kind of model that a file begins with."""
    version = stream.read(4)
    (length,) = struct.unpack("<H", size := stream.read(2))
    return version + size + stream.read(length + 4)


def _aliases(stream: BinaryIO) -> bytes:
    """Return what follows the variables in a file whose head has been read."""
    (count,) = struct.unpack("<I", stream.read(4))
    for _ in range(count):
        stream.seek(struct.unpack("<H", stream.read(2))[0], 1)
        stream.seek(4 * stream.read(1)[0] + 1, 1)
        stream.seek(struct.unpack("<I", stream.read(4))[0], 1)
    return stream.read()


def _write_text(stream: BinaryIO, text: str) -> None:
    data = text.encode() + b"\0"
    stream.write(struct.pack("<H", len(data)) + data)
