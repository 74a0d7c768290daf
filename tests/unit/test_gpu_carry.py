"""What is packed for a machine without network, and how it is shared out."""

from pathlib import Path

import numpy as np
import pytest

from daemon.engine.generate.model_bin import Weights, read_weights
from daemon.engine.model_files import resolve
from tools.gpu.carry import needed, packed
from tools.gpu.models import SHAPES
from tools.gpu.weights import quantize, quantized


def test_things_are_shared_out_among_parcels_that_hold_them() -> None:
    sizes = {"a": 43, "b": 35, "c": 39, "d": 10, "e": 5}
    parcels = packed(sizes, 60)
    assert sorted(name for names in parcels for name in names) == sorted(sizes) and len(parcels) == 3
    assert all(sum(sizes[name] for name in names) <= 60 for names in parcels)
    with pytest.raises(ValueError, match="c has"):
        packed({"c": 3 << 20}, 2 << 20)


def test_what_is_needed_is_followed_to_the_end_but_not_through_what_is_there() -> None:
    found = {each.partition("==")[0] for each in needed(("transcribed",), frozenset({"numpy", "faster-whisper"}))}
    assert {"sqlalchemy", "pydantic", "pydantic-core", "ctranslate2"} <= found
    assert not {"numpy", "faster-whisper", "transcribed"} & found
    assert all("==" in each for each in needed(("transcribed",), frozenset()))


def test_matrices_are_quantized_row_by_row_and_nothing_else() -> None:
    matrix = np.array([[1.0, -2.0], [0.0, 0.0]], np.float16)
    weights: Weights = {
        "x/linear_0/weight": matrix,
        "x/bias": np.ones(2, np.float16),
        "x/conv/weight": np.ones((1, 1, 1)),
    }
    made = quantized(weights)
    assert list(made) == sorted(made) and made["x/bias"] is weights["x/bias"]
    assert made["x/linear_0/weight"].dtype == np.int8 and made["x/conv/weight"].ndim == 3
    back = made["x/linear_0/weight"] / made["x/linear_0/weight_scale"][:, None]
    assert np.abs(back - matrix).max() < 0.01


@pytest.mark.model
def test_a_model_in_int8_is_half_as_large_and_has_the_same_weights(tmp_path: Path) -> None:
    source = resolve("tiny.en") / "model.bin"
    quantize(source, tmp_path / "model.bin")
    assert (tmp_path / "model.bin").stat().st_size < 0.6 * source.stat().st_size
    before, after = read_weights(source), read_weights(tmp_path / "model.bin")
    assert before.keys() == {name for name in after if not name.endswith("_scale")}
    assert all(before[name].shape == after[name].shape for name in before)


def test_the_random_models_have_the_published_shapes() -> None:
    large, turbo = SHAPES["large-v3"], SHAPES["turbo"]
    assert (large.encoder_layers, large.decoder_layers, turbo.decoder_layers) == (32, 32, 4)
    assert large.width == turbo.width == 64 * large.heads and large.mels == 128
