"""CAM++ as a graph: the same numbers as the network written down in NumPy, of weights drawn at random."""

import hashlib
import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from daemon.speakers.campplus import build, ranges
from tools.speaker_ranges import ranges_of

Array = NDArray[Any]
GROWTH, BOTTLENECK = 32, 128


def shapes() -> Iterator[tuple[str, tuple[int, ...]]]:
    """Yield the shape of each weight of CAM++, as its checkpoint has them."""

    def norm(name: str, channels: int, affine: bool = True) -> Iterator[tuple[str, tuple[int, ...]]]:
        for part in ("weight", "bias", "running_mean", "running_var") if affine else ("running_mean", "running_var"):
            yield f"{name}.{part}", (channels,)

    yield "head.conv1.weight", (32, 1, 3, 3)
    yield from norm("head.bn1", 32)
    for stage in ("head.layer1", "head.layer2"):
        for nth in (0, 1):
            for at in (1, 2):
                yield f"{stage}.{nth}.conv{at}.weight", (32, 32, 3, 3)
                yield from norm(f"{stage}.{nth}.bn{at}", 32)
        yield f"{stage}.0.shortcut.0.weight", (32, 32, 1, 1)
        yield from norm(f"{stage}.0.shortcut.1", 32)
    yield "head.conv2.weight", (32, 32, 3, 3)
    yield from norm("head.bn2", 32)
    yield "xvector.tdnn.linear.weight", (128, 320, 5)
    yield from norm("xvector.tdnn.nonlinear.batchnorm", 128)
    channels = 128
    for block, layers in enumerate((12, 24, 16), 1):
        for layer in range(1, layers + 1):
            name = f"xvector.block{block}.tdnnd{layer}"
            yield from norm(f"{name}.nonlinear1.batchnorm", channels)
            yield f"{name}.linear1.weight", (BOTTLENECK, channels, 1)
            yield from norm(f"{name}.nonlinear2.batchnorm", BOTTLENECK)
            yield f"{name}.cam_layer.linear_local.weight", (GROWTH, BOTTLENECK, 3)
            yield f"{name}.cam_layer.linear1.weight", (BOTTLENECK // 2, BOTTLENECK, 1)
            yield f"{name}.cam_layer.linear1.bias", (BOTTLENECK // 2,)
            yield f"{name}.cam_layer.linear2.weight", (GROWTH, BOTTLENECK // 2, 1)
            yield f"{name}.cam_layer.linear2.bias", (GROWTH,)
            channels += GROWTH
        yield from norm(f"xvector.transit{block}.nonlinear.batchnorm", channels)
        yield f"xvector.transit{block}.linear.weight", (channels // 2, channels, 1)
        channels //= 2
    yield from norm("xvector.out_nonlinear.batchnorm", channels)
    yield "xvector.dense.linear.weight", (192, 2 * channels, 1)
    yield from norm("xvector.dense.nonlinear.batchnorm", 192, affine=False)


@pytest.fixture(scope="module")
def weights() -> dict[str, Array]:
    draw = np.random.default_rng(5)
    drawn: dict[str, Array] = {}
    for name, shape in shapes():
        scale = 1.5 / math.sqrt(math.prod(shape[1:])) if len(shape) > 1 else 0.3
        middle = 1.0 if name.endswith(("running_var", "norm.weight", "bn1.weight", "bn2.weight", "1.weight")) else 0.0
        values = draw.normal(0.0 if len(shape) > 1 else middle, scale, shape)
        drawn[name] = (np.abs(values) + 0.1 if name.endswith("running_var") else values).astype(np.float32)
    return drawn


class Network:
    """CAM++ in NumPy, of one window, as its paper and its makers describe it."""

    def __init__(self, weights: dict[str, Array]) -> None:
        self._weights = weights

    def voice(self, banks: Array) -> Array:
        image = self._relu2(self._conv2(banks.T[None], "head.conv1"), "head.bn1")
        for stage in ("head.layer1", "head.layer2"):
            for nth, stride in enumerate((2, 1)):
                name = f"{stage}.{nth}"
                inner = self._relu2(self._conv2(image, f"{name}.conv1", stride), f"{name}.bn1")
                inner = self._norm(self._conv2(inner, f"{name}.conv2"), f"{name}.bn2")
                if nth == 0:
                    image = self._norm(self._conv2(image, f"{name}.shortcut.0", stride), f"{name}.shortcut.1")
                image = np.maximum(inner + image, 0)
        image = self._relu2(self._conv2(image, "head.conv2", 2), "head.bn2")
        sound = image.reshape(-1, image.shape[-1])
        sound = self._relu2(self._conv1(sound, "xvector.tdnn.linear", stride=2), "xvector.tdnn.nonlinear.batchnorm")
        for block, (layers, dilation) in enumerate(((12, 1), (24, 2), (16, 2)), 1):
            for layer in range(1, layers + 1):
                name = f"xvector.block{block}.tdnnd{layer}"
                inner = self._conv1(self._relu2(sound, f"{name}.nonlinear1.batchnorm"), f"{name}.linear1")
                inner = self._relu2(inner, f"{name}.nonlinear2.batchnorm")
                local = self._conv1(inner, f"{name}.cam_layer.linear_local", dilation=dilation)
                # Of the whole and of the segment of 100 frames, which is the whole here.
                context = inner.mean(axis=1, keepdims=True) + inner[:, :100].mean(axis=1, keepdims=True)
                context = np.maximum(self._conv1(context, f"{name}.cam_layer.linear1"), 0)
                mask = 1 / (1 + np.exp(-self._conv1(context, f"{name}.cam_layer.linear2")))
                sound = np.concatenate([sound, local * mask])
            name = f"xvector.transit{block}"
            sound = self._conv1(self._relu2(sound, f"{name}.nonlinear.batchnorm"), f"{name}.linear")
        sound = self._relu2(sound, "xvector.out_nonlinear.batchnorm")
        pooled = np.concatenate([sound.mean(axis=1), sound.std(axis=1, ddof=1)])[:, None]
        dense = self._norm(self._conv1(pooled, "xvector.dense.linear"), "xvector.dense.nonlinear.batchnorm")
        found: Array = dense[:, 0]
        return found

    def _conv2(self, image: Array, name: str, stride: int = 1) -> Array:
        weight = self._weights[f"{name}.weight"]
        pad = weight.shape[-1] // 2
        padded = np.pad(image, ((0, 0), (pad, pad), (pad, pad)))
        windows = sliding_window_view(padded, weight.shape[2:], axis=(1, 2))[:, ::stride]
        found: Array = np.einsum("ihwkl,oikl->ohw", windows, weight, optimize=True)
        return found

    def _conv1(self, sound: Array, name: str, stride: int = 1, dilation: int = 1) -> Array:
        weight = self._weights[f"{name}.weight"]
        size = weight.shape[-1]
        padded = np.pad(sound, ((0, 0), (size // 2 * dilation,) * 2))
        windows = sliding_window_view(padded, (size - 1) * dilation + 1, axis=1)[:, ::stride, ::dilation]
        found: Array = np.einsum("itk,oik->ot", windows, weight, optimize=True)
        bias = self._weights.get(f"{name}.bias")
        return found if bias is None else found + bias[:, None]

    def _norm(self, value: Array, name: str) -> Array:
        def part(of: str, default: float) -> Array:
            vector = self._weights.get(f"{name}.{of}", np.full(len(value), default))
            return vector.reshape(-1, *[1] * (value.ndim - 1))

        normal = (value - part("running_mean", 0.0)) / np.sqrt(part("running_var", 1.0) + 1e-5)
        found: Array = normal * part("weight", 1.0) + part("bias", 0.0)
        return found

    def _relu2(self, value: Array, name: str) -> Array:
        return np.maximum(self._norm(value, name), 0)


def test_the_graph_computes_what_the_network_does(weights: dict[str, Array]) -> None:
    session = onnxruntime.InferenceSession(build(weights, {}), providers=["CPUExecutionProvider"])
    draw = np.random.default_rng(2)
    for frames in (40, 98, 148):
        banks = draw.normal(size=(2, frames, 80)).astype(np.float32)
        (found,) = session.run(["voices"], {"banks": banks})
        assert found.shape == (2, 192)
        for window, voice in zip(banks, found, strict=True):
            wanted = Network(weights).voice(window.astype(np.float64))
            assert np.abs(voice - wanted).max() < 1e-3 * np.abs(wanted).max()


def test_in_8_bits_it_computes_nearly_the_same(weights: dict[str, Array]) -> None:
    """Weights that are drawn have ranges of their own, measured as those of the published ones are."""
    banks = np.random.default_rng(2).normal(size=(1, 148, 80)).astype(np.float32)
    measured = ranges_of(onnx.load_from_string(build(weights, {}, {})), [banks[0]])
    assert measured.keys() == ranges().keys()
    options = onnxruntime.SessionOptions()
    # As written, so that it is the same on all processors: without VNNI, sums of products of bytes may overflow.
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    whole, small = (
        onnxruntime.InferenceSession(build(weights, {}, each), options, providers=["CPUExecutionProvider"])
        for each in (None, measured)
    )
    (first,), (second,) = (session.run(["voices"], {"banks": banks})[0] for session in (whole, small))
    assert 0.95 < float(first @ second / np.linalg.norm(first) / np.linalg.norm(second)) < 1.0


def test_the_convolutions_in_8_bits_are_the_models(weights: dict[str, Array]) -> None:
    assert len(ranges()) == 119
    assert all(f"{name}.weight" in weights or "shortcut" in name for name in ranges())
    assert all(least <= 0 < largest for name in ranges() for least, largest in (ranges()[name][:2], ranges()[name][2:]))


def test_the_same_weights_give_the_same_bytes(weights: dict[str, Array]) -> None:
    for small in (None, ranges()):
        first, second = (hashlib.sha256(build(weights, {"licence": "Apache-2.0"}, small)).hexdigest() for _ in range(2))
        assert first == second


def test_what_is_known_of_the_model_is_written_into_it(weights: dict[str, Array]) -> None:
    session = onnxruntime.InferenceSession(build(weights, {"licence": "Apache-2.0"}))
    assert session.get_modelmeta().custom_metadata_map == {"licence": "Apache-2.0"}


def test_a_weight_that_is_missing_is_named(weights: dict[str, Array]) -> None:
    lacking = {name: value for name, value in weights.items() if name != "xvector.dense.linear.weight"}
    with pytest.raises(KeyError, match=r"xvector\.dense\.linear\.weight"):
        build(lacking, {})
