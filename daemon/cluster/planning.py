"""Where in a cluster engines are to run. Pure."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Node:
    """A machine of the cluster."""

    id: str
    """Ray's, new each time that it joins."""
    name: str = field(compare=False)
    """Another one once a second machine of its name joins."""
    gpus: int
    cpus: int
    """How many engines without a GPU may run there: what it was told when it joined, not its cores."""


@dataclass(frozen=True, slots=True)
class Slot:
    """Room for one engine on a machine."""

    node: Node
    device: str
    """cuda or cpu."""
    number: int
    """Among those of its machine and device, from 0."""


def nodes_of(listed: Iterable[Mapping[str, Any]]) -> tuple[Node, ...]:
    """Return the machines that live, of what Ray lists; those of one name are told apart by their ids."""
    alive = [each for each in listed if each["Alive"]]
    names = Counter(each["NodeManagerHostname"] for each in alive)

    def node(each: Mapping[str, Any]) -> Node:
        name, resources = each["NodeManagerHostname"], each["Resources"]
        unique = name if names[name] == 1 else f"{name}-{each['NodeID'][:6]}"
        return Node(each["NodeID"], unique, int(resources.get("GPU", 0)), int(resources.get("CPU", 0)))

    return tuple(sorted(map(node, alive), key=lambda each: (each.name, each.id)))


def wanted(
    nodes: Sequence[Node],
    gpu: int | None,
    cpu: int | None,
    ours: Collection[Slot] = (),
    free: Mapping[str, Mapping[str, float]] | None = None,
) -> list[Slot]:
    """Return where engines are to run.

    Args:
        nodes: The machines.
        gpu: How many engines with a GPU; None for one on each.
        cpu: How many without one, spread over the machines; None for one on each, where there is no GPU at all.
        ours: Where they run already, or are being started: they stay there.
        free: By machine, what nobody, such as another daemon, has taken; None where that is not known.
    """

    def preference(slot: Slot) -> int:
        if slot in ours:
            return 0
        resource = "GPU" if slot.device == "cuda" else "CPU"
        return 1 if free is None or free.get(slot.node.id, {}).get(resource, 0) >= 1 else 2

    with_gpu = [Slot(node, "cuda", number) for node in nodes for number in range(node.gpus)]
    without = [Slot(node, "cpu", number) for node in nodes for number in range(node.cpus)]
    without.sort(key=lambda slot: slot.number)
    if cpu is None:
        without = [] if with_gpu else [slot for slot in without if slot.number == 0]
    return sorted(with_gpu, key=preference)[:gpu] + sorted(without, key=preference)[:cpu]
