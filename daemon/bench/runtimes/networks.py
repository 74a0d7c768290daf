"""The two networks of Whisper as files, and how ONNX Runtime and OpenVINO run them."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from daemon.bench.runtimes.graphs import Graph, cross, decode, encode, graph_of

FRAMES = 3000
ENCODER, DECODER, SIZES = "encoder.onnx", "decoder.onnx", "sizes.json"
OUTPUTS = ("cross_", "logits", "next_")
"""How the names of what the networks give begin."""
Feed = dict[str, NDArray[Any]]
"""Arrays by the names of the inputs or outputs of a network."""
Network = Callable[[Feed], Feed]
"""Runs a network: its inputs → its outputs."""


def write_networks(folder: Path, target: Path) -> None:
    """Write the model of a CTranslate2 folder as two ONNX files in float32, and its sizes."""
    graph = graph_of(folder)
    (target / SIZES).write_text(json.dumps(graph.sizes), "utf-8")
    _write_encoder(graph, target / ENCODER)
    _write_decoder(Graph(graph.weights, graph.sizes), target / DECODER)


def _write_encoder(graph: Graph, file: Path) -> None:
    """Write the encoder and what the decoder makes of it."""
    import onnx

    outputs = {
        graph("Identity", each, called=name): 4
        for names, pair in zip(names_of("cross", graph), cross(graph, encode(graph, "mel")), strict=True)
        for name, each in zip(names, pair, strict=True)
    }
    graph.save(file, {"mel": (onnx.TensorProto.FLOAT, [1, graph.sizes["n_mels"], FRAMES])}, outputs, {})


def _write_decoder(graph: Graph, file: Path) -> None:
    """Write the decoder."""
    import onnx

    floats, context = onnx.TensorProto.FLOAT, graph.sizes["n_audio_ctx"]
    past, sound = names_of("past", graph), names_of("cross", graph)
    logits, after = decode(graph, "tokens", past, sound)
    outputs = {graph("Identity", logits, called="logits"): 3}
    for names, pair in zip(names_of("next", graph), after, strict=True):
        outputs |= {graph("Identity", each, called=name): 4 for name, each in zip(names, pair, strict=True)}
    heads = graph.sizes["n_text_head"]
    width = graph.sizes["n_text_state"] // heads
    inputs: dict[str, Any] = {"tokens": (onnx.TensorProto.INT64, ["batch", "new"])}
    for keys, values in past:
        inputs[keys] = (floats, ["batch", heads, width, "before"])
        inputs[values] = (floats, ["batch", heads, "before", width])
    for keys, values in sound:
        inputs[keys] = (floats, [1, heads, width, context])
        inputs[values] = (floats, [1, heads, context, width])
    graph.save(file, inputs, outputs, {})


def names_of(kind: str, graph: Graph) -> list[tuple[str, str]]:
    """Return the names of keys and values of each layer of the decoder; the kinds are past, next and cross."""
    return [(f"{kind}_keys_{number}", f"{kind}_values_{number}") for number in range(graph.sizes["n_text_layer"])]


def no_past(sizes: dict[str, int], batch: int) -> Feed:
    """Return keys and values before the first token."""
    heads = sizes["n_text_head"]
    width = sizes["n_text_state"] // heads
    made: Feed = {}
    for number in range(sizes["n_text_layer"]):
        made[f"past_keys_{number}"] = np.zeros((batch, heads, width, 0), np.float32)
        made[f"past_values_{number}"] = np.zeros((batch, heads, 0, width), np.float32)
    return made


def onnx_runtime(file: Path) -> Network:
    """Load a network for ONNX Runtime, on all cores."""
    from onnxruntime import InferenceSession, SessionOptions

    options = SessionOptions()
    options.intra_op_num_threads = cores()
    session = InferenceSession(file, options)
    names = [each.name for each in session.get_outputs()]
    return lambda feed: dict(zip(names, session.run(None, feed), strict=True))


def openvino(file: Path) -> Network:
    """Load a network for OpenVINO, on all cores."""
    from openvino import Core

    settings = {"INFERENCE_NUM_THREADS": cores(), "PERFORMANCE_HINT": "LATENCY"}
    request = Core().compile_model(file, "CPU", settings).create_infer_request()

    def run(feed: Feed) -> Feed:
        found: dict[Any, NDArray[Any]] = request.infer(feed)
        # An output also has the names of nodes that were optimized away.
        named = {name: each for output, each in found.items() for name in output.get_names()}
        return {name: each for name, each in named.items() if name.startswith(OUTPUTS)}

    return run


def cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0))
