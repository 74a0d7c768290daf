"""The GPUs of machines of a cluster: what is said of them is checked."""

import json

import pytest

from daemon.monitor.machines import GPUS_MAX, TEXT_MAX, gpus_of

FIGURES = {"index": 1, "uuid": "GPU-0123456789abc", "name": "NVIDIA L4", "temperature_c": 71, "load_percent": 8.5}


def probe(*gpus: object) -> str:
    return json.dumps({"gpus": gpus, "error": None})


def test_the_gpus_of_all_machines_say_where_they_are() -> None:
    found = gpus_of({"b": probe(FIGURES, {**FIGURES, "index": 2, "throttle": ["power cap"]}), "a": probe(FIGURES)})
    assert [(gpu.node, gpu.index, gpu.temperature_c, gpu.throttle) for gpu in found] == [
        ("a", 1, 71.0, ()),
        ("b", 1, 71.0, ()),
        ("b", 2, 71.0, ("power cap",)),
    ]
    assert found[0].subject == "a: NVIDIA L4 GPU-01234567"


@pytest.mark.parametrize(
    "said",
    [
        "",
        "[]",
        "{}",
        '{"gpus": 3}',
        probe("x"),
        probe({**FIGURES, "index": "one"}),
        probe({**FIGURES, "name": 7}),
        probe({**FIGURES, "throttle": [1]}),
        "[" * 100_000,
    ],
)
def test_a_machine_that_makes_no_sense_is_left_out(said: str) -> None:
    assert [gpu.node for gpu in gpus_of({"a": said, "b": probe(FIGURES)})] == ["b"]


def test_figures_that_are_none_are_unknown_and_texts_have_an_end() -> None:
    (gpu,) = gpus_of(
        {"a": probe({**FIGURES, "temperature_c": "hot", "load_percent": float("nan"), "name": "x\n" * 999})}
    )
    assert (gpu.temperature_c, gpu.load_percent) == (None, None)
    assert gpu.name == "x" * TEXT_MAX
    assert len(gpus_of({"a": probe(*[FIGURES] * 1000)})) == GPUS_MAX
