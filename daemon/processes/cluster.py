"""The daemon's side of a cluster: the child that links to it, the places for engines there, and its machines' GPUs."""

import logging
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial

from daemon.processes.child import Child, ChildDied, Peer, connected
from daemon.processes.cluster_protocol import (
    Attach,
    ClusterJoined,
    ClusterTrouble,
    JoinCluster,
    NodeGpus,
    NodeLeft,
    Place,
    PlaceGone,
)
from daemon.processes.engine_pool import EnginePool

log = logging.getLogger(__name__)

MODULE = "daemon.cluster.worker"
RESTART_S = (0.0, 1.0, 5.0, 15.0)
"""Wait before the first, second … start of a link in a row."""
FALLBACK_S = 10.0
"""A cluster that has had no engine for so long, also at the start, is away: one of this machine stands in."""


@dataclass(slots=True)
class Machines:
    """What the monitor reads of the machines of a cluster, and tells; for any thread."""

    probes: Mapping[str, str] = field(default_factory=dict)
    """By machine, what the probe of its GPUs last said: see `NodeGpus`. Replaced, never changed."""
    too_hot: frozenset[str] = frozenset()
    """The machines that must cool down. Replaced, never changed."""


class Cluster:
    """A cluster whose machines have engines for the model of `[model]`.

    Args:
        order: what the link is told.
        engines: those of the model, to which those of the cluster are added.
        falls_back: whether an engine of this machine stands in while the cluster is away.
    """

    def __init__(self, order: JoinCluster, engines: EnginePool, *, falls_back: bool) -> None:
        self._order = order
        self._engines = engines
        self._falls_back = falls_back
        self._link: Child | None = None
        self._places: set[int] = set()
        self._deaths = 0
        self._restarts = 0
        self._start_at = 0.0
        self._away_since: float | None = time.monotonic()
        self.machines = Machines()

    @property
    def children(self) -> list[Child]:
        """The link, while it lives."""
        return [] if self._link is None else [self._link]

    @property
    def processes(self) -> list[tuple[str, int]]:
        """(name, process id) of the link, for the monitor's thread."""
        return [("cluster", link.pid)] if (link := self._link) is not None else []

    @property
    def restarts(self) -> dict[str, int]:
        """How often the link had to be started again since the daemon's start."""
        return {"cluster": self._restarts}

    def keep_alive(self) -> None:
        """Start the link if it does not live and its wait is over, hold engines that are too hot, and fall back."""
        now = time.monotonic()
        if self._link is None and now >= self._start_at:
            self._link = Child(MODULE)
            with suppress(ChildDied):  # as `receive` will find
                self._link.send(self._order)
        engines = [engine for engine in self._engines.engines if engine.place is not None]
        for engine in engines:
            engine.too_hot = engine.place is not None and engine.place.node in self.machines.too_hot
        staying = [engine for engine in engines if not engine.leaving]
        # One that has just been found and loads its model is waited for, unless another one stands in by now.
        loading = any(not engine.trouble and not engine.deaths for engine in staying) and not self._is_away(now)
        if any(engine.ready is not None for engine in staying):
            self._away_since, self._engines.away = None, ""
        elif loading or self._away_since is None:
            self._away_since = now
        if self._falls_back:
            self._engines.stand_in(wanted=self._is_away(now))

    def _is_away(self, now: float) -> bool:
        return self._away_since is not None and now - self._away_since >= FALLBACK_S

    def receive(self, child: Peer) -> None:
        """Take what the link says, or its end; what becomes of batches, the connections to the engines say."""
        assert child is self._link
        try:
            answer = child.receive()
        except ChildDied as error:
            self._lost(str(error))
            return
        match answer:
            case ClusterJoined():
                log.info("cluster: %d machines with %d GPUs", answer.machines, answer.gpus)
            case Place():
                self._deaths = 0
                self._places.add(answer.number)
                log.info("cluster: room for an engine on %s", answer.name)
                self._engines.offer(answer, partial(self._attach, answer))
            case PlaceGone():
                self._places.discard(answer.number)
                self._engines.withdraw(answer.number)
            case NodeGpus():
                self.machines.probes = {**self.machines.probes, answer.node: answer.probe}
            case NodeLeft():
                log.warning("cluster: %s has left", answer.node)
                self.machines.probes = {
                    name: each for name, each in self.machines.probes.items() if name != answer.node
                }
            case ClusterTrouble():
                self._engines.away = f"{answer.message}; {answer.hint}"
                log.error("cluster: %s", self._engines.away)
            case _:
                self._lost(f"an unexpected answer: {type(answer).__name__}")

    def close(self) -> None:
        """End the link, and all engines of the cluster with it."""
        if self._link is not None:
            self._link.end(gently=True)
            self._link = None

    def _attach(self, place: Place) -> Peer:
        """Have an engine started, and return the connection to it."""
        ours, theirs = connected()
        far = Peer(ours)
        with theirs:
            try:
                if self._link is None:
                    raise ChildDied("the link is gone")
                self._link.send(Attach(place.number), theirs.fileno())
            except ChildDied as error:
                log.debug("the link does not listen: %s", error)
        return far

    def _lost(self, why: str) -> None:
        assert self._link is not None
        how = self._link.end()
        log.warning("cluster: the link has ended (%s; %s); it is started again", how, why)
        self._link = None
        for number in self._places:
            self._engines.withdraw(number)
        self._places.clear()
        self.machines.probes = {}
        self._start_at = time.monotonic() + RESTART_S[min(self._deaths, len(RESTART_S) - 1)]
        self._deaths += 1
        self._restarts += 1
