"""The sizes of a decoder, and the graphs that are made for them."""

import numpy as np
import onnxruntime
import pytest

from daemon.engine.generate.decoder_graphs import GROUP, Shape, paired, reorder_graph, shape_of
from daemon.engine.generate.model_bin import Weights

SHAPE = Shape(layers=2, heads=3, width=12, vocabulary=100, text=70)


def test_sizes_are_told_by_the_weights() -> None:
    weights: Weights = {
        "decoder/embeddings/weight": np.zeros((100, 12), np.float16),
        "decoder/num_heads": np.array(3, np.int8),
        "decoder/layer_0/ffn/linear_0/bias": np.zeros(1, np.float16),
        "decoder/layer_1/ffn/linear_0/bias": np.zeros(1, np.float16),
        "decoder/layer_norm/beta": np.zeros(1, np.float16),
    }
    assert shape_of(weights, 70) == SHAPE
    assert SHAPE.head == 4 and SHAPE.padded_text == 2 * GROUP
    assert len(SHAPE.cache) == 4 and len(SHAPE.memory) == 10


@pytest.mark.parametrize(("text", "padded"), [(GROUP, GROUP), (GROUP + 1, 2 * GROUP), (50257, 50304)])
def test_text_tokens_come_in_whole_groups(text: int, padded: int) -> None:
    assert Shape(1, 1, 1, 60000, text).padded_text == padded


def test_loud_channels_stand_next_to_quiet_ones() -> None:
    loudness = np.array([1, 9, 3, 8, 2, 7], np.float32)
    assert loudness[paired(loudness)].tolist() == [9, 1, 8, 2, 7, 3]


def test_rows_of_the_cache_are_taken_in_order() -> None:
    session = onnxruntime.InferenceSession(reorder_graph(SHAPE).model(), providers=["CPUExecutionProvider"])
    cache = {f"past_{name}": np.full((3, 3, 2, 4), nth, np.float32) for nth, name in enumerate(SHAPE.cache)}
    for array in cache.values():
        array += np.arange(3, dtype=np.float32)[:, None, None, None] * 10
    found = session.run(SHAPE.cache, {**cache, "rows": np.array([2, 0, 2, 1])})
    for nth, array in enumerate(found):
        assert array[:, 0, 0, 0].tolist() == [20 + nth, nth, 20 + nth, 10 + nth]
