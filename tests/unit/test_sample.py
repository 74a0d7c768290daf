import pytest

from daemon.monitor.sample import BELOW_CRITICAL_C, Gpu, Sensor, Work


def test_a_gpu_is_called_by_its_uuid_which_stays() -> None:
    assert (
        Gpu(0, "GPU-12345678-90ab", "RTX").subject == Gpu(3, "GPU-12345678-90ab", "RTX").subject == "RTX GPU-12345678"
    )
    assert Gpu(3, "[N/A]", "RTX").subject == "RTX #3"


@pytest.mark.parametrize(
    ("used", "total", "percent"),
    [(1.0, 4.0, 25.0), (0.0, 4.0, 0.0), (None, 4.0, None), (1.0, None, None), (1.0, 0.0, None)],
)
def test_memory_is_known_only_if_both_figures_are(
    used: float | None, total: float | None, percent: float | None
) -> None:
    assert Gpu(0, "", "", memory_used_mb=used, memory_total_mb=total).memory_percent == percent


def test_a_cpu_is_too_hot_before_it_slows_itself_down() -> None:
    assert Sensor("coretemp", 50.0, 100.0).limit_c == 100.0 - BELOW_CRITICAL_C
    assert Sensor("coretemp", 50.0).limit_c is None


def test_what_is_no_error_is_a_success() -> None:
    assert Work(error_rate_percent=12.5).success_rate_percent == 87.5
