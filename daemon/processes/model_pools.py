"""The engines of all models in use: that of `[model]`, and those of folders, which are loaded only when needed."""

import logging
import time
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace

from daemon.chunk import Chunk
from daemon.errors import Unavailable
from daemon.processes.child import START_ATTEMPTS, Peer
from daemon.processes.engine import Engine, EngineEvent, LostBatches
from daemon.processes.engine_pool import EnginePool
from daemon.processes.protocol import LoadModel, Ready

log = logging.getLogger(__name__)

RETRY_S = 60.0
"""A model that could not be loaded is not tried again before this."""


@dataclass(frozen=True, slots=True)
class ModelUnavailable:
    """A model of a folder cannot be loaded now, or no more."""

    model: str
    reason: str


@dataclass(slots=True)
class _Pool:
    """The engines of a model."""

    engines: EnginePool
    used_at: float
    """When a job last needed it or waited for it, on the monotonic clock."""
    served: int = 0
    """The number of its last batch, of all that were handed out."""


class ModelPools:
    """Engine pools by the names of their models.

    Args:
        load: The model of `[model]`, whose engines run all the time.
        others: The models that folders may use besides.
        unload_s: How long one of these stays loaded without a job.
        elsewhere: What the engines elsewhere are told, which work for the model of `[model]`.
        on_cluster: What those on machines of a cluster are told, for the same model.
    """

    def __init__(
        self,
        load: LoadModel,
        others: Collection[str] = (),
        unload_s: float = 600.0,
        elsewhere: Sequence[LoadModel] = (),
        on_cluster: LoadModel | None = None,
    ) -> None:
        self.main = EnginePool(load, elsewhere=elsewhere, on_cluster=on_cluster)
        self.others = frozenset(others) - {load.name}
        self._load = load
        self._unload_s = unload_s
        self._pools = {load.name: _Pool(self.main, 0.0)}
        self._due: frozenset[str] = frozenset()
        """The models of folders that jobs wait for."""
        self._canaries: dict[str, str] = {}
        """What the models that are unloaded had heard in their clip; they must hear it again."""
        self._retry_at: dict[str, float] = {}
        self._batches = 0

    @property
    def children(self) -> list[Peer]:
        """The children that live."""
        return [child for pool in self._pools.values() for child in pool.engines.children]

    @property
    def processes(self) -> list[tuple[str, int]]:
        """(name, process id) of the children, for the monitor's thread."""
        return [each for pool in list(self._pools.values()) for each in pool.engines.processes]

    @property
    def restarts(self) -> dict[str, int]:
        """Deaths of each engine since it was first loaded, for the monitor's thread."""
        return {name: deaths for pool in list(self._pools.values()) for name, deaths in pool.engines.restarts.items()}

    @property
    def in_flight(self) -> int:
        """How many batches the engines have."""
        return sum(pool.engines.in_flight for pool in self._pools.values())

    def name_of(self, model: str) -> str:
        """Return the model that takes what is to be transcribed with this one: itself, or that of `[model]`."""
        return model if model in self.others else self._load.name

    def ready_of(self, model: str) -> Ready | None:
        """Return what an engine of a model says of itself, once one is ready."""
        pool = self._pools.get(self.name_of(model))
        return None if pool is None else pool.engines.ready

    def want(self, models: Collection[str]) -> list[str]:
        """Load models of folders that jobs wait for, and return all that are not ready."""
        self._due = self.others.intersection(models)
        for name in self._due - self._pools.keys():
            if time.monotonic() >= self._retry_at.get(name, 0.0):
                log.info("loading %s, which a folder asks for", name)
                engines = EnginePool(self._load_of(name), f"engine {name}", self._canaries.get(name))
                self._pools[name] = _Pool(engines, time.monotonic())
        return [name for name in self.others if self.ready_of(name) is None]

    def keep_alive(self, in_use: Collection[str] = ()) -> None:
        """Start every engine that should run and does not; unload the models that no job has needed for a while.

        Args:
            in_use: The models of the jobs that run.
        """
        now = time.monotonic()
        for name, pool in list(self._pools.items()):
            # While it loads, nothing could use it; what is due is claimed once there is a place for it.
            if not pool.engines.is_ready or name in self._due or name in in_use:
                pool.used_at = now
            elif name in self.others and now - pool.used_at >= self._unload_s and not pool.engines.in_flight:
                log.info("unloading %s: no recording has needed it for %.0f s", name, now - pool.used_at)
                self._drop(name)
                continue
            pool.engines.keep_alive()

    def in_turn(self) -> Iterator[tuple[str, EnginePool]]:
        """Yield the models that are loaded and their engines, the one that has waited longest for a batch first."""
        for name, pool in sorted(self._pools.items(), key=lambda item: item[1].served):
            if pool.engines.is_ready:
                yield name, pool.engines

    def has_room(self, engine: Engine) -> bool:
        """Return whether a batch may begin on a device: the models that share it take turns on its workers."""
        if len(self._pools) == 1:
            return True
        engines = (other for pool in self._pools.values() for other in pool.engines.engines)
        sharing = [other for other in engines if other.device == engine.device]
        # By the most that any of them has: one with fewer workers would find all taken whenever it is its turn.
        return sum(len(other.batches) for other in sharing) < max(other.workers for other in sharing)

    def run(self, engine: Engine, chunks: Sequence[Chunk]) -> None:
        """Hand a batch to a ready engine; the answer is BatchDone, BatchFailed or LostBatches."""
        pool = self._pool_of(engine)
        self._batches += 1
        pool.served = self._batches
        pool.engines.run(engine, chunks)

    def receive(self, child: Peer) -> EngineEvent | ModelUnavailable | None:
        """Return what an engine has to say; see `EnginePool.receive`.

        Raises:
            Unavailable: The model of `[model]` cannot be loaded, and never could since the start.
        """
        name, pool = next(item for item in self._pools.items() if child in item[1].engines.children)
        try:
            event = pool.engines.receive(child)
            if name not in self.others or not pool.engines.lost:
                return event
            why = f"its engine ended {START_ATTEMPTS} times in a row"
        except Unavailable as error:
            if name not in self.others:
                raise
            why = str(error)
        self._drop(name)
        self._retry_at[name] = time.monotonic() + RETRY_S
        unavailable = ModelUnavailable(name, f"the model {name} cannot be loaded: {why}")
        log.error("%s", unavailable.reason)
        return unavailable

    def shrink(self, engine: Engine, batch_size: int) -> None:
        """Give an engine no more than so many chunks at once from now on: its memory holds no more."""
        self._pool_of(engine).engines.shrink(engine, batch_size)

    def kill(self, engine: Engine, why: str) -> LostBatches:
        """End an engine's process; it is started again after a while."""
        return self._pool_of(engine).engines.kill(engine, why)

    def close(self) -> None:
        """End all children."""
        for pool in self._pools.values():
            pool.engines.close()

    def _load_of(self, name: str) -> LoadModel:
        """Return what the engines of a folder's model are told: all but the model is as the main one has it by now."""
        layout = self.main.engines[0].load
        return replace(
            self._load,
            name=name,
            languages=(),
            workers=layout.workers,
            cpu_threads=layout.cpu_threads,
            batch_size=layout.batch_size,
        )

    def _drop(self, name: str) -> None:
        engines = self._pools.pop(name).engines
        if engines.canary is not None:
            self._canaries[name] = engines.canary
        engines.close()

    def _pool_of(self, engine: Engine) -> _Pool:
        pools = self._pools.values()
        return next(pool for pool in pools if any(each is engine for each in pool.engines.engines))
