"""The engines of one model, as the rest of the daemon sees them."""

from collections.abc import Sequence
from dataclasses import replace
from difflib import SequenceMatcher

from daemon.processes.child import START_ATTEMPTS, Peer
from daemon.processes.engine import Engine
from daemon.processes.protocol import Downloading, Ready

CLUSTER = "cluster"
"""What the machines of a cluster are called together, as a device."""

CANARY_LEAST = 0.8
"""Share of the words of its clip that an engine must hear again: sums on a GPU may round differently."""


class Engines:
    """What is known of them; `EnginePool` starts and ends them.

    Args:
        called: what the monitor calls one, before its name.
        canary: what an engine of this model had heard in its clip when it was loaded before.
    """

    def __init__(self, engines: Sequence[Engine], called: str, canary: str | None) -> None:
        self.engines = list(engines)
        self._called = called
        self.canary = canary
        """What the first engine of ours that was ready had heard; None until then."""
        self.away = ""
        """Why the cluster cannot be used, if that is so."""

    @property
    def children(self) -> list[Peer]:
        """The children that live, and the connections to those on other machines."""
        return [engine.child for engine in self.engines if engine.child is not None]

    @property
    def processes(self) -> list[tuple[str, int]]:
        """(name, process id) of the children, for the monitor's thread."""
        return [
            (f"{self._called} {each.name}", pid)
            for each in list(self.engines)
            if (child := each.child) is not None and (pid := child.pid) is not None
        ]

    @property
    def restarts(self) -> dict[str, int]:
        """Deaths of each engine since the daemon's start, for the monitor's thread."""
        return {f"{self._called} {each.name}": each.restarts for each in list(self.engines)}

    @property
    def here(self) -> list[Engine]:
        """The engines of this machine."""
        return [engine for engine in self.engines if engine.is_here]

    @property
    def ready_here(self) -> Ready | None:
        """What one of the engines of this machine says of itself, once one is ready."""
        return next((engine.ready for engine in self.here if engine.ready is not None), None)

    @property
    def is_ready(self) -> bool:
        """Whether one of the engines is ready, and what they have to share is known; see `ready`."""
        if self.canary is None and 0 < len(self.here) < len(self.engines):
            return False
        return any(engine.ready is not None for engine in self.engines)

    @property
    def ready(self) -> Ready | None:
        """What one of the engines says of itself, once one is ready; one of this machine, if there is one.

        What they make together is made on the device of each kind: `cpu, cluster, gpubox:8642`. Those elsewhere say
        nothing before one of this machine has been ready: only then it is known what they have to share.
        """
        if not self.is_ready:
            return None
        far = [each for each in self.engines if not each.is_here and each.ready is not None]
        found = {CLUSTER if each.place else each.name: each.ready for each in far if each.ready is not None}
        if self.ready_here is not None:
            found = {self.ready_here.device: self.ready_here, **found}
        return replace(next(iter(found.values())), device=", ".join(found))

    @property
    def trouble(self) -> str:
        """Why no engine is ready, where there are only those elsewhere and one has said so; else ""."""
        if self.is_ready or any(engine.is_needed for engine in self.engines):
            return ""
        return next((engine.trouble for engine in self.engines if engine.trouble), self.away)

    @property
    def download(self) -> Downloading | None:
        """How far an engine is that downloads the model; None while none does. For any thread."""
        return next((each for engine in list(self.engines) if (each := engine.download) is not None), None)

    @property
    def ready_count(self) -> int | None:
        """How many engines are ready; None while the model is downloaded. For any thread."""
        return None if self.download else sum(engine.ready is not None for engine in list(self.engines))

    @property
    def lost(self) -> bool:
        """Whether no engine is ready, and each has ended again and again while it loaded."""
        return all(engine.ready is None and engine.deaths >= START_ATTEMPTS for engine in self.engines)

    @property
    def in_flight(self) -> int:
        """How many batches the engines have."""
        return sum(len(engine.batches) for engine in self.engines)

    @property
    def capacity(self) -> int:
        """How many chunks all workers compute on at once; 0 before an engine is ready."""
        workers = self.ready_here.workers if self.ready_here is not None else 0
        far = sum(engine.workers * engine.batch_size for engine in self.engines if not engine.is_here)
        return workers * sum(engine.batch_size for engine in self.here) + far

    def hears(self, canary: str) -> bool:
        """Tell whether an engine hears in its clip what the first one heard; the first one is believed."""
        if self.canary is not None and not heard_again(self.canary, canary):
            return False
        self.canary = self.canary or canary
        return True


def heard_again(before: str, now: str) -> bool:
    """Tell whether two texts of the clip are the same but for some words; a model that hears nothing never does."""
    return not before or SequenceMatcher(None, before.split(), now.split()).ratio() >= CANARY_LEAST
