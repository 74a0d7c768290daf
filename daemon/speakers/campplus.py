"""CAM++, a speaker model of 7 million weights, as a graph for ONNX Runtime.

Wang et al., CAM++: A Fast and Efficient Network for Speaker Verification Using Context-Aware Masking, 2023
(https://arxiv.org/abs/2303.00332). Its masks come from the mean over segments of 2 s; as windows are no longer than
that, the graph takes the mean of all of it.

In 8 bits, a convolution takes bytes and gives bytes, each of which stands for a value of the range that is known for
it (`campplus_ranges.json`, made by `tools/speaker_ranges.py`), by weights that are bytes for each channel.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

IR_VERSION, OPERATORS = 9, 18
"""Versions of the format and of ONNX's set of operators; later onnx packages write the same bytes."""
BANDS, DIMENSIONS = 80, 192
FLAT = 320
"""Channels times bands after the convolutions over time and band."""
BLOCKS = ((12, 1), (24, 2), (16, 2))
"""Of the layers over time: how many a block has, and their dilation."""
EPSILON = 1e-5
"""Of PyTorch's batch normalization."""
RANGES = Path(__file__).with_name("campplus_ranges.json")
UNSIGNED, SIGNED = 255, 127
"""The largest of a byte, and of a byte with a sign."""
Weights = Mapping[str, NDArray[Any]]
Ranges = Mapping[str, tuple[float, float, float, float]]
"""Of convolutions: the least and largest that goes in, and the least and largest that comes out."""
_Affine = tuple[NDArray[Any], NDArray[Any]]
"""What is multiplied with, and what is added then, channel by channel."""


def ranges() -> Ranges:
    """Return the ranges of the convolutions that are worth computing in 8 bits."""
    return {name: tuple(each) for name, each in json.loads(RANGES.read_text("utf-8")).items()}


def build(weights: Weights, notes: Mapping[str, str], small: Ranges | None = None) -> bytes:
    """Return the model: `banks`, float32 (windows, frames, 80) → `voices`, float32 (windows, 192).

    Args:
        weights: As the checkpoint has them.
        notes: What is written into the file about it.
        small: The convolutions that are computed in 8 bits; None for a model in float32. With an empty table, none is,
            but the graph is that of 8 bits, and its convolutions have their names: for measuring their ranges.

    Raises:
        KeyError: A weight is missing.
    """
    made = _Graph(weights, small)
    made.pooled(made.over_time(made.over_bands("banks")), "voices")
    graph = helper.make_graph(
        made.nodes,
        "campplus",
        [helper.make_tensor_value_info("banks", TensorProto.FLOAT, ["windows", "frames", BANDS])],
        [helper.make_tensor_value_info("voices", TensorProto.FLOAT, ["windows", DIMENSIONS])],
        made.constants,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPERATORS)], ir_version=IR_VERSION)
    helper.set_model_props(model, dict(notes))
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString(deterministic=True))


