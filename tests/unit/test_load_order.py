"""What an engine is told to load, and what a layout is measured for."""

from daemon.config.parallelism import Parallelism
from daemon.config.settings import Model
from daemon.processes.load_order import load_order


def test_what_is_configured_goes_before_the_preset_and_the_preset_before_the_measured_layout() -> None:
    layout = Parallelism(7, 3, 9)
    order = load_order(Model(), layout)
    assert (order.workers, order.cpu_threads, order.batch_size) == (7, 3, 9)
    order = load_order(Model(preset="a100"), layout)
    assert (order.device, order.compute_type, order.workers, order.batch_size) == ("cuda", "int8_float16", 2, 32)
    order = load_order(Model(preset="edge", batch_size=2), layout)
    assert (order.device, order.workers, order.batch_size, order.cpu_threads) == ("cpu", 1, 2, 3)
    order = load_order(Model())
    assert (order.device, order.compute_type, order.workers, order.batch_size) == ("auto", "auto", None, None)
    assert order.decoder == "auto" and load_order(Model(decoder="ctranslate2")).decoder == "ctranslate2"
