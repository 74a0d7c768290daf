"""Where engines are to run, of what Ray lists."""

from typing import Any

import pytest

from daemon.cluster.planning import Node, Slot, nodes_of, wanted


def listed(name: str, node_id: str = "", *, alive: bool = True, **resources: float) -> dict[str, Any]:
    return {
        "NodeID": node_id or f"{name}0123456789",
        "Alive": alive,
        "NodeManagerHostname": name,
        "Resources": {"memory": 1e9, **resources},
    }


def test_machines_that_live_are_told_apart_and_know_their_room() -> None:
    found = nodes_of(
        [
            listed("box", "b1b1b1b1", GPU=2.0, CPU=8.0),
            listed("box", "a0a0a0a0"),
            listed("nas", CPU=1.0),
            listed("gone", alive=False, GPU=8.0),
        ]
    )
    assert [(node.name, node.gpus, node.cpus) for node in found] == [
        ("box-a0a0a0", 0, 0),
        ("box-b1b1b1", 2, 8),
        ("nas", 0, 1),
    ]


SMALL, LARGE, NAS = Node("1", "small", 1, 0), Node("2", "large", 2, 4), Node("3", "nas", 0, 2)


@pytest.mark.parametrize(
    ("nodes", "gpu", "cpu", "found"),
    [
        ([SMALL, LARGE, NAS], None, None, ["small cuda 0", "large cuda 0", "large cuda 1"]),
        ([NAS, LARGE], 1, 0, ["large cuda 0"]),
        ([NAS, LARGE], 1, 3, ["large cuda 0", "nas cpu 0", "large cpu 0", "nas cpu 1"]),
        ([NAS, NAS], 4, 0, []),
        ([NAS], None, None, ["nas cpu 0"]),
        ([], None, None, []),
    ],
    ids=[
        "all: every GPU",
        "one GPU",
        "a GPU, and cores over the machines",
        "no GPU there",
        "all: no GPU at all",
        "none",
    ],
)
def test_engines_go_where_they_are_wanted(
    nodes: list[Node], gpu: int | None, cpu: int | None, found: list[str]
) -> None:
    assert [f"{slot.node.name} {slot.device} {slot.number}" for slot in wanted(nodes, gpu, cpu)] == found


def test_a_machine_that_has_joined_again_is_another_place() -> None:
    assert Slot(SMALL, "cuda", 0) != Slot(Node("9", "small", 1, 0), "cuda", 0)
