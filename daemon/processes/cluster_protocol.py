"""What the daemon and its link to a cluster say to each other, besides what an engine is told and answers."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class JoinCluster:
    """To the link, once: the cluster, and what is wanted of it."""

    address: str
    """As `cluster.address` has it."""
    token_file: str
    """The file with the token of the cluster; "" if it has none."""
    gpu: int | None
    """How many engines with a GPU are wanted; None for as many as there are."""
    cpu: int | None
    """How many engines without one; None for one on each machine, where the whole cluster has no GPU."""
    gpus_every_s: float
    """How often each machine tells of its GPUs."""
    probe_s: float
    """How long nvidia-smi may take there."""


@dataclass(frozen=True, slots=True)
class ClusterJoined:
    """From the link, first of all: it is part of the cluster."""

    machines: int
    gpus: int
    """How many all of them have."""
    engines: int
    """How many places of those that are wanted there are, taken by others or not."""


@dataclass(frozen=True, slots=True)
class Place:
    """From the link: room for an engine on a machine of the cluster."""

    number: int
    """Never used again by the same link."""
    node: str
    """The machine's name."""
    device: str
    """What an engine there is told to use: cuda or cpu."""
    name: str
    """What the engine is called: `gpubox/cuda:1`."""


@dataclass(frozen=True, slots=True)
class PlaceGone:
    """From the link: no engine can run there any more."""

    number: int
    why: str


@dataclass(frozen=True, slots=True)
class Attach:
    """To the link: start an engine at a place. The daemon's connection to it follows as an SCM_RIGHTS message."""

    place: int


@dataclass(frozen=True, slots=True)
class EngineEnded:
    """From the link, on the connection of an engine, before it is closed: how the engine has come to its end."""

    how: str
    by_itself: bool
    """Whether its process has died, and not its machine, or the way to it."""


@dataclass(frozen=True, slots=True)
class NodeGpus:
    """From the link: the GPUs of a machine of the cluster, as the probe there has read them."""

    node: str
    probe: str
    """JSON: `gpus`, each with the figures of `daemon.monitor.sample.Gpu`, and `error`."""


@dataclass(frozen=True, slots=True)
class NodeLeft:
    """From the link: a machine is not part of the cluster any more."""

    node: str


@dataclass(frozen=True, slots=True)
class ClusterTrouble:
    """From the link: why no engine of the cluster, or none on one machine, can be used."""

    message: str
    hint: str
