"""What nvidia-smi prints, read through GPUtil; tests/integration/test_gpu.py runs the probe with fake programs."""

from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from daemon.monitor.nvidia import NO_GPU, ProbeError, _figures, gpus_of

LINE = "0, GPU-aaaa, 45, 24564, 12000, 12564, 570.1, RTX 4090, [N/A], Disabled, Disabled, {}"


def figures(output: str) -> list[dict[str, object]]:
    return [_figures(gpu) for gpu in gpus_of(output.encode())]


def test_one_line_is_one_gpu() -> None:
    assert figures(LINE.format(61) + "\n") == [
        {
            "index": 0, "uuid": "GPU-aaaa", "name": "RTX 4090", "load_percent": 45.0, "memory_used_mb": 12000.0,
            "memory_total_mb": 24564.0, "temperature_c": 61.0,
        },
    ]  # fmt: skip


@pytest.mark.parametrize("said", ["[N/A]", "[Unknown Error]", "[Not Supported]"])
def test_what_is_not_known_is_none(said: str) -> None:
    (gpu,) = figures(LINE.format(said))
    assert gpu["temperature_c"] is None and gpu["memory_used_mb"] == 12000.0


def test_a_name_with_commas_shifts_nothing() -> None:
    (gpu,) = figures(LINE.format(50).replace("RTX 4090", "RTX, 4090, Ti"))
    assert (gpu["name"], gpu["temperature_c"]) == ("RTX 4090 Ti", 50.0)


def test_no_memory_at_all_divides_nothing_by_zero() -> None:
    (gpu,) = figures(LINE.format(50).replace("24564", "0"))
    assert gpu["memory_total_mb"] is None


def test_no_devices_are_no_error_and_silence_is_one() -> None:
    assert figures(f"{NO_GPU}\n") == []
    for output in ("", "\n \n"):
        with pytest.raises(ProbeError, match="printed nothing"):
            figures(output)


@settings(max_examples=25, deadline=None)
@given(st.text(max_size=200))
def test_nonsense_is_a_probe_error_and_nothing_else(text: str) -> None:
    with suppress(ProbeError):
        figures(text)