class _Graph:
    """A graph that is built operator by operator; values go by their names, weights by those of the checkpoint."""

    def __init__(self, weights: Weights, small: Ranges | None) -> None:
        self.nodes: list[Any] = []
        self.constants: list[Any] = []
        self._weights = weights
        self._small = small
        self._count = 0

    def over_bands(self, banks: str) -> str:
        """Convolve over time and band, (windows, frames, 80) → (windows, 320, frames)."""
        image = self._op("Unsqueeze", self._op("Transpose", banks, perm=[0, 2, 1]), self._whole(1))
        image = self._op("Relu", self._over_both(image, "head.conv1", "head.bn1"))
        for layer in ("head.layer1", "head.layer2"):
            for nth, stride in enumerate((2, 1)):
                image = self._residual(image, f"{layer}.{nth}", stride)
        image = self._op("Relu", self._over_both(image, "head.conv2", "head.bn2", 2))
        return self._op("Reshape", image, self._whole(0, FLAT, -1))

    def over_time(self, sound: str) -> str:
        """Convolve over time, each layer hearing all before it, (windows, 320, frames) → (windows, 512, frames / 2)."""
        tdnn = "xvector.tdnn"
        sound = self._conv(sound, f"{tdnn}.linear", f"{tdnn}.nonlinear.batchnorm", pads=[2, 2], strides=[2])
        sound = self._op("Relu", sound)
        for block, (layers, dilation) in enumerate(BLOCKS, 1):
            for layer in range(1, layers + 1):
                added = self._masked(sound, f"xvector.block{block}.tdnnd{layer}", dilation)
                sound = self._op("Concat", sound, added, axis=1)
            name = f"xvector.transit{block}"
            sound = self._normalized_conv(sound, f"{name}.nonlinear.batchnorm", f"{name}.linear")
        return self._normalized(sound, "xvector.out_nonlinear.batchnorm")

    def pooled(self, sound: str, named: str) -> None:
        """Take mean and deviation over time, and of these the voice, (windows, 512, frames) → (windows, 192)."""
        over = self._whole(-1)
        mean = self._op("ReduceMean", sound, over, keepdims=1)
        away = self._op("Sub", sound, mean)
        squares = self._op("ReduceSum", self._op("Mul", away, away), over, keepdims=1)
        frames = self._op("Gather", self._op("Shape", sound), self._constant(np.array(2, np.int64)), axis=0)
        fewer = self._op("Sub", self._op("Cast", frames, to=TensorProto.FLOAT), self._constant(np.float32(1)))
        deviation = self._op("Sqrt", self._op("Div", squares, fewer))
        both = self._op("Concat", mean, deviation, axis=1)
        voice = self._conv(both, "xvector.dense.linear", "xvector.dense.nonlinear.batchnorm")
        self._op("Squeeze", voice, self._whole(2), named=named)

    def _residual(self, image: str, name: str, stride: int) -> str:
        inner = self._op("Relu", self._over_both(image, f"{name}.conv1", f"{name}.bn1", stride))
        inner = self._over_both(inner, f"{name}.conv2", f"{name}.bn2")
        if f"{name}.shortcut.0.weight" in self._weights:
            image = self._over_both(image, f"{name}.shortcut.0", f"{name}.shortcut.1", stride, pad=0)
        return self._op("Relu", self._op("Add", inner, image))

    def _masked(self, sound: str, name: str, dilation: int) -> str:
        """Convolve over time, and weigh each channel by what all of the window is like."""
        inner = self._normalized_conv(
            sound, f"{name}.nonlinear1.batchnorm", f"{name}.linear1", f"{name}.nonlinear2.batchnorm"
        )
        inner = self._op("Relu", inner)
        local = self._conv(inner, f"{name}.cam_layer.linear_local", pads=[dilation, dilation], dilations=[dilation])
        # Mean of the window plus mean of the segment, which is all of the window.
        mean = self._op("ReduceMean", inner, self._whole(-1), keepdims=1)
        context = self._op("Mul", mean, self._constant(np.float32(2)))
        context = self._op("Relu", self._conv(context, f"{name}.cam_layer.linear1"))
        return self._op("Mul", local, self._op("Sigmoid", self._conv(context, f"{name}.cam_layer.linear2")))

    def _over_both(self, image: str, conv: str, norm: str, stride: int = 1, pad: int = 1) -> str:
        return self._conv(image, conv, norm, pads=[pad] * 4, strides=[stride, 1])

    def _normalized_conv(self, value: str, before: str, conv: str, norm: str = "") -> str:
        """Normalize, and convolve each moment by itself.

        max(0, scale x + shift) = scale max(x, -shift / scale) + shift where the scale is above 0, as nearly everywhere.
        All but the maximum goes into the convolution: of three operators over the largest arrays, one is left. In 8
        bits, what goes in has one range, which fits all channels only once they are normalized.
        """
        scale, shift = self._affine(before)
        if self._small is not None or not (scale > 0).all():
            return self._conv(self._normalized(value, before), conv, norm)
        least = self._constant((-shift / scale).astype(np.float32)[None, :, None])
        return self._conv(self._op("Max", value, least), conv, norm, (scale, shift))

    def _conv(self, value: str, conv: str, norm: str = "", before: _Affine | None = None, **attributes: Any) -> str:
        """Convolve; with the same weights, scale and shift what goes in, and normalize the outcome."""
        weight = self._weights[f"{conv}.weight"]
        bias = self._weights.get(f"{conv}.bias")
        if before is not None:
            scale, shift = (each[None, :, None] for each in before)
            # In float64, so that the order of the sum changes nothing: the file is known by its bytes.
            added = (weight.astype(np.float64) * shift).sum(axis=(1, 2))
            weight, bias = weight * scale, added if bias is None else bias + added
        if norm:
            scale, shift = self._affine(norm)
            weight = weight * scale.reshape(-1, *[1] * (weight.ndim - 1))
            bias = shift if bias is None else shift + bias * scale
        if self._small is not None and conv in self._small:
            return self._conv_in_8_bits(value, weight, bias, self._small[conv], **attributes)
        if self._small is not None:
            attributes["name"] = conv
        constants = [self._constant(each.astype(np.float32)) for each in (weight, bias) if each is not None]
        return self._op("Conv", value, *constants, **attributes)

    def _conv_in_8_bits(
        self, value: str, weight: NDArray[Any], bias: NDArray[Any] | None, of: Sequence[float], **attributes: Any
    ) -> str:
        """Convolve bytes; ONNX Runtime makes one operator of a convolution and the conversions around it."""
        scale, zero = _steps(*of[:2])
        by_channel = np.abs(weight).reshape(len(weight), -1).max(axis=1).astype(np.float64) / SIGNED
        by_channel[by_channel == 0] = 1 / SIGNED
        stored = np.rint(weight / by_channel.reshape(-1, *[1] * (weight.ndim - 1))).astype(np.int8)
        inputs = [self._as_bytes(value, scale, zero), self._of_bytes(stored, by_channel)]
        if bias is not None:
            inputs.append(self._of_bytes(np.rint(bias / (by_channel * scale)).astype(np.int32), by_channel * scale))
        return self._as_bytes(self._op("Conv", *inputs, **attributes), *_steps(*of[2:]))

    def _as_bytes(self, value: str, scale: float, zero: int) -> str:
        """Round a value to what bytes can stand for."""
        steps = self._constant(np.float32(scale)), self._constant(np.uint8(zero))
        return self._op("DequantizeLinear", self._op("QuantizeLinear", value, *steps), *steps)

    def _of_bytes(self, stored: NDArray[Any], by_channel: NDArray[np.float64]) -> str:
        """Return what whole numbers stand for, each channel with a step of its own."""
        zeros = self._constant(np.zeros(len(stored), stored.dtype))
        scales = self._constant(by_channel.astype(np.float32))
        return self._op("DequantizeLinear", self._constant(stored), scales, zeros, axis=0)

    def _normalized(self, value: str, norm: str) -> str:
        scale, shift = (self._constant(each.astype(np.float32)[None, :, None]) for each in self._affine(norm))
        return self._op("Relu", self._op("Add", self._op("Mul", value, scale), shift))

    def _affine(self, norm: str) -> _Affine:
        """Return what a batch normalization multiplies with, and what it adds."""
        deviation = np.sqrt(self._weights[f"{norm}.running_var"] + np.float32(EPSILON))
        scale = self._weights.get(f"{norm}.weight", np.float32(1)) / deviation
        return scale, self._weights.get(f"{norm}.bias", np.float32(0)) - self._weights[f"{norm}.running_mean"] * scale

    def _op(self, kind: str, *inputs: str, named: str = "", **attributes: Any) -> str:
        output = named or self._name()
        self.nodes.append(helper.make_node(kind, inputs, [output], **attributes))
        return output

    def _constant(self, value: Any) -> str:
        name = self._name()
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(value).reshape(np.shape(value)), name))
        return name

    def _whole(self, *numbers: int) -> str:
        return self._constant(np.array(numbers, np.int64))

    def _name(self) -> str:
        self._count += 1
        return f"v{self._count}"


def _steps(least: float, largest: float) -> tuple[float, int]:
    """Return what one step of a byte stands for in a range, and the byte that stands for 0, which is in every range."""
    scale = (max(largest, 0.0) - min(least, 0.0)) / UNSIGNED
    return scale, round(-min(least, 0.0) / scale)
