"""Writes the two networks of Whisper as ONNX graphs, with the weights of a CTranslate2 model.

ONNX Runtime and OpenVINO run these, and sherpa-onnx and OpenVINO GenAI variants of them. Attention keeps keys and
values of what was said before (`past`) and of the sound (`cross`), in the layout that it multiplies, so that no step
copies them.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from daemon.bench.runtimes.convert import dimensions, renamed
from daemon.engine.generate.model_bin import Weights, read_weights

OPSET, IR_VERSION = 20, 10
EPSILON = 1e-5
MINUS = -1e9
"""What is added to the attention to words that come later; infinity would make NaN where a row has nothing else."""
SCORES, MIXED = "scores_", "mixed_"
"""How the names of the two products of an attention begin, which are not of weights."""
Pair = tuple[str, str]
"""The names of the keys and the values of a layer."""


@dataclass
class Graph:
    """The nodes and constants of a graph that is being written; calling it adds a node and returns its output."""

    weights: Weights
    sizes: dict[str, int]
    nodes: list[Any] = field(default_factory=list)
    constants: list[Any] = field(default_factory=list)

    def __call__(self, kind: str, *inputs: str, called: str = "", **attributes: Any) -> str:
        """Add a node; its output has the name `called`, or one of its kind and number."""
        import onnx

        output = called or f"{kind}_{len(self.nodes)}"
        self.nodes.append(onnx.helper.make_node(kind, inputs, [output], name=output, **attributes))
        return output

    def constant(self, value: NDArray[Any] | Sequence[int] | int) -> str:
        """Add a constant; a number or a sequence is one of integers."""
        import onnx

        name = f"constant_{len(self.constants)}"
        array = value if isinstance(value, np.ndarray) else np.array(value, np.int64)
        self.constants.append(onnx.numpy_helper.from_array(array.copy(order="C"), name))
        return name

    def save(self, file: Path, inputs: dict[str, Any], outputs: dict[str, int], metadata: dict[str, Any]) -> None:
        """Write the graph.

        Args:
            file: Where it goes.
            inputs: (type, shape) by name, with text for sizes that vary.
            outputs: The number of dimensions by name; the runtimes find out the sizes by themselves.
            metadata: What else the file says.

        Weights beyond 2 GB, the limit of one message, go into a file beside it.
        """
        import onnx

        entries = [onnx.helper.make_tensor_value_info(name, *each) for name, each in inputs.items()]
        floats = onnx.TensorProto.FLOAT
        exits = [onnx.helper.make_tensor_value_info(name, floats, [None] * rank) for name, rank in outputs.items()]
        graph = onnx.helper.make_graph(self.nodes, file.stem, entries, exits, self.constants)
        opset = onnx.helper.make_opsetid("", OPSET)
        model = onnx.helper.make_model(graph, opset_imports=[opset], ir_version=IR_VERSION)
        onnx.helper.set_model_props(model, {name: str(each) for name, each in metadata.items()})
        large = sum(len(each.raw_data) for each in self.constants) > onnx.checker.MAXIMUM_PROTOBUF // 2
        onnx.save(model, file, save_as_external_data=large, location=f"{file.name}.weights")


def graph_of(folder: Path) -> Graph:
    """Return an empty graph with the weights and sizes of the model in a CTranslate2 folder."""
    weights = read_weights(folder / "model.bin")
    return Graph({name: each.astype(np.float32) for name, each in renamed(weights).items()}, dimensions(weights))


def encode(graph: Graph, mel: str) -> str:
    """Add the encoder: (batch, mels, frames) → (batch, frames / 2, width). Frames up to 3000 may be fewer."""
    x = mel
    for name, stride in (("conv1", 1), ("conv2", 2)):
        filters = [graph.constant(graph.weights[f"encoder.{name}.{kind}"]) for kind in ("weight", "bias")]
        x = graph("Conv", x, *filters, kernel_shape=[3], pads=[1, 1], strides=[stride])
        x = graph("Gelu", x)
    x = graph("Transpose", x, perm=[0, 2, 1])
    places = graph.constant(graph.weights["encoder.positional_embedding"])
    x = graph("Add", x, graph("Slice", places, graph.constant([0]), _length(graph, x), graph.constant([0])))
    for number in range(graph.sizes["n_audio_layer"]):
        at = f"encoder.blocks.{number}"
        inside = _norm(graph, x, f"{at}.attn_ln")
        keys, values = keys_values(graph, inside, f"{at}.attn")
        x = graph("Add", x, _attend(graph, inside, f"{at}.attn", keys, values))
        x = _feed_forward(graph, x, at)
    return _norm(graph, x, "encoder.ln_post")


def cross(graph: Graph, sound: str) -> list[Pair]:
    """Add what each layer of the decoder attends to of the encoder's output."""
    layers = range(graph.sizes["n_text_layer"])
    return [keys_values(graph, sound, f"decoder.blocks.{number}.cross_attn") for number in layers]


