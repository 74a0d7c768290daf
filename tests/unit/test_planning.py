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


def test_one_that_has_got_a_namesake_is_still_the_same() -> None:
    assert Slot(SMALL, "cuda", 0) == Slot(Node("1", "small-1", 1, 0), "cuda", 0)


BOX, DESK = Node("4", "box", 0, 2), Node("5", "desk", 0, 1)


@pytest.mark.parametrize(
    ("ours", "free", "found"),
    [
        ([], None, ["box", "desk"]),
        ([], {"4": {"CPU": 2.0}, "5": {"CPU": 1.0}}, ["box", "desk"]),
        ([], {"4": {"CPU": 0.0}, "5": {"CPU": 1.0}}, ["desk", "box"]),
        ([], {"4": {}, "5": {"CPU": 1.0}}, ["desk", "box"]),
        ([Slot(BOX, "cpu", 0)], {"4": {"CPU": 0.0}, "5": {"CPU": 1.0}}, ["box", "desk"]),
        ([Slot(DESK, "cpu", 0)], {"4": {"CPU": 2.0}, "5": {}}, ["desk", "box"]),
    ],
    ids=["nobody knows", "all is free", "the first is taken", "Ray leaves out what is none", "by us", "we stay"],
)
def test_of_several_machines_one_that_nobody_has_taken(
    ours: list[Slot], free: dict[str, dict[str, float]] | None, found: list[str]
) -> None:
    for count in (1, 2):
        assert [slot.node.name for slot in wanted([BOX, DESK], 0, count, ours, free)] == found[:count]
