"""Presets, and whether a model fits into a device's memory."""

import pytest

from daemon.config.presets import PRESETS, advice, needed_mb
from daemon.config.settings import Model
from daemon.engine.devices import CUDA_WORKERS
from daemon.engine.loader import COMPUTE_TYPES


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_is_one_that_the_configuration_takes(name: str) -> None:
    assert Model(preset=name).preset == name  # type: ignore[arg-type]


def test_advice_says_what_to_change() -> None:
    large = 3_090_000_000
    assert advice(large, "int8_float16", 4, 16, 80_000).startswith("fits")
    assert "set model.batch_size =" in advice(large, "int8_float16", 4, 16, 10_000)
    assert "set model.workers = 1" in advice(large, "int8_float16", 4, 1, 3_000)
    assert "use an int8 compute type" in advice(large, "float32", 1, 1, 4_000)
    assert "use a smaller model" in advice(large, "int8", 1, 1, 1_000)


def test_int8_needs_a_third_of_float32() -> None:
    assert needed_mb(3_090_000_000, "float32", 1, 1) > 2.5 * needed_mb(3_090_000_000, "int8", 1, 1)


@pytest.mark.parametrize("name", [name for name, preset in PRESETS.items() if preset.device == "cuda"])
def test_large_v3_fits_on_the_card_that_a_preset_is_for(name: str) -> None:
    preset = PRESETS[name]
    assert preset.workers is not None and preset.workers >= CUDA_WORKERS, "one prepares while another one computes"
    told = advice(3_090_000_000, preset.compute_type, preset.workers, preset.batch_size, 1000 * preset.memory_gb)
    assert told.startswith("fits"), told


def test_what_a_preset_sets_is_what_a_gpu_supports() -> None:
    assert all(preset.compute_type in COMPUTE_TYPES[preset.device] for preset in PRESETS.values())
