"""The file with the weights of a model, of whichever engine."""

from pathlib import Path

import pytest

from daemon.engine.weights_file import weights_file
from daemon.errors import Unavailable
from tests.onnx_models import make_tdt


def test_each_engine_has_a_file_with_most_of_the_weights(tmp_path: Path) -> None:
    (tmp_path / "model.bin").write_bytes(b"weights")
    assert weights_file(str(tmp_path), "whisper") == tmp_path / "model.bin"
    folder = make_tdt(tmp_path / "parakeet-tdt-0.6b-v2", [("▁yes", 0.9)])
    (folder / "encoder-model.onnx.data").write_bytes(bytes(100_000))
    assert weights_file(str(folder), "onnx") == folder / "encoder-model.onnx.data"
    assert weights_file("whatever", "tests.plain_engine") is None


def test_a_model_that_is_not_there_is_said() -> None:
    with pytest.raises(Unavailable, match="engine 'onnx' knows"):
        weights_file("parakeet", "onnx")