def keys_values(graph: Graph, x: str, at: str) -> Pair:
    """Add the projections to keys (batch, heads, width of a head, length) and values (batch, heads, length, width)."""
    keys = _heads(graph, _linear(graph, x, f"{at}.key"), perm=[0, 2, 3, 1])
    return keys, _heads(graph, _linear(graph, x, f"{at}.value"))


def decode(graph: Graph, tokens: str, past: Sequence[Pair], sound: Sequence[Pair]) -> tuple[str, list[Pair]]:
    """Add the decoder.

    Args:
        graph: Where it is added.
        tokens: (batch, new tokens).
        past: Keys and values of the tokens before these, one pair for each layer.
        sound: What `cross` gave. A batch of one fits any batch of tokens.

    Returns:
        The logits (batch, new tokens, vocabulary), and the past of the next tokens.
    """
    start = graph("Shape", past[0][1], start=2, end=3)
    end = graph("Add", start, graph("Shape", tokens, start=1, end=2))
    weights = graph.weights["decoder.token_embedding.weight"]
    # float16 is what models are published in: half the memory, and nothing is lost.
    x = graph("Cast", graph("Gather", graph.constant(weights.astype(np.float16)), tokens), to=1)
    places = graph.constant(graph.weights["decoder.positional_embedding"])
    x = graph("Add", x, graph("Slice", places, start, end, graph.constant([0])))
    later = np.triu(np.full([graph.sizes["n_text_ctx"]] * 2, MINUS, np.float32), 1)
    rows = graph("Slice", graph.constant(later), start, end, graph.constant([0]))
    mask = graph("Slice", rows, graph.constant([0]), end, graph.constant([1]))
    after: list[Pair] = []
    for number, (before, heard) in enumerate(zip(past, sound, strict=True)):
        at = f"decoder.blocks.{number}"
        inside = _norm(graph, x, f"{at}.attn_ln")
        new = keys_values(graph, inside, f"{at}.attn")
        keys = graph("Concat", before[0], new[0], axis=3)
        values = graph("Concat", before[1], new[1], axis=2)
        after.append((keys, values))
        x = graph("Add", x, _attend(graph, inside, f"{at}.attn", keys, values, mask))
        inside = _norm(graph, x, f"{at}.cross_attn_ln")
        x = graph("Add", x, _attend(graph, inside, f"{at}.cross_attn", *heard))
        x = _feed_forward(graph, x, at)
    logits = graph("MatMul", _norm(graph, x, "decoder.ln"), graph.constant(weights.T))
    return logits, after


def _attend(graph: Graph, x: str, at: str, keys: str, values: str, mask: str | None = None) -> str:
    queries = _heads(graph, _linear(graph, x, f"{at}.query", _scale(graph, at)))
    number = len(graph.nodes)
    scores = graph("MatMul", queries, keys, called=f"{SCORES}{number}")
    if mask is not None:
        scores = graph("Add", scores, mask)
    found = graph("MatMul", graph("Softmax", scores, axis=-1), values, called=f"{MIXED}{number}")
    found = graph("Reshape", graph("Transpose", found, perm=[0, 2, 1, 3]), graph.constant([0, 0, -1]))
    return _linear(graph, found, f"{at}.out")


def _scale(graph: Graph, at: str) -> float:
    side = "audio" if at.startswith("encoder") else "text"
    return float((graph.sizes[f"n_{side}_state"] // graph.sizes[f"n_{side}_head"]) ** -0.5)


def _heads(graph: Graph, x: str, perm: Sequence[int] = (0, 2, 1, 3)) -> str:
    width = graph.sizes["n_audio_state"] // graph.sizes["n_audio_head"]
    return graph("Transpose", graph("Reshape", x, graph.constant([0, 0, -1, width])), perm=list(perm))


def _feed_forward(graph: Graph, x: str, at: str) -> str:
    inside = graph("Gelu", _linear(graph, _norm(graph, x, f"{at}.mlp_ln"), f"{at}.mlp.0"))
    return graph("Add", x, _linear(graph, inside, f"{at}.mlp.2"))


def _linear(graph: Graph, x: str, name: str, scale: float = 1.0) -> str:
    x = graph("MatMul", x, graph.constant(graph.weights[f"{name}.weight"].T * np.float32(scale)))
    bias = graph.weights.get(f"{name}.bias")  # keys have none
    return x if bias is None else graph("Add", x, graph.constant(bias * np.float32(scale)))


def _norm(graph: Graph, x: str, name: str) -> str:
    weights = [graph.constant(graph.weights[f"{name}.{kind}"]) for kind in ("weight", "bias")]
    return graph("LayerNormalization", x, *weights, axis=-1, epsilon=EPSILON)


def _length(graph: Graph, x: str) -> str:
    return graph("Shape", x, start=1, end=2)
