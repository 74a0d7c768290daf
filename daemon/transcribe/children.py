"""The children that the dispatcher waits for."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from multiprocessing.connection import wait

from daemon.guests.line import Question
from daemon.processes.child import ChildPool
from daemon.processes.cluster import Cluster
from daemon.processes.decoder_pool import DecoderEvent, DecoderPool
from daemon.processes.engine import EngineEvent
from daemon.processes.model_pools import ModelPools, ModelUnavailable
from daemon.processes.website import Website
from daemon.signals import Wakeup
from daemon.transcribe.autotune import Autotuner

Event = EngineEvent | ModelUnavailable | DecoderEvent | Question


@dataclass(frozen=True, slots=True)
class Children:
    """The pools, as one thing to wait for."""

    engines: ModelPools
    decoders: DecoderPool
    tuner: Autotuner
    cluster: Cluster | None = None
    website: Website | None = None
    """The page, which may ask what is said in the chunks of other daemons."""

    def keep_alive(self, in_use: Collection[str]) -> None:
        """Start every engine that should run and does not; see `ModelPools.keep_alive`."""
        self.engines.keep_alive(in_use)
        if self.cluster is not None:
            self.cluster.keep_alive()

    def events(self, wakeup: Wakeup, timeout_s: float) -> Iterator[Event]:
        """Wait until a child has something to say, is overdue, or somebody wakes the loop; yield what has happened.

        Each event must be dealt with before the next one is taken: it may end the child that is next.
        """
        pools: tuple[ChildPool[Event], ...] = (self.engines, self.decoders, self.tuner)
        pools += () if self.cluster is None else (self.cluster,)
        children = [(pool, child) for pool in pools for child in pool.children]
        line = self.website.line if self.website is not None else None
        lines = [line.fileno()] if line is not None else []
        ready = set(wait([wakeup.fileno(), *lines, *(child.fileno() for _, child in children)], timeout=timeout_s))
        if self.website is not None and not ready.isdisjoint(lines):
            question = self.website.receive()
            if question is not None:
                yield question
        for pool, child in children:
            if (child.fileno() in ready or child.overdue) and child in pool.children:
                event = pool.receive(child)
                if event is not None:
                    yield event
