"""Graphs that we write are read and computed by ONNX Runtime."""

import numpy as np
import onnxruntime
import pytest

from daemon.engine.generate.onnx_graph import Graph


def test_a_graph_is_computed_as_written() -> None:
    graph = Graph()
    rows = graph.input("rows", "float32", ["count", 3])
    shifted = graph.op("Add", rows, graph.const([1, 2, 3], np.float32))
    first, second = graph.many("Split", [shifted], 2, axis=0, num_outputs=2)
    graph.op("Transpose", first, perm=[1, 0], named="turned")
    graph.op("LeakyRelu", second, alpha=0.5, named="bent")
    graph.output("turned", "float32", [3, "half"])
    graph.output("bent", "float32", ["half", 3])
    session = onnxruntime.InferenceSession(graph.model(), providers=["CPUExecutionProvider"])
    given = np.array([[0, 0, 0], [1, 1, 1], [-9, 0, 0], [0, -9, 0]], np.float32)
    turned, bent = session.run(["turned", "bent"], {"rows": given})
    assert turned.tolist() == [[1, 2], [2, 3], [3, 4]]
    assert bent.tolist() == [[-4, 2, 3], [1, -3.5, 3]]


@pytest.mark.parametrize(
    ("dtype", "value"), [("int8", -128), ("uint8", 255), ("int32", -(2**31)), ("int64", 2**40), ("float32", 0.1)]
)
def test_constants_of_all_kinds(dtype: str, value: float) -> None:
    graph = Graph()
    graph.op("Identity", graph.const(np.full((2, 1), value, dtype)), named="same")
    graph.output("same", dtype, [2, 1])
    (same,) = onnxruntime.InferenceSession(graph.model(), providers=["CPUExecutionProvider"]).run(None, {})
    assert same.dtype == dtype and np.array_equal(same, np.full((2, 1), value, dtype))


def test_operators_of_onnx_runtime_itself() -> None:
    graph = Graph()
    graph.op("com.microsoft:QuickGelu", graph.input("x", "float32", [1]), alpha=1.0, named="y")
    graph.output("y", "float32", [1])
    session = onnxruntime.InferenceSession(graph.model(), providers=["CPUExecutionProvider"])
    assert session.run(None, {"x": np.array([0], np.float32)})[0].tolist() == [0]
