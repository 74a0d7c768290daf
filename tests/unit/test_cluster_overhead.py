"""The table of an engine as a child and through Ray."""

from typing import Any

from daemon.bench.cluster.overhead import COLUMNS, row
from daemon.bench.workload import Workload

LOAD = Workload("60 memos", (), "")


def run(contender: str, wall_s: float, cpu_s: float) -> dict[str, Any]:
    return {"contender": contender, "wall_s": wall_s, "cpu_s": cpu_s, "engine_cpu_s": cpu_s / 2, "wer_percent": 1.5}


def test_ratios_are_those_of_turns_side_by_side() -> None:
    """A turn for which the machine was slow is so for both: the ratio of the medians would be 1.3."""
    child = [run("a child", 10, 20), run("a child", 20, 40), run("a child", 30, 60)]
    ray = [run("through Ray", 10.5, 22), run("through Ray", 26, 44), run("through Ray", 31.5, 66)]
    found = row(LOAD, ray, child)
    assert list(found) == list(COLUMNS)
    assert (found["wall ratio"], found["CPU ratio"], found["wall s"], found["CPU s"]) == (1.05, 1.1, 26, 44)
    assert found["of it the engine's"] == 22 and found["WER %"] == 1.5
    assert row(LOAD, child, child)["CPU ratio"] == 1.0
