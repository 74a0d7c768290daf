"""Networks in int8."""

from pathlib import Path

import numpy as np
import pytest

from daemon.bench.runtimes import static_int8
from daemon.bench.runtimes.networks import DECODER, ENCODER, onnx_runtime, openvino, write_networks
from daemon.bench.runtimes.static_int8 import (
    clips,
    measured,
    write_onnx_static,
    write_openvino_static,
    write_openvino_weights,
)
from daemon.clips import references
from tests.tiny_whisper import write_model

NEEDS = "needs pip install 'transcribed[schemes]'"


def test_ranges_are_measured_on_the_clips_with_the_text_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    some = dict(list(references().items())[:4])
    monkeypatch.setattr(static_int8, "references", lambda: some)
    first, second, *others = clips(write_model(tmp_path))
    assert len(others) == 2
    assert first[0].shape == (1, 80, 3000) and first[0].dtype == np.float32
    begin, end = [50257, 50363], [50463, 50256]
    assert first[1][0, :2].tolist() == begin and first[1][0, -2:].tolist() == end
    said = first[1][0, 2:-2].tolist()
    assert second[1][0, : len(said) + 3].tolist() == [50360, *said, *begin]


@pytest.mark.slow
@pytest.mark.parametrize("write", [write_onnx_static, write_openvino_static, write_openvino_weights])
def test_int8_is_near_to_float32_and_smaller(write: object, tmp_path: Path) -> None:
    for package in ("onnx", "openvino", "nncf"):
        pytest.importorskip(package, reason=NEEDS)
    folder = write_model(tmp_path)
    (tmp_path / "int8").mkdir()
    write_networks(folder, tmp_path)
    write(folder, tmp_path / "int8")  # type: ignore[operator]
    load, kind = (onnx_runtime, ".onnx") if write is write_onnx_static else (openvino, ".xml")
    (sound, *_), (step, *_) = measured(folder, tmp_path)
    for file, feed, output in ((ENCODER, sound, "cross_values_1"), (DECODER, step, "logits")):
        wanted = onnx_runtime(tmp_path / file)(feed)[output]
        given = load((tmp_path / "int8" / file).with_suffix(kind))(feed)
        assert given.keys() == onnx_runtime(tmp_path / file)(feed).keys()
        found = given[output]
        alike = np.corrcoef(found.ravel(), wanted.ravel())[0, 1]
        assert 0.8 < alike < 0.999999, "random weights are no easy case"
    weights = (tmp_path / "int8" / DECODER).with_suffix(".onnx" if kind == ".onnx" else ".bin")
    assert weights.stat().st_size < 0.8 * (tmp_path / DECODER).stat().st_size
