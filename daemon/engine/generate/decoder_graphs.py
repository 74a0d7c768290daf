"""The decoder of a Whisper model as graphs for ONNX Runtime, with 8-bit weights that it packs once.

Activations are quantized row by row as CTranslate2 does it: 127 for the largest value of the row. What the encoder
heard is kept in 8 bits, too, channel by channel, for much of a step is spent on reading it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import sqrt

import numpy as np
from numpy.typing import NDArray

from daemon.engine.generate.model_bin import LARGEST, Weights, layers, quantized
from daemon.engine.generate.onnx_graph import Graph

MICROSOFT = "com.microsoft:"
EPSILON = 1e-5
ZERO = 128
"""What stands for 0 in unsigned 8 bits."""
QUERY_ZERO, QUERY_LARGEST = 64, 63
"""Queries have 7 bits: without VNNI, CPUs add products of bytes in pairs in 16 bits, which must not overflow."""
GROUP = 64
"""Of each 64 tokens the likeliest is looked for first, which is quicker than to sort the vocabulary."""
TO_FLOAT, TO_BYTE = 1, 2
LEAST = 1e-9
"""Scale of rows that are all zero."""


@dataclass(frozen=True, slots=True)
class Shape:
    """Sizes of a decoder."""

    layers: int
    heads: int
    width: int
    vocabulary: int
    text: int
    """How many tokens come before the special ones: the number of `<|endoftext|>`."""

    @property
    def head(self) -> int:
        """The width of a head."""
        return self.width // self.heads

    @property
    def padded_text(self) -> int:
        """The number of text tokens, rounded up to whole groups."""
        return -(-self.text // GROUP) * GROUP

    @property
    def cache(self) -> list[str]:
        """The names of the keys and values of the tokens so far, two for each layer."""
        return [f"{part}{layer}" for layer in range(self.layers) for part in ("key", "value")]

    @property
    def memory(self) -> list[str]:
        """The names of what is kept of the speech, five arrays for each layer."""
        parts = ("keys", "values", "offset", "key_scale", "value_scale")
        return [f"memory_{part}{layer}" for layer in range(self.layers) for part in parts]


def shape_of(weights: Weights, text: int) -> Shape:
    """Return the sizes of the decoder."""
    vocabulary, width = weights["decoder/embeddings/weight"].shape
    return Shape(layers(weights, "decoder"), int(weights["decoder/num_heads"]), width, vocabulary, text)


def memory_graph(weights: Weights, shape: Shape, order: NDArray[np.int64]) -> Graph:
    """Return the graph from the encoder's output of one item, (time, width), to keys and values of each layer.

    The output's channels come in this order. The product is turned round, weights by speech, so that each channel of
    keys and values is a row that is quantized for itself. The bias of the values is added after the attention, whose
    weights have the sum 1.
    """
    graph = Graph()
    encoded = graph.input("encoded", "float32", ["time", shape.width])
    zero = graph.input("zero", "int8", ["time"])
    outside = graph.input("outside", "float32", ["time"])
    last, half = graph.const([-1], np.int64), graph.const([shape.width] * 2, np.int64)
    one, middle = graph.const(1, np.float32), graph.const(ZERO, np.uint8)
    unit, least = graph.const(1 / LARGEST, np.float32), graph.const(LEAST, np.float32)
    rows = graph.const(np.zeros(2 * shape.width, np.int8))
    heads = graph.const([1, shape.heads, shape.head, -1], np.int64)
    scales = graph.const([1, shape.heads, 1, shape.head], np.int64)
    channels, query_zero = graph.const([2], np.int64), graph.const(QUERY_ZERO, np.float32)

    def scale(rows: str) -> str:
        largest = graph.op("ReduceMax", graph.op("Abs", rows), last, keepdims=0)
        return graph.op("Max", graph.op("Mul", largest, unit), least)

    by_time = scale(encoded)
    speech = graph.op("Transpose", graph.op("QuantizeLinear", encoded, by_time, zero, axis=0), perm=[1, 0])
    for layer in range(shape.layers):
        stored, factors = quantized(weights, f"decoder/layer_{layer}/attention/linear_1")
        factors = factors.copy()
        factors[: shape.width] /= sqrt(shape.head)
        weight = graph.const((stored[:, order].astype(np.int16) + ZERO).astype(np.uint8))
        made = graph.op(MICROSOFT + "MatMulIntegerToFloat", weight, speech, one, by_time, middle)
        by_channel = scale(made)
        keys, values = graph.many(
            "Split", [graph.op("QuantizeLinear", made, by_channel, rows, axis=0), half], 2, axis=0
        )
        factor = graph.op("Mul", by_channel, graph.const(factors))
        key_scale, value_scale = graph.many("Split", [factor, half], 2, axis=0)
        name = f"{layer}"
        keys = graph.op("Reshape", keys, heads, named="memory_keys" + name)
        graph.op("Transpose", graph.op("Reshape", values, heads), perm=[0, 1, 3, 2], named="memory_values" + name)
        graph.op("Reshape", key_scale, scales, named="memory_key_scale" + name)
        graph.op("Reshape", value_scale, scales, named="memory_value_scale" + name)
        total = graph.op("ReduceSum", graph.op("Cast", keys, to=TO_FLOAT), channels, keepdims=1)
        graph.op("Add", graph.op("Mul", total, query_zero), outside, named="memory_offset" + name)
    _memory(shape, graph.output)
    return graph


def paired(loudness: NDArray[np.float32]) -> NDArray[np.int64]:
    """Return an order of channels in which loud ones stand next to quiet ones.

    Some channels of the encoder's output are twenty times as loud as most. Without VNNI, CPUs add products in pairs in
    16 bits; two loud ones together overflow, which doubled the error of the keys.
    """
    falling = np.argsort(-loudness, kind="stable")
    order = np.empty_like(falling)
    order[0::2] = falling[: len(falling) // 2]
    order[1::2] = falling[len(falling) // 2 :][::-1]
    return order


def reorder_graph(shape: Shape) -> Graph:
    """Return the graph that takes rows out of the keys and values of the tokens so far."""
    graph = Graph()
    rows = graph.input("rows", "int64", ["rows"])
    for name in shape.cache:
        past = graph.input("past_" + name, "float32", ["before", shape.heads, "length", shape.head])
        graph.op("Gather", past, rows, named=name)
        graph.output(name, "float32", ["rows", shape.heads, "length", shape.head])
    return graph


def step_graph(weights: Weights, shape: Shape) -> Graph:
    """Return the graph from embedded tokens to what is likely to follow."""
    return _Step(weights, shape).build()


def _memory(shape: Shape, declare: Callable[[str, str, Sequence[str | int]], object]) -> None:
    sizes: dict[str, tuple[str, list[str | int]]] = {
        "keys": ("int8", ["items", shape.heads, shape.head, "time"]),
        "values": ("int8", ["items", shape.heads, "time", shape.head]),
        "offset": ("float32", ["items", shape.heads, 1, "time"]),
        "key_scale": ("float32", ["items", shape.heads, 1, shape.head]),
        "value_scale": ("float32", ["items", shape.heads, 1, shape.head]),
    }
    for name in shape.memory:
        dtype, dimensions = sizes[name.removeprefix("memory_").rstrip("0123456789")]
        declare(name, dtype, dimensions)


class _Step:
    def __init__(self, weights: Weights, shape: Shape) -> None:
        self._weights = weights
        self._shape = shape
        self._graph = graph = Graph()
        self._last = graph.const([-1], np.int64)
        self._flat = graph.const([-1, shape.width], np.int64)
        self._one = graph.const(1, np.float32)
        self._middle = graph.const(ZERO, np.uint8)
        self._unit = graph.const(1 / LARGEST, np.float32)

    def build(self) -> Graph:
        """Return the graph.

        Inputs: the embedded tokens (rows, width), positions of a row after one another; the zeros of as many rows in 8
        bits, and of as many as are asked for; which rows are asked for; how likely text tokens are made beforehand
        (0, or very negative); how many of the likeliest text tokens are wanted; the shapes to attend in; the keys and
        values so far; the memory; which heads of each layer are to tell what they attend to. Outputs: logits of the
        likeliest text tokens, where they are, the logarithm of the sum of all text tokens, logits of the other tokens;
        the keys and values so far; what these heads attend to.
        """
        graph, shape = self._graph, self._shape
        hidden = graph.input("embedded", "float32", ["tokens", shape.width])
        graph.input("zeros", "uint8", ["tokens"])
        graph.input("asked_zeros", "uint8", ["asked"])
        graph.input("asked", "int64", ["asked"])
        graph.input("bias", "float32", [shape.padded_text])
        graph.input("best", "int64", [1])
        graph.input("own_shape", "int64", [3])
        graph.input("memory_shape", "int64", [4])
        _memory(shape, graph.input)
        normed = graph.op("LayerNormalization", hidden, *self._norm("layer_0/self_attention"), axis=-1, epsilon=EPSILON)
        for layer in range(shape.layers):
            normed, hidden = self._layer(layer, normed, hidden)
        self._vocabulary(normed)
        return graph

    def _layer(self, layer: int, normed: str, hidden: str) -> tuple[str, str]:
        name = f"layer_{layer}"
        own = self._own_attention(layer, normed)
        normed, hidden = self._join(own, hidden, f"{name}/self_attention/linear_1", f"{name}/attention")
        heard = self._heard_attention(layer, normed)
        normed, hidden = self._join(heard, hidden, f"{name}/attention/linear_2", f"{name}/ffn")
        inner = self._linear(normed, f"{name}/ffn/linear_0")
        inner = self._graph.op(MICROSOFT + "BiasGelu", inner, self._bias(f"{name}/ffn/linear_0"))
        following = f"layer_{layer + 1}/self_attention" if layer + 1 < self._shape.layers else ""
        return self._join(self._linear(inner, f"{name}/ffn/linear_1"), hidden, f"{name}/ffn/linear_1", following)

    def _own_attention(self, layer: int, normed: str) -> str:
        graph, shape = self._graph, self._shape
        name = f"layer_{layer}/self_attention"
        fused = graph.op("Add", self._linear(normed, f"{name}/linear_0"), self._bias(f"{name}/linear_0"))
        parts = graph.many("Split", [fused], 3, axis=1, num_outputs=3)
        past = [graph.input(f"past_{part}{layer}", "float32", ["rows", shape.heads, "past", shape.head])
                for part in ("key", "value")]  # fmt: skip
        present = [f"key{layer}", f"value{layer}"]
        attended = graph.many(
            MICROSOFT + "MultiHeadAttention",
            [*(graph.op("Reshape", part, "own_shape") for part in parts), "", "", "", *past],
            [f"own{layer}", *present],
            num_heads=shape.heads,
            unidirectional=1,
        )[0]
        for made in present:
            graph.output(made, "float32", ["rows", shape.heads, "length", shape.head])
        return self._linear(graph.op("Reshape", attended, self._flat), f"{name}/linear_1")

    def _heard_attention(self, layer: int, normed: str) -> str:
        """Attend to the memory: (items, heads, beams x positions, head) by (items, heads, head, time), all in 8 bits.

        The probabilities have 14 bits in two rows of 7: many small ones together count.
        """
        graph = self._graph
        name = f"layer_{layer}/attention"
        query = graph.op("Add", self._linear(normed, f"{name}/linear_0"), self._bias(f"{name}/linear_0"))
        query = graph.op("Transpose", graph.op("Reshape", query, "memory_shape"), perm=[0, 2, 1, 3])
        query = graph.op("Mul", query, f"memory_key_scale{layer}")
        scale = graph.op("Mul", self._largest(query), graph.const(1 / QUERY_LARGEST, np.float32))
        query = graph.op("Add", graph.op("Div", query, scale), graph.const(QUERY_ZERO + 0.5, np.float32))
        query = graph.op("Cast", query, to=TO_BYTE)
        score = graph.op("Cast", graph.op("MatMulInteger", query, f"memory_keys{layer}"), to=TO_FLOAT)
        score = graph.op("Mul", graph.op("Sub", score, f"memory_offset{layer}"), scale)
        weight = graph.op("Softmax", score, axis=-1)
        # Outputs are kept until the end of a run, even if nobody wants them: all heads took 40 MB for a long text.
        heads = graph.input(f"heads{layer}", "int64", [f"heads{layer}"])
        graph.op("Gather", weight, heads, axis=1, named=f"attention{layer}")
        graph.output(f"attention{layer}", "float32", ["items", f"heads{layer}", "said", "time"])
        scale = graph.op("Mul", graph.op("ReduceMax", weight, self._last, keepdims=1), self._unit)
        weight = graph.op("Div", weight, scale)
        high = graph.op("Cast", weight, to=TO_BYTE)
        rest = graph.op("Sub", weight, graph.op("Cast", high, to=TO_FLOAT))
        low = graph.op("Cast", graph.op("Mul", rest, graph.const(ZERO, np.float32)), to=TO_BYTE)
        both = graph.op("Concat", high, low, axis=2)
        made = graph.op("Cast", graph.op("MatMulInteger", both, f"memory_values{layer}"), to=TO_FLOAT)
        of_high, of_low = graph.many("Split", [made], 2, axis=2, num_outputs=2)
        made = graph.op("Add", of_high, graph.op("Mul", of_low, graph.const(1 / ZERO, np.float32)))
        made = graph.op("Mul", made, graph.op("Mul", scale, f"memory_value_scale{layer}"))
        made = graph.op("Reshape", graph.op("Transpose", made, perm=[0, 2, 1, 3]), self._flat)
        bias = self._array(f"{name}/linear_1/bias")[self._shape.width :]
        return self._linear(graph.op("Add", made, graph.const(bias)), f"{name}/linear_2")

    def _vocabulary(self, normed: str) -> None:
        graph, shape = self._graph, self._shape
        small, scale = self._quantize(graph.op("Gather", normed, "asked"), "asked_zeros")
        name = "projection" if "decoder/projection/weight" in self._weights else "embeddings"
        matrix, factors = quantized(self._weights, f"decoder/{name}")
        text = np.zeros((shape.padded_text, shape.width), np.int8, order="F")
        text_factors = np.ones(shape.padded_text, np.float32)
        text[: shape.text], text_factors[: shape.text] = matrix[: shape.text], factors[: shape.text]
        logits = graph.op("Mul", self._product(small, text, text_factors, "bias"), scale)
        others = self._product(small, matrix[shape.text :], factors[shape.text :])
        graph.op("Mul", others, scale, named="others")
        groups = graph.op("Reshape", logits, graph.const([0, -1, GROUP], np.int64))
        of_group = graph.op("ReduceMax", groups, self._last, keepdims=0)
        largest, group = graph.many("TopK", [of_group, "best"], ["largest", "groups"], axis=1)
        chosen = graph.op("GatherND", groups, graph.op("Unsqueeze", group, self._last), batch_dims=1)
        graph.many("TopK", [graph.op("Reshape", chosen, graph.const([0, -1], np.int64)), "best"],
                   ["likely", "within"], axis=1)  # fmt: skip
        top = graph.op("ReduceMax", largest, self._last, keepdims=1)
        total = graph.op("ReduceSum", graph.op("Exp", graph.op("Sub", logits, top)), self._last, keepdims=1)
        graph.op("Add", graph.op("Log", total), top, named="total")
        for made, dtype, width in (
            ("likely", "float32", "best"), ("within", "int64", "best"), ("groups", "int64", "best"),
            ("total", "float32", 1), ("others", "float32", shape.vocabulary - shape.text),
        ):  # fmt: skip
            graph.output(made, dtype, ["asked", width])

    def _join(self, made: str, hidden: str, linear: str, following: str) -> tuple[str, str]:
        """Add a part's bias and result to the stream; return it normed for the part that follows, and as it is."""
        normed, summed = f"normed_{linear}", f"summed_{linear}"
        self._graph.many(
            MICROSOFT + "SkipLayerNormalization",
            [made, hidden, *self._norm(following), self._bias(linear)],
            [normed, "", "", summed],
            epsilon=EPSILON,
        )
        return normed, summed

    def _linear(self, rows: str, name: str) -> str:
        small, scale = self._quantize(rows, "zeros")
        return self._graph.op("Mul", self._product(small, *quantized(self._weights, f"decoder/{name}")), scale)

    def _product(self, small: str, matrix: NDArray[np.int8], factors: NDArray[np.float32], bias: str = "") -> str:
        inputs = [small, self._graph.const(matrix.T), self._one, self._graph.const(factors), self._middle]
        return self._graph.op(MICROSOFT + "MatMulIntegerToFloat", *inputs, *(["", bias] if bias else []))

    def _quantize(self, rows: str, zeros: str) -> tuple[str, str]:
        scale = self._graph.op("Mul", self._largest(rows), self._unit)
        flat = self._graph.op("Reshape", scale, self._last)
        return self._graph.op("QuantizeLinear", rows, flat, zeros, axis=0), scale

    def _largest(self, rows: str) -> str:
        return self._graph.op("ReduceMax", self._graph.op("Abs", rows), self._last, keepdims=1)

    def _norm(self, name: str) -> tuple[str, str]:
        norm = f"{name}/layer_norm" if name else "layer_norm"
        return self._graph.const(self._array(f"{norm}/gamma")), self._graph.const(self._array(f"{norm}/beta"))

    def _bias(self, name: str) -> str:
        return self._graph.const(self._array(f"{name}/bias"))

    def _array(self, name: str) -> NDArray[np.float32]:
        return self._weights[f"decoder/{name}"].astype(np.float32)
