import pytest

from daemon.config.parallelism import Parallelism, Trial, best, candidates
from daemon.config.presets import PRESETS, advice, needed_mb
from daemon.config.settings import Model
from daemon.processes.load_order import load_order

USUAL = Parallelism(4, 1, 4)


def test_the_usual_layout_is_tried_first_and_none_twice() -> None:
    tried = candidates(USUAL, cores=4, on_cpu=True)
    assert tried[0] == USUAL and len(set(tried)) == len(tried)
    assert {(layout.workers, layout.cpu_threads) for layout in tried} == {(4, 1), (2, 2), (1, 4)}


def test_one_core_has_one_shape() -> None:
    assert {layout.workers for layout in candidates(Parallelism(1, 1, 4), cores=1, on_cpu=True)} == {1}


def test_a_gpu_is_tried_with_larger_batches() -> None:
    assert max(layout.batch_size for layout in candidates(Parallelism(2, 1, 16), cores=8, on_cpu=False)) == 32


def test_only_a_clear_winner_replaces_the_usual_layout() -> None:
    other = Parallelism(2, 2, 4)
    assert best([Trial(USUAL, 10.0), Trial(other, 10.5)]) == USUAL
    assert best([Trial(USUAL, 10.0), Trial(other, 12.0)]) == other


def test_what_is_configured_goes_before_the_preset_and_the_preset_before_the_measured_layout() -> None:
    layout = Parallelism(7, 3, 9)
    order = load_order(Model(), layout)
    assert (order.workers, order.cpu_threads, order.batch_size) == (7, 3, 9)
    order = load_order(Model(preset="a100"), layout)
    assert (order.device, order.compute_type, order.workers, order.batch_size) == ("cuda", "int8_float16", 8, 32)
    order = load_order(Model(preset="edge", batch_size=2), layout)
    assert (order.device, order.workers, order.batch_size, order.cpu_threads) == ("cpu", 1, 2, 3)
    order = load_order(Model())
    assert (order.device, order.compute_type, order.workers, order.batch_size) == ("auto", "auto", None, None)


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
