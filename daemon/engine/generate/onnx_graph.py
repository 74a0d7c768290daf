"""Writes a graph of operators as ONNX (runs in the engine child).

Of the format (onnx.proto of the ONNX project) only what the decoder needs: tensors as constants, operators with whole
numbers, lists of them and fractions as attributes, inputs and outputs with named sizes.
"""

import struct
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

IR_VERSION = 10
OPERATORS = (("", 21), ("com.microsoft", 1))
"""Sets of operators and their versions: ONNX's own and ONNX Runtime's."""
ELEMENTS = {"float32": 1, "uint8": 2, "int8": 3, "int32": 6, "int64": 7}
"""Types of elements by numpy's names, as numbered by ONNX."""
LARGE = 65536
"""Bytes from which on a constant is not copied into the model."""
EXTERNAL = 1
"""Where a constant is if it is not in the model, as numbered by ONNX."""
FLOAT, INT, INTS = 1, 2, 7
"""Types of attributes, as numbered by ONNX."""


class Graph:
    """A graph that is built operator by operator; values go by their names."""

    def __init__(self) -> None:
        self.large: dict[str, NDArray[Any]] = {}
        """Large constants, which are given to ONNX Runtime as they are (`SessionOptions.add_external_initializers`)."""
        self._nodes: list[bytes] = []
        self._constants: list[bytes] = []
        self._inputs: list[bytes] = []
        self._outputs: list[bytes] = []
        self._count = 0

    def const(self, value: Any, dtype: type | None = None) -> str:
        """Add a constant and return its name."""
        array = np.ascontiguousarray(np.asarray(value, dtype)).reshape(np.shape(value))
        name = self._name("constant")
        head = b"".join(_number(1, size) for size in array.shape) + _number(2, ELEMENTS[array.dtype.name])
        if array.nbytes <= LARGE:
            self._constants.append(head + _bytes(8, name) + _bytes(9, array.tobytes()))
        else:
            place = _bytes(13, _bytes(1, "location") + _bytes(2, "memory"))
            self._constants.append(head + _bytes(8, name) + place + _number(14, EXTERNAL))
            self.large[name] = array
        return name

    def input(self, name: str, dtype: str, shape: Sequence[str | int]) -> str:
        """Declare an input and return its name; sizes that differ from call to call have names."""
        self._inputs.append(_value(name, dtype, shape))
        return name

    def output(self, name: str, dtype: str, shape: Sequence[str | int]) -> None:
        """Declare that a value is an output."""
        self._outputs.append(_value(name, dtype, shape))

    def many(self, kind: str, inputs: Sequence[str], outputs: int | Sequence[str], **attributes: Any) -> list[str]:
        """Add an operator with several outputs, given by number or name, and return their names."""
        names = [self._name(kind) for _ in range(outputs)] if isinstance(outputs, int) else list(outputs)
        domain, _, operator = kind.rpartition(":")
        self._nodes.append(
            b"".join(_bytes(1, name) for name in inputs)
            + b"".join(_bytes(2, name) for name in names)
            + _bytes(4, operator)
            + b"".join(_bytes(5, _attribute(name, value)) for name, value in attributes.items())
            + _bytes(7, domain)
        )
        return names

    def op(self, kind: str, *inputs: str, named: str = "", **attributes: Any) -> str:
        """Add an operator with one output and return its name; kind is `Operator` or `com.microsoft:Operator`."""
        return self.many(kind, inputs, [named or self._name(kind)], **attributes)[0]

    def model(self) -> bytes:
        """Return the graph as a serialized ONNX model."""
        graph = b"".join(
            [
                *(_bytes(1, node) for node in self._nodes),
                _bytes(2, "graph"),
                *(_bytes(5, constant) for constant in self._constants),
                *(_bytes(11, value) for value in self._inputs),
                *(_bytes(12, value) for value in self._outputs),
            ]
        )
        sets = (_bytes(8, _bytes(1, domain) + _number(2, version)) for domain, version in OPERATORS)
        return b"".join([_number(1, IR_VERSION), _bytes(7, graph), *sets])

    def _name(self, kind: str) -> str:
        self._count += 1
        return f"{kind.rpartition(':')[2]}_{self._count}"


def _attribute(name: str, value: Any) -> bytes:
    head = _bytes(1, name)
    if isinstance(value, float):
        return head + _varint(2 << 3 | 5) + struct.pack("<f", value) + _number(20, FLOAT)
    if isinstance(value, int):
        return head + _number(3, value) + _number(20, INT)
    return head + b"".join(_number(8, item) for item in value) + _number(20, INTS)


def _value(name: str, dtype: str, shape: Sequence[str | int]) -> bytes:
    sizes = b"".join(_bytes(1, _bytes(2, size) if isinstance(size, str) else _number(1, size)) for size in shape)
    tensor = _number(1, ELEMENTS[dtype]) + _bytes(2, sizes)
    return _bytes(1, name) + _bytes(2, _bytes(1, tensor))


def _number(field: int, value: int) -> bytes:
    return _varint(field << 3) + _varint(value)


def _bytes(field: int, value: bytes | str) -> bytes:
    data = value.encode() if isinstance(value, str) else value
    return _varint(field << 3 | 2) + _varint(len(data)) + data


def _varint(value: int) -> bytes:
    """Return a number in groups of 7 bits, the lowest first; negative ones as 64 bits (protocol buffers)."""
    value &= (1 << 64) - 1
    groups = bytearray()
    while value > 127:
        groups.append(value & 127 | 128)
        value >>= 7
    groups.append(value)
    return bytes(groups)
